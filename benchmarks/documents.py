"""
Describing 1,000 routes: `python -m benchmarks.documents [--check]`.

An application of 750 HTTP routes and 250 WebSocket routes, each with a docstring, path and query parameters, typed
bodies and messages, is read, and both of its documents are written as JSON, as the first request for them does. The
figure is CPU time, each round with an application of its own, so that nothing is remembered.
"""

import argparse
import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Annotated, Any, Final

import msgspec

from apistar import ASyncApp, Route, WebSocket, http
from apistar.schema.documents import Format, Kind, document, text
from benchmarks.processes import pinned, two_cores

ROUTES: Final = 1000
MOST_S: Final = 1.0


def handler(number: int) -> Callable[..., Awaitable[Any]]:
    """Make a handler with types of its own."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        ("name", str),
        ("amount", Annotated[int, msgspec.Meta(ge=0)]),
        ("tags", list[str], []),
    ]
    item = msgspec.defstruct(f"Item{number}", fields)
    said = msgspec.defstruct(f"Said{number}", [("by", str), ("text", str)], tag=True)

    # Their annotations are made below, since they differ with the number.
    async def talk(ws, room, since=0):  # type: ignore[no-untyped-def]
        """Talk in a room."""

    async def change(key, order, page=1):  # type: ignore[no-untyped-def]  # annotated below, too
        """Change an item, and give it back."""

    body: Any = http.Body
    socket: Any = WebSocket
    if number % 4:
        change.__annotations__ = {"key": int, "order": body[item], "page": int, "return": item}
        return change
    talk.__annotations__ = {"ws": socket[said, said], "room": str, "since": int, "return": None}
    return talk


def route(number: int) -> Route:
    """Make the route of a number."""
    if number % 4:
        return Route(f"/items{number}/{{key}}", "POST", handler(number), name=f"change{number}")
    return Route(f"/rooms{number}/{{room}}", handler=handler(number), name=f"talk{number}")


def build_s(count: int) -> float:
    """Measure once."""
    app = ASyncApp(routes=[route(number) for number in range(count)])
    began = time.process_time()
    reference = app.reference()
    written = [text(document(reference, kind), Format.JSON) for kind in Kind]
    took = time.process_time() - began
    for made, number in zip(written, (count - 1, 0), strict=True):
        if f"Item{number}" not in made and f"Said{number}" not in made:
            raise RuntimeError(f"the documents lack the types of route {number}")
    return took


def measure(rounds: int) -> dict[str, float]:
    """Give the figure that is kept in a result."""
    with pinned(two_cores()[0]):
        return {"documents_s": median(build_s(ROUTES) for _ in range(rounds))}


def main(words: list[str] | None = None) -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.documents", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="status 1 if it takes longer than it may")
    options = parser.parse_args(words)
    took = measure(options.rounds)["documents_s"]
    print(f"both documents of {ROUTES:,} routes: {took:.2f} s of CPU, at most {MOST_S}")
    return 0 if took <= MOST_S or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
