"""
What a framework itself costs, without server and network: `python -m benchmarks.inside [--profile apistar --work
http]`.

The applications of `servers/` are called as ASGI callables within one process, in turns of a few milliseconds, with
the scope that uvicorn gives. The figure is the median of CPU time per operation; it is steady to a few percent
where figures over the network are not, so it is the one to look at after a change. `--profile` prints where the
time goes.
"""

import argparse
import asyncio
import cProfile
import importlib
import pstats
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from statistics import median
from typing import Any, Final

import uvloop
from rich.table import Table

from benchmarks.processes import pinned, two_cores
from benchmarks.report import terminal
from benchmarks.works import MESSAGE, ORDER_PATH, ORDER_USER

FRAMEWORKS: Final = ("asgi", "apistar", "starlette", "fastapi", "litestar")
WORKS: Final = ("http", "echo", "echo-text", "typed")
ASGI: Final = {"version": "3.0", "spec_version": "2.4"}

Application = Callable[..., Awaitable[None]]


def scope_of(kind: str, url: str, scheme: str) -> dict[str, Any]:
    """Make the scope of a connection as uvicorn does."""
    path, _, query = url.partition("?")
    return {
        "type": kind,
        "asgi": ASGI,
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "scheme": scheme,
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"127.0.0.1:8000"), (b"accept", b"*/*"), (b"x-user", ORDER_USER.encode())],
        "subprotocols": [],
        "state": {},
        "extensions": {"websocket.http.response": {}},
    }


async def requests(app: Application, count: int) -> None:
    """Make HTTP requests, one after the other."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: dict[str, Any]) -> None:
        if event["type"] == "http.response.start" and event["status"] != 200:
            raise RuntimeError(f"the answer is {event['status']}")

    for _ in range(count):
        scope = scope_of("http", ORDER_PATH, "http")
        del scope["subprotocols"], scope["extensions"]
        scope["method"] = "GET"
        await app(scope, receive, send)


async def echoes(app: Application, path: str, event: dict[str, Any], count: int) -> None:
    """Open one socket, have messages echoed, go away."""
    events: Iterator[dict[str, Any]] = iter(
        [{"type": "websocket.connect"}, *[event] * count, {"type": "websocket.disconnect", "code": 1000, "reason": ""}]
    )
    sent = 0

    async def receive() -> dict[str, Any]:
        return next(events)

    async def send(message: dict[str, Any]) -> None:
        nonlocal sent
        sent += message["type"] == "websocket.send"

    await app(scope_of("websocket", path, "ws"), receive, send)
    if sent != count:
        raise RuntimeError(f"{sent} of {count} messages came back")


def operations(app: Application, work: str, count: int) -> Awaitable[None]:
    """Give the coroutine that does `count` operations of a work."""
    if work == "http":
        return requests(app, count)
    binary = {"type": "websocket.receive", "bytes": b"x" * 64, "text": None}
    text = {"type": "websocket.receive", "text": MESSAGE, "bytes": None}
    return echoes(app, f"/{work}", binary if work == "echo" else text, count)


def started(name: str, loop: asyncio.AbstractEventLoop) -> Application:
    """Load an application and run its start-up."""
    app: Application = importlib.import_module(f"benchmarks.servers.{name}").app
    ready = loop.create_future()

    async def receive() -> dict[str, Any]:
        if ready.done():
            await loop.create_future()
        return {"type": "lifespan.startup"}

    async def send(event: dict[str, Any]) -> None:
        if not ready.done():
            ready.set_result(event["type"])

    scope = {"type": "lifespan", "asgi": ASGI, "state": {}}
    task = asyncio.ensure_future(app(scope, receive, send), loop=loop)
    loop.run_until_complete(asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED))
    TASKS.append(task)
    return app


TASKS: Final[list[asyncio.Task[None]]] = []


def cost_us(loop: asyncio.AbstractEventLoop, app: Application, work: str, count: int) -> float:
    """Measure one turn."""
    began = time.process_time_ns()
    loop.run_until_complete(operations(app, work, count))
    return (time.process_time_ns() - began) / count / 1000


def main(words: list[str] | None = None) -> int:
    """Measure all frameworks, or profile one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inside", description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", default=",".join(WORKS))
    parser.add_argument("--frameworks", default=",".join(FRAMEWORKS))
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--count", type=int, default=400, help="operations in one turn")
    parser.add_argument("--profile", metavar="FRAMEWORK", choices=FRAMEWORKS)
    options = parser.parse_args(words)
    names = [options.profile] if options.profile else options.frameworks.split(",")
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    apps = {name: started(name, loop) for name in names}
    for work in options.work.split(","):
        if options.profile:
            with cProfile.Profile() as profile:
                loop.run_until_complete(operations(apps[options.profile], work, 20_000))
            print(f"{work}:")
            pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(28)
            continue
        rounds: dict[str, list[float]] = {name: [] for name in names}
        with pinned(two_cores()[0]):
            for _ in range(options.rounds):
                for name, app in apps.items():
                    rounds[name].append(cost_us(loop, app, work, options.count))
        table = Table("framework", "CPU µs", "least", title=work, title_justify="left", title_style="bold")
        for name in sorted(names, key=lambda name: median(rounds[name])):
            table.add_row(name, f"{median(rounds[name]):.2f}", f"{min(rounds[name]):.2f}")
        terminal().print(table)
    for task in TASKS:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*TASKS, return_exceptions=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
