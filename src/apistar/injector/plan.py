"""
A plan: the steps that give a callable its arguments, and the values of one connection.

Plans are compiled by `program.py` when the application is built; nothing here looks at annotations. Every value has
a slot; slot 0 is the root of the connection. A step runs only if its slot is empty, so that plans of one program
(hooks, handler) share what was resolved. Clean-ups run in the reverse order of the steps, exactly once.
"""

from __future__ import annotations

import contextlib
import enum
import inspect
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final

import msgspec

MISSING: Final = object()


class StepKind(enum.Enum):
    """How a step gets its value."""

    READ = "read"
    """Called with the root."""
    READ_ASYNC = "read, async"
    READ_GENERATOR = "read, async with clean-up"
    CALL = "call"
    """Called with other values."""
    CALL_ASYNC = "call, async"
    CALL_GENERATOR = "call with clean-up"
    CALL_ASYNC_GENERATOR = "call, async with clean-up"
    PROVIDER = "provider"
    """Called with the resolution, for a value that is made on demand."""


_IMMEDIATE = frozenset({StepKind.READ, StepKind.CALL, StepKind.PROVIDER})
_YIELDS = frozenset({StepKind.READ_GENERATOR, StepKind.CALL_GENERATOR, StepKind.CALL_ASYNC_GENERATOR})
ASYNC_KINDS: Final = frozenset(
    {StepKind.READ_ASYNC, StepKind.READ_GENERATOR, StepKind.CALL_ASYNC, StepKind.CALL_ASYNC_GENERATOR}
)


class Arguments(msgspec.Struct, frozen=True):
    """Slots of a call's arguments: by position, then by name."""

    positions: tuple[int, ...] = ()
    keywords: tuple[tuple[str, int], ...] = ()


class Step(msgspec.Struct, frozen=True):
    """
    One value.

    Attributes:
        slot: Where the value goes.
        call: What gives it.
        label: What it is, for people.
        origin: `file.py:12`, or empty for what is built in.
        about: What the schema wants to know.
    """

    slot: int
    kind: StepKind
    call: Callable[..., Any]
    arguments: Arguments
    label: str
    origin: str = ""
    about: object = None


class Plan(msgspec.Struct, frozen=True):
    """
    Everything that one callable needs, in order.

    Attributes:
        call: The handler, hook or `resolve`.
        steps: Each after those that it needs.
        arguments: Of the call itself.
        immediate: Whether no step waits or needs clean-up.
    """

    call: Callable[..., Any]
    steps: tuple[Step, ...]
    arguments: Arguments
    immediate: bool

    @staticmethod
    def of(call: Callable[..., Any], steps: tuple[Step, ...], arguments: Arguments) -> Plan:
        return Plan(call, steps, arguments, all(step.kind in _IMMEDIATE for step in steps))


class Resolution:
    """The values of one connection, and what has to be cleaned up after it."""

    __slots__ = ("_stack", "values")

    def __init__(self, values: list[Any]) -> None:
        self.values = values
        self._stack: AsyncExitStack | None = None

    def prepare_nowait(self, plan: Plan) -> None:
        """Run the steps of an immediate plan."""
        values = self.values
        for step in plan.steps:
            if values[step.slot] is not MISSING:
                continue
            kind = step.kind
            if kind is StepKind.READ:
                values[step.slot] = step.call(values[0])
            elif kind is StepKind.CALL:
                values[step.slot] = self.invoke(step.call, step.arguments)
            else:
                values[step.slot] = step.call(self)

    async def prepare(self, plan: Plan) -> None:
        """Run the steps of a plan; on failure what was made before is cleaned up by `close()`, as always."""
        if plan.immediate:
            self.prepare_nowait(plan)
            return
        values = self.values
        for step in plan.steps:
            if values[step.slot] is MISSING:
                values[step.slot] = await self._value(step)

    async def _value(self, step: Step) -> Any:
        kind = step.kind
        if kind is StepKind.PROVIDER:
            return step.call(self)
        read = kind in (StepKind.READ, StepKind.READ_ASYNC, StepKind.READ_GENERATOR)
        made = step.call(self.values[0]) if read else self.invoke(step.call, step.arguments)
        if kind in (StepKind.READ_ASYNC, StepKind.CALL_ASYNC):
            return await made
        if kind not in _YIELDS:
            return made
        if self._stack is None:
            self._stack = AsyncExitStack()
        if kind is StepKind.CALL_GENERATOR:
            return self._stack.enter_context(contextlib.contextmanager(lambda: made)())
        return await self._stack.enter_async_context(contextlib.asynccontextmanager(lambda: made)())

    def invoke(self, call: Callable[..., Any], arguments: Arguments) -> Any:
        """Call with the values in the slots."""
        values = self.values
        positional = [values[slot] for slot in arguments.positions]
        if not arguments.keywords:
            return call(*positional)
        return call(*positional, **{name: values[slot] for name, slot in arguments.keywords})

    async def run(self, plan: Plan) -> Any:
        """Prepare a plan, call, and await what the call gives if it is awaitable."""
        if plan.immediate:
            self.prepare_nowait(plan)
        else:
            await self.prepare(plan)
        result = self.invoke(plan.call, plan.arguments)
        if inspect.isawaitable(result):
            return await result
        return result

    def close(self, error: BaseException | None = None) -> Awaitable[bool | None] | None:
        """
        Clean up in reverse order; `None` where there is nothing to do.

        Args:
            error: What ended the connection, thrown into the generators at their `yield`.
        """
        stack, self._stack = self._stack, None
        if stack is None:
            return None
        traceback: TracebackType | None = error.__traceback__ if error is not None else None
        return stack.__aexit__(type(error) if error is not None else None, error, traceback)
