"""
What the tests of this folder attack: an application of ours, each route with what its test is about.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.routing import Route as StarletteRoute

from apistar import ASyncApp, Limits, Mount, Route, WebSocket, http
from apistar.exceptions import WebSocketDisconnect
from tests.handlers import deaf, echo, push

MIB = 1024 * 1024
SLOW_S = 0.4
SLOW = Limits(request_timeout_s=SLOW_S)


endings: list[int] = []
ended: list[bool] = []


class Item(msgspec.Struct):
    items: list[object]


async def sink(ws: WebSocket) -> None:
    """Reads everything and says nothing."""
    await ws.connect()
    async for _ in ws:
        pass


async def murmur(ws: WebSocket) -> None:
    """Sends without end, a byte at a time."""
    await ws.connect()
    while True:
        await ws.send(b"x")


async def watched(ws: WebSocket) -> None:
    """An echo whose end is kept."""
    await ws.connect()
    try:
        async for message in ws:
            await ws.send(message)
    except WebSocketDisconnect as ending:
        endings.append(ending.code)


async def watched_push(ws: WebSocket) -> None:
    """A push whose end is kept."""
    await ws.connect()
    try:
        while True:
            await ws.send_bytes(b"x" * 65536)
    except WebSocketDisconnect as ending:
        endings.append(ending.code)


async def past_endings() -> list[int]:
    return endings


async def last_words(ws: WebSocket) -> None:
    await ws.connect()
    await ws.close(4000, "the reason, in full: “ça suffit”")


async def json_values(ws: WebSocket) -> None:
    await ws.connect()
    while True:
        await ws.receive_json()
        await ws.send("taken")


async def typed(ws: WebSocket[Item, str]) -> None:
    await ws.connect()
    async for _ in ws:
        await ws.send("taken")


async def names(request: http.Request) -> list[str]:
    """The names of the headers, when the body is whole."""
    await request.body()
    return sorted(request.headers)


async def whole(request: http.Request) -> int:
    return len(await request.body())


async def declared(body: http.Body[bytes]) -> int:
    return len(body)


async def form(request: http.Request) -> int:
    return len((await request.form()).multi_items())


async def streamed(request: http.Request) -> int:
    return sum([len(chunk) async for chunk in request.stream()])


async def unread() -> str:
    return "answered"


async def late(request: http.Request) -> int:
    """Lets the client wait for longer than the client has."""
    await asyncio.sleep(3 * SLOW_S)
    return sum([len(chunk) async for chunk in request.stream()])


async def ticking() -> http.StreamingResponse:
    """Answers for longer than a request may take, and does not read."""

    async def ticks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"tick"
            await asyncio.sleep(0.1)

    return http.StreamingResponse(ticks())


async def endless() -> http.StreamingResponse:
    async def ticks() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"tick"
                await asyncio.sleep(0.02)
        finally:
            ended.append(True)

    return http.StreamingResponse(ticks())


async def endless_ended() -> int:
    return len(ended)


async def pausing(pause_s: float = 0.1) -> str:
    await asyncio.sleep(pause_s)
    return "x" * 100_000


async def stream() -> http.StreamingResponse:
    """A body without end, made without waiting for anything."""

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000

    return http.StreamingResponse(pieces())


async def stream_of_starlette(request: object) -> http.StreamingResponse:
    return await stream()


async def waiting(request: http.Request) -> str:
    """Asks again and again whether the client has left."""
    for _ in range(1000):
        if await request.is_disconnected():
            break
        await asyncio.sleep(0.01)
    return "left alone"


async def tasks() -> int:
    """How many there are."""
    return len(asyncio.all_tasks())


async def offered(ws: WebSocket) -> None:
    """Chooses a subprotocol if it was offered."""
    await ws.connect(subprotocol="v2" if "v2" in ws.subprotocols else None)
    await ws.send(ws.subprotocol or "none")


BODIES: list[Callable[..., Any]] = [whole, declared, form, streamed, unread, late, ticking]

app = ASyncApp(
    routes=[
        Route("/echo", handler=echo),
        Route("/sink", handler=sink),
        Route("/deaf", handler=deaf),
        Route("/push", handler=push, limits=Limits(send_timeout_s=1.0)),
        Route("/murmur", handler=murmur),
        Route("/slow-push", handler=push, name="slow_push"),
        Route("/deflate", handler=echo, name="deflate", limits=Limits(compression=True)),
        Route("/last-words", handler=last_words, limits=Limits(close_timeout_s=0.5)),
        Route("/json", handler=json_values),
        Route("/typed", handler=typed),
        Route("/offered", handler=offered),
        Route("/vanishing", handler=watched, limits=Limits(ping_interval_s=0.3, ping_timeout_s=0.6)),
        Route(
            "/vanishing-push",
            handler=watched_push,
            limits=Limits(ping_interval_s=30.0, send_timeout_s=1.0),
        ),
        Route("/names", method="POST", handler=names),
        *(Route(f"/slow/{handler.__name__}", method="POST", handler=handler, limits=SLOW) for handler in BODIES),
        Route("/ticking", method="GET", handler=ticking, name="ticks", limits=SLOW),
        Route("/endless", method="GET", handler=endless),
        Route("/endless/ended", method="GET", handler=endless_ended),
        Route("/pausing", method="GET", handler=pausing),
        Route("/patient", method="POST", handler=whole, name="patient", limits=Limits(request_timeout_s=None)),
        Route("/stream", method="GET", handler=stream),
        Mount("/mounted", Starlette(routes=[StarletteRoute("/stream", stream_of_starlette)])),
        Route("/waiting", method="GET", handler=waiting),
        Route("/tasks", method="GET", handler=tasks),
        Route("/endings", method="GET", handler=past_endings),
        Route("/resetting", handler=push, name="resetting", limits=Limits(send_timeout_s=0.5)),
    ],
)
