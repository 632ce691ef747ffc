"""
The application that real clients talk to.

It logs `apistar`'s lines to stderr, each with a mark, so that tests can count them whatever the server logs.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

import msgspec

from apistar import ASyncApp, Component, Include, Route, WebSocket, http
from apistar.exceptions import ConcurrentReceive, Forbidden, WebSocketDisconnect, WebSocketProtocolError
from apistar.types import Scope

LOG_MARK: Final = "[app]"
SECRET: Final = "the-secret-of-the-exception"

_handler = logging.StreamHandler(sys.stderr)
_handler.setFormatter(logging.Formatter(f"{LOG_MARK} %(levelname)s %(message)s"))
logging.getLogger("apistar").addHandler(_handler)
logging.getLogger("apistar").setLevel(logging.INFO)
logging.getLogger("apistar").propagate = False

endings: defaultdict[str, list[list[Any]]] = defaultdict(list)
"""How connections ended, by the name that the client gave."""


class Session:
    pass


class SessionComponent(Component):
    """Notes its clean-up under the name that the client gave."""

    async def resolve(self, name: str) -> AsyncIterator[Session]:
        try:
            yield Session()
        finally:
            endings[name].append(["cleaned up"])


class Say(msgspec.Struct, tag="say"):
    text: str


class Said(msgspec.Struct, tag="said"):
    text: str


# WebSockets


async def echo(ws: WebSocket) -> None:
    wanted = [name for name in ws.subprotocols if name.startswith("chat.")]
    await ws.connect(wanted[0] if wanted else None, headers={"X-Server": "apistar"})
    async for message in ws:
        await ws.send(message)


async def echo_json(ws: WebSocket) -> None:
    await ws.connect()
    while True:
        await ws.send_json({"got": await ws.receive_json()})


async def typed(ws: WebSocket[Say, Said]) -> None:
    await ws.connect()
    async for message in ws:
        await ws.send(Said(message.text))


async def handshake(ws: WebSocket, room: str, number: int, scope: Scope) -> None:
    """Tell the client what came with its handshake."""
    await ws.connect()
    await ws.send_json(
        {
            "room": room,
            "number": number,
            "query": dict(ws.query_params),
            "cookies": ws.cookies,
            "x-token": ws.headers.get("x-token"),
            "origin": ws.headers.get("origin"),
            "offered": ws.subprotocols,
            "client": ws.client,
            "denial": "websocket.http.response" in (scope.get("extensions") or {}),
        }
    )


async def deny(ws: WebSocket) -> None:
    await ws.reject(401, {"why": "no token"}, {"WWW-Authenticate": "Bearer"})


async def forbid(ws: WebSocket) -> None:
    raise Forbidden("not you")


async def close(ws: WebSocket, code: int, reason: str = "") -> None:
    await ws.connect()
    await ws.close(code, reason)


async def receives(ws: WebSocket, name: str, session: Session) -> None:
    await ws.connect()
    try:
        while True:
            await ws.receive()
    except WebSocketDisconnect as end:
        endings[name].append(["receive", end.code, end.reason])


async def sends(ws: WebSocket, name: str, session: Session) -> None:
    await ws.connect()
    try:
        while True:
            await ws.send("tick")
            await asyncio.sleep(0.01)
    except WebSocketDisconnect as end:
        endings[name].append(["send", end.code, end.reason])


async def waits(ws: WebSocket, name: str, session: Session) -> None:
    await ws.connect()
    await ws.wait_closed()
    endings[name].append(["wait_closed", ws.close_code, ws.close_reason])


async def works_on(ws: WebSocket, name: str, tasks: asyncio.TaskGroup) -> None:
    """A task of its own that ends with the socket; what comes after the loop runs to its end."""
    await ws.connect()

    async def tick() -> None:
        try:
            await ws.send("working")
            await asyncio.Event().wait()
        finally:
            endings[name].append(["task cancelled"])

    tasks.create_task(tick())
    with suppress(WebSocketDisconnect):
        async for _ in ws:
            pass
    await asyncio.sleep(0.05)
    endings[name].append(["ran to its end"])


async def forbids_after(ws: WebSocket) -> None:
    await ws.connect()
    raise Forbidden("not you")


async def blames(ws: WebSocket) -> None:
    await ws.connect()
    raise WebSocketProtocolError("ü" * 100, 4001)


async def blames_before(ws: WebSocket) -> None:
    raise WebSocketProtocolError("not like this")


async def refuses(ws: WebSocket) -> None:
    await ws.connect(close=True, close_code=4001)


async def returns(ws: WebSocket) -> None:
    await ws.connect()


async def speaks_too_early(ws: WebSocket) -> None:
    await ws.send("early")


async def receives_twice(ws: WebSocket) -> None:
    await ws.connect()
    first = asyncio.ensure_future(ws.receive())
    await asyncio.sleep(0)
    try:
        await ws.receive()
    except ConcurrentReceive:
        await ws.send("refused")
    await ws.send(await first)


async def fails(ws: WebSocket) -> None:
    await ws.connect()
    raise ValueError(SECRET)


async def fails_before(ws: WebSocket) -> None:
    raise ValueError(SECRET)


async def returns_before(ws: WebSocket) -> None:
    return


# HTTP


async def noted(name: str) -> list[list[Any]]:
    return endings[name]


async def hello(name: str = "you") -> dict[str, str]:
    return {"hello": name}


async def addresses(scope: Scope) -> dict[str, Any]:
    return {end: scope[end] for end in ("client", "server")}


async def order(item: http.Body[Say]) -> Say:
    return item


async def fails_http() -> None:
    raise ValueError(SECRET)


async def answers_with(value: str) -> http.Response:
    """A header made of what the client sent."""
    return http.Response(headers={"X-Value": value})


async def connects_with(ws: WebSocket, value: str) -> None:
    await ws.connect(headers={"X-Value": value})


async def connects_as(ws: WebSocket, subprotocol: str) -> None:
    await ws.connect(subprotocol)


async def tokened(x_token: http.Header) -> str:
    return x_token


async def page() -> str:
    return "<!doctype html><title>clients</title>"


app = ASyncApp(
    routes=[
        Route("/", handler=page),
        Route("/hello", handler=hello),
        Route("/hello/{name}", handler=hello, name="hello_by_path"),
        Route("/order", "POST", order),
        Route("/addresses", handler=addresses),
        Route("/tokened", handler=tokened),
        Route("/fails-http", handler=fails_http),
        Route("/answers-with", handler=answers_with),
        Route("/noted/{name}", handler=noted),
        Include(
            "/ws",
            "ws",
            [
                Route("/echo", handler=echo),
                Route("/json", handler=echo_json),
                Route("/typed", handler=typed),
                Route("/handshake/{room}/{number}", handler=handshake),
                Route("/connects-with", handler=connects_with),
                Route("/connects-as/{subprotocol}", handler=connects_as),
                Route("/deny", handler=deny),
                Route("/forbid", handler=forbid),
                Route("/close/{code}", handler=close),
                Route("/receives/{name}", handler=receives),
                Route("/sends/{name}", handler=sends),
                Route("/waits/{name}", handler=waits),
                Route("/works-on/{name}", handler=works_on),
                Route("/forbids-after", handler=forbids_after),
                Route("/blames", handler=blames),
                Route("/blames-before", handler=blames_before),
                Route("/refuses", handler=refuses),
                Route("/returns", handler=returns),
                Route("/speaks-too-early", handler=speaks_too_early),
                Route("/receives-twice", handler=receives_twice),
                Route("/fails", handler=fails),
                Route("/fails-before", handler=fails_before),
                Route("/returns-before", handler=returns_before),
            ],
        ),
    ],
    components=[SessionComponent()],
)
