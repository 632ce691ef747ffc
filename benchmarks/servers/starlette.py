"""Starlette. It has no typed messages; a careful user puts msgspec beside it, so that is what `/typed` does."""

from dataclasses import dataclass

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket


class Say(msgspec.Struct):
    room: str
    text: str
    number: int


@dataclass
class User:
    name: str


DECODER = msgspec.json.Decoder(Say)
ENCODER = msgspec.json.Encoder()
SOCKETS: set[WebSocket] = set()


async def echo(ws: WebSocket) -> None:
    await ws.accept()
    async for message in ws.iter_bytes():
        await ws.send_bytes(message)


async def echo_text(ws: WebSocket) -> None:
    await ws.accept()
    async for message in ws.iter_text():
        await ws.send_text(message)


async def typed(ws: WebSocket) -> None:
    await ws.accept()
    async for message in ws.iter_text():
        say = DECODER.decode(message)
        await ws.send_text(ENCODER.encode(say).decode())


async def fan(ws: WebSocket) -> None:
    await ws.accept()
    SOCKETS.add(ws)
    try:
        async for message in ws.iter_bytes():
            for other in list(SOCKETS):
                await other.send_bytes(message)
    finally:
        SOCKETS.discard(ws)


def user_of(request: Request) -> User:
    return User(request.headers.get("x-user", "nobody"))


async def order(request: Request) -> JSONResponse:
    user = user_of(request)
    page = int(request.query_params.get("page", 1))
    return JSONResponse({"number": request.path_params["number"], "page": page, "user": user.name})


app = Starlette(
    routes=[
        Route("/orders/{number:int}", order),
        WebSocketRoute("/echo", echo),
        WebSocketRoute("/echo-text", echo_text),
        WebSocketRoute("/typed", typed),
        WebSocketRoute("/fan", fan),
        WebSocketRoute("/channel", fan),
    ]
)
