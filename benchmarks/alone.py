"""
What is measured without a server, as the figures that a result keeps.

Each has a command of its own, which shows more: `benchmarks.imports`, `benchmarks.routing`, `benchmarks.documents`.
"""

from collections.abc import Callable

from benchmarks import documents, imports, routing


def measure(quick: bool, say: Callable[[str], None]) -> dict[str, float]:
    """Measure all: name → figure."""
    say("imports")
    modules = ["apistar", *(limit.module for limit in imports.LIMITS)]
    found = imports.ratios(imports.measure(5 if quick else 15, modules))
    say("routing")
    tables = {size: routing.compiled(size) for size in (routing.SMALL, routing.LARGE)}
    rounds = routing.measure(20 if quick else 60, tables)
    found["routing"] = max(routing.ratio(one) for one in rounds.values())
    say("documents")
    return found | documents.measure(1 if quick else 3)
