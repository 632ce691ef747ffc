"""
A plan in words, for `apistar routes --explain`.
"""

from __future__ import annotations

from collections.abc import Iterator

from .plan import ASYNC_KINDS, Plan, StepKind
from .signature import name_of, where

_CLEANED = frozenset({StepKind.READ_GENERATOR, StepKind.CALL_GENERATOR, StepKind.CALL_ASYNC_GENERATOR})


def explained(plan: Plan) -> Iterator[str]:
    """One line per step, in the order in which they run, then the call, then the clean-ups in reverse."""
    number = 0
    for number, step in enumerate(plan.steps, start=1):
        notes = ["async"] if step.kind in ASYNC_KINDS else []
        if step.kind in _CLEANED:
            notes.append("cleaned up")
        note = f" ({', '.join(notes)})" if notes else ""
        origin = f"  {step.origin}" if step.origin else ""
        yield f"{number}. {step.label}{note}{origin}"
    yield f"{number + 1}. call {name_of(plan.call)}  {where(plan.call)}"
    for count, step in enumerate((step for step in reversed(plan.steps) if step.kind in _CLEANED), start=number + 2):
        yield f"{count}. clean up {step.label}"
