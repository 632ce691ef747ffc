"""
What a joined topic costs: `python -m benchmarks.topics --check`.

10,000 topics with one socket each, in this process, over the broker in memory. Memory is what Python has allocated
(tracemalloc) for joining, without the sockets themselves; a join that costs the same with 100 topics and with 10,000
is constant. Sockets are transports that take everything and send nothing.
"""

import argparse
import asyncio
import gc
import sys
import time
import tracemalloc
from contextlib import AsyncExitStack
from statistics import median
from typing import Any, Final

from starlette.requests import HTTPConnection

from apistar import ASyncApp, WebSocket
from apistar.channels import Channel, History
from apistar.transports.transport import Capability, Ending, HeaderList, OnEnd, Prepared

MOST_BYTES: Final = 2048
MOST_GROWTH: Final = 1.5
"""Of the time of a join between 100 and 10,000 topics: caches are colder, but nothing is searched."""


class Sink:
    """A connection that takes everything."""

    __slots__ = ("taken",)

    capabilities = Capability.WIRE_LIMITS
    ending: Ending | None = None
    waiting_bytes = 0

    def __init__(self) -> None:
        self.taken = 0

    def bind(self, on_end: OnEnd, *rest: object) -> None: ...

    async def accept(self, subprotocol: str | None, headers: HeaderList) -> None: ...

    def send_prepared(self, prepared: Prepared) -> bool:
        self.taken += len(prepared.messages)
        return True


class Plain(Channel[bytes]):
    topic = "plain:{number}"


class Remembered(Channel[bytes]):
    topic = "remembered:{number}"
    history = History()


async def socket() -> WebSocket:
    sink: Any = Sink()  # as much of a connection as is used here
    websocket = WebSocket(sink, HTTPConnection({"type": "websocket", "path": "/"}))
    await websocket.connect()
    return websocket


async def measure(kind: type[Channel[bytes]], topics: int) -> dict[str, float]:
    app = ASyncApp()
    await app.hub.start()
    sockets = [await socket() for _ in range(topics)]
    times: list[float] = []
    async with AsyncExitStack() as stack:
        for number in range(100):  # what is made once
            await stack.enter_async_context(kind(app, number=-number - 1).join(await socket()))
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        joins = [kind(app, number=number).join(websocket) for number, websocket in enumerate(sockets)]
        for join in joins:
            await join.__aenter__()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        for join in joins:
            await join.__aexit__(None, None, None)
        while app.hub.statistics()["topics"] > 100:  # noqa: ASYNC110  # turns of the loop are what it waits for
            await asyncio.sleep(0)  # they are closed in the background
        for number, websocket in enumerate(sockets):
            begun = time.perf_counter()
            await stack.enter_async_context(kind(app, number=number).join(websocket))
            times.append(time.perf_counter() - begun)
        begun = time.perf_counter()
    left = time.perf_counter() - begun
    await app.hub.stop()
    edge = max(50, topics // 20)
    return {
        "bytes": grown / topics,
        "first_us": median(times[:edge]) * 1e6,
        "last_us": median(times[-edge:]) * 1e6,
        "leave_us": left / topics * 1e6,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().split("\n\n")[0])
    parser.add_argument("--topics", type=int, default=10_000)
    parser.add_argument("--check", action="store_true", help="status 1 if a target is missed")
    options = parser.parse_args()
    missed = 0
    for kind in (Plain, Remembered):
        found = asyncio.run(measure(kind, options.topics))
        growth = found["last_us"] / found["first_us"]
        print(
            f"{kind.__name__}: {found['bytes']:.0f} bytes per joined topic (most {MOST_BYTES}); join "
            f"{found['first_us']:.1f} us among few, {found['last_us']:.1f} us among {options.topics} "
            f"({growth:.2f}x, most {MOST_GROWTH}x); leave {found['leave_us']:.1f} us"
        )
        missed += found["bytes"] > MOST_BYTES or growth > MOST_GROWTH
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
