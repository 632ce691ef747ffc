"""aiohttp's server on uvloop: `python -m benchmarks.servers.aiohttp PORT`. Typed messages by msgspec."""

import sys
from dataclasses import dataclass

import msgspec
import uvloop
from aiohttp import WSMsgType, web


class Say(msgspec.Struct):
    room: str
    text: str
    number: int


@dataclass
class User:
    name: str


DECODER = msgspec.json.Decoder(Say)
ENCODER = msgspec.json.Encoder()
SOCKETS: set[web.WebSocketResponse] = set()


async def echo(request: web.Request) -> web.WebSocketResponse:
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        if message.type is WSMsgType.BINARY:
            await ws.send_bytes(message.data)
        elif message.type is WSMsgType.TEXT:
            await ws.send_str(message.data)
    return ws


async def typed(request: web.Request) -> web.WebSocketResponse:
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        if message.type is WSMsgType.TEXT:
            say = DECODER.decode(message.data)
            await ws.send_str(ENCODER.encode(say).decode())
    return ws


async def fan(request: web.Request) -> web.WebSocketResponse:
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    SOCKETS.add(ws)
    try:
        async for message in ws:
            if message.type is WSMsgType.BINARY:
                for other in list(SOCKETS):
                    await other.send_bytes(message.data)
    finally:
        SOCKETS.discard(ws)
    return ws


def user_of(request: web.Request) -> User:
    return User(request.headers.get("X-User", "nobody"))


async def order(request: web.Request) -> web.Response:
    user = user_of(request)
    page = int(request.query.get("page", 1))
    return web.json_response({"number": int(request.match_info["number"]), "page": page, "user": user.name})


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/echo", echo)
    app.router.add_get("/echo-text", echo)
    app.router.add_get("/typed", typed)
    app.router.add_get("/fan", fan)
    app.router.add_get("/orders/{number:\\d+}", order)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, loop=uvloop.new_event_loop())
