"""A foreign application of plain HTTP: it says what it was asked."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.server.apps import Event, Receive, Send, lifespan


async def app(scope: Event, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    await {
        "/early": early,
        "/stream": stream,
        "/slow-reader": slow_reader,
        "/gone": gone,
        "/fail": fail,
        "/host": host,
    }.get(scope["path"], count)(scope, receive, send)


async def count(scope: Event, receive: Receive, send: Send) -> None:
    size = 0
    async for part in body_of(receive):
        size += len(part)
    await answer(send, f"{scope['method']} {scope['path']} {scope['query_string'].decode()} {size}".encode())


async def early(scope: Event, receive: Receive, send: Send) -> None:
    """Answers without reading the body."""
    await answer(send, b"early")


async def stream(scope: Event, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for number in range(3):
        await send({"type": "http.response.body", "body": b"part %d " % number, "more_body": True})
    await send({"type": "http.response.body"})


async def slow_reader(scope: Event, receive: Receive, send: Send) -> None:
    """Does not read the body until told by the lifespan's end or a disconnect."""
    print("not reading", flush=True)
    await asyncio.Event().wait()


async def gone(scope: Event, receive: Receive, send: Send) -> None:
    async for _ in body_of(receive):
        pass
    print((await receive())["type"], flush=True)


async def host(scope: Event, receive: Receive, send: Send) -> None:
    """Says which headers came."""
    await answer(send, b", ".join(b"%b: %b" % header for header in scope["headers"]))


async def fail(scope: Event, receive: Receive, send: Send) -> None:
    raise ValueError("secret")


async def body_of(receive: Receive) -> Any:
    more = True
    while more:
        event = await receive()
        yield event.get("body", b"")
        more = event.get("more_body", False)


async def answer(send: Send, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
