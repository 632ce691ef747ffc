"""
What the tests of this folder attack: an application of ours, each route with what its test is about.
"""

from __future__ import annotations

import msgspec

from apistar import ASyncApp, Limits, Route, WebSocket, http
from apistar.exceptions import WebSocketDisconnect
from tests.handlers import deaf, echo, push

MIB = 1024 * 1024


endings: list[int] = []


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


async def offered(ws: WebSocket) -> None:
    """Chooses a subprotocol if it was offered."""
    await ws.connect(subprotocol="v2" if "v2" in ws.subprotocols else None)
    await ws.send(ws.subprotocol or "none")


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
        Route("/endings", method="GET", handler=past_endings),
        Route("/resetting", handler=push, name="resetting", limits=Limits(send_timeout_s=0.5)),
    ],
)
