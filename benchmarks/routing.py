"""
Matching must not grow with the number of routes: `python -m benchmarks.routing [--check]`.

Two applications, of 10 and of 10,000 routes, answer the same kinds of paths in turns; each turn asks for paths from
all over the table, so that no cache of a single path helps. The larger one may take `MOST` times as long (its table
does not fit the processor's caches). Every eighth route is a WebSocket.
"""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Final, TypeAlias

from rich.table import Table

from apistar import ASyncApp, Route, WebSocket
from apistar.exceptions import NotFound
from benchmarks.processes import pinned, two_cores
from benchmarks.report import terminal

SMALL: Final = 10
LARGE: Final = 10_000
MOST: Final = 2.0
PATHS: Final = 500

Tables: TypeAlias = "dict[int, dict[str, tuple[Callable[[str], object], list[str]]]]"


async def page(item: int, part: str) -> None:
    """Answer at a path with two parameters."""


async def front() -> None:
    """Answer at a path without parameters."""


async def feed(ws: WebSocket, item: int) -> None:
    """Answer with a socket."""


def route(number: int) -> Route:
    """Give the route of a number: literal, with parameters, or a WebSocket."""
    if number % 8 == 7:
        return Route(f"/section{number}/{{item}}/feed", handler=feed, name=f"route{number}")
    if number % 2:
        return Route(f"/section{number}/{{item}}/parts/{{part}}", handler=page, name=f"route{number}")
    return Route(f"/section{number}/front", handler=front, name=f"route{number}")


def paths(size: int, wanted: Callable[[int], bool], path: str) -> list[str]:
    """Choose paths of one kind from all over a table."""
    numbers = [number for number in range(size) if wanted(number)]
    chosen = [numbers[index * len(numbers) // PATHS % len(numbers)] for index in range(PATHS)]
    return [path.format(number) for number in chosen]


def kinds(app: ASyncApp, size: int) -> dict[str, tuple[Callable[[str], object], list[str]]]:
    """Give what is asked: how, and the paths."""
    router = app.router

    def http(path: str) -> object:
        return router.match(path, "GET")

    def missing(path: str) -> object:
        try:
            return router.match(path, "GET")
        except NotFound as refusal:
            return refusal

    return {
        "literal": (http, paths(size, lambda n: n % 2 == 0, "/section{}/front")),
        "two parameters": (http, paths(size, lambda n: n % 2 == 1 and n % 8 != 7, "/section{}/42/parts/wheel")),
        "WebSocket": (router.match_websocket, paths(size, lambda n: n % 8 == 7, "/section{}/42/feed")),
        "not found": (missing, paths(size, lambda n: True, "/section{}/42/nothing/here")),
    }


def cost_us(ask: Callable[[str], object], asked: list[str]) -> float:
    """Measure one turn: CPU time per match."""
    began = time.process_time_ns()
    for path in asked:
        ask(path)
    return (time.process_time_ns() - began) / len(asked) / 1000


def measure(rounds: int, tables: Tables) -> dict[str, list[dict[int, float]]]:
    """Measure all kinds of paths on both tables, in turns."""
    with pinned(two_cores()[0]):
        return {
            kind: [{size: cost_us(*tables[size][kind]) for size in tables} for _ in range(rounds)]
            for kind in tables[SMALL]
        }


def ratio(rounds: list[dict[int, float]]) -> float:
    """Give the larger table's least time as a multiple of the smaller one's: whatever disturbs a round only adds."""
    return min(one[LARGE] for one in rounds) / min(one[SMALL] for one in rounds)


def compiled(size: int) -> dict[str, tuple[Callable[[str], object], list[str]]]:
    """Build an application of so many routes, and what is asked of it."""
    return kinds(ASyncApp(routes=[route(number) for number in range(size)]), size)


def main(words: list[str] | None = None) -> int:
    """Build, measure, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.routing", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--check", action="store_true", help="status 1 if the large table is slower than it may be")
    options = parser.parse_args(words)
    tables = {}
    for size in (SMALL, LARGE):
        began = time.process_time()
        tables[size] = compiled(size)
        print(f"{size:,} routes compiled in {time.process_time() - began:.2f} s of CPU")
    table = Table(title="µs of CPU per match, the least of all rounds", title_justify="left", title_style="bold")
    for heading in ("path", f"{SMALL} routes", f"{LARGE:,} routes", "ratio"):
        table.add_column(heading, justify="left" if heading == "path" else "right")
    passed = True
    for kind, rounds in measure(options.rounds, tables).items():
        small, large = (min(one[size] for one in rounds) for size in (SMALL, LARGE))
        passed &= ratio(rounds) <= MOST
        table.add_row(kind, f"{small:.2f}", f"{large:.2f}", f"{ratio(rounds):.2f}")
    terminal().print(table)
    print(f"every ratio at most {MOST}: {'pass' if passed else 'FAIL'}")
    return 0 if passed or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
