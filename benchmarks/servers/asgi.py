"""
The bare ASGI callable: no framework at all, the least that any framework on this server can cost.

Every file of this folder is the same application in another dress: `/echo` (bytes), `/echo-text`, `/typed` (one
JSON message of three fields: decode, validate, encode), `/fan` (what any socket sends goes to every socket) and
`GET /orders/{number}?page=` with a user taken from a header by what the framework has for such things. Each is
written as that framework's documentation teaches it, in its fastest form where there are several.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]


class Say(msgspec.Struct):
    room: str
    text: str
    number: int


DECODER = msgspec.json.Decoder(Say)
ENCODER = msgspec.json.Encoder()
SOCKETS: set[Send] = set()
JSON_HEADERS = [(b"content-type", b"application/json")]


async def app(scope: Event, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "http":
        return await order(scope, send)
    await receive()
    await send({"type": "websocket.accept"})
    if scope["path"] == "/echo":
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "bytes": message["bytes"]})
    elif scope["path"] == "/echo-text":
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
    elif scope["path"] == "/typed":
        while (message := await receive())["type"] == "websocket.receive":
            say = DECODER.decode(message["text"])
            await send({"type": "websocket.send", "text": ENCODER.encode(say).decode()})
    elif scope["path"] == "/fan":
        SOCKETS.add(send)
        while (message := await receive())["type"] == "websocket.receive":
            for other in list(SOCKETS):
                await other({"type": "websocket.send", "bytes": message["bytes"]})
        SOCKETS.discard(send)


async def order(scope: Event, send: Send) -> None:
    number = int(scope["path"].rpartition("/")[2])
    page = int(scope["query_string"].partition(b"page=")[2] or 1)
    user = next((value.decode() for name, value in scope["headers"] if name == b"x-user"), "nobody")
    body = msgspec.json.encode({"number": number, "page": page, "user": user})
    headers = [*JSON_HEADERS, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
