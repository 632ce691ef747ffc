"""An API Star application for the tests of the server; some of its handlers misbehave at the end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from apistar import ASyncApp, Component, Limits, Route, WebSocket, http
from apistar.exceptions import HTTPException, WebSocketDisconnect, WebSocketProtocolError
from tests.handlers import echo, never_answer, push


class Resource:
    """Something with a clean-up."""


class ResourceComponent(Component):
    async def resolve(self) -> AsyncIterator[Resource]:
        try:
            yield Resource()
        finally:
            print("resource cleaned up", flush=True)


async def told(ws: WebSocket, resource: Resource) -> None:
    """Says what it was told at the end, and takes its time."""
    await ws.connect()
    try:
        await ws.receive()
    except WebSocketDisconnect as ended:
        await asyncio.sleep(0.2)
        print(f"told {ended.code}", flush=True)


async def ignore(ws: WebSocket) -> None:
    """Goes on after the end, and after its cancellation."""
    await ws.connect()
    while True:
        with contextlib.suppress(WebSocketDisconnect, asyncio.CancelledError):
            await ws.receive()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)


async def late(ws: WebSocket, resource: Resource) -> None:
    """Goes on after the end until it is cancelled."""
    await ws.connect()
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        print("cancelled", flush=True)
        raise


async def block(ws: WebSocket) -> None:
    await ws.connect()
    await ws.receive()
    print("blocking", flush=True)
    time.sleep(1000)  # noqa: ASYNC251 — what no handler may do


async def thread(ws: WebSocket) -> None:
    """Waits for a thread that never returns."""
    await ws.connect()
    print("in a thread", flush=True)
    await asyncio.to_thread(time.sleep, 1000)


async def fail(ws: WebSocket, when: str) -> None:
    if when == "before":
        raise ValueError("secret\x1b[31m\r\nforged line")
    await ws.connect()
    if when == "status":
        raise HTTPException(status_code=404)
    if when == "protocol":
        raise WebSocketProtocolError("no such thing", 1008)
    raise ValueError("secret\x1b[31m\r\nforged line")


async def page() -> str:
    return "page"


async def slow() -> str:
    await asyncio.sleep(1000)
    return "never"


async def soon() -> str:
    print("soon begins", flush=True)
    await asyncio.sleep(0.3)
    return "soon"


async def events() -> AsyncIterator[http.ServerSentEvent[str]]:
    """Begins, and has nothing more to say."""
    try:
        yield http.ServerSentEvent("hello")
        await asyncio.sleep(1000)
    finally:
        await asyncio.sleep(0.2)
        print("events closed", flush=True)


async def late_events() -> AsyncIterator[http.ServerSentEvent[str]]:
    """Has something to say when the end has begun."""
    print("late events begin", flush=True)
    await asyncio.sleep(1.0)
    while True:
        yield http.ServerSentEvent("late")
        await asyncio.sleep(1000)


async def flood() -> AsyncIterator[http.ServerSentEvent[str]]:
    """Sends without end."""
    loop = asyncio.get_running_loop()
    waits = loop.call_later(0.5, print, "flood waits")
    while True:
        yield http.ServerSentEvent("x" * 65536)
        waits.cancel()
        waits = loop.call_later(0.5, print, "flood waits")


def echo_body(request: http.Request) -> http.StreamingResponse:
    return http.StreamingResponse(request.stream())


async def echo_events(request: http.Request) -> AsyncIterator[http.ServerSentEvent[str]]:
    yield http.ServerSentEvent("begin")
    async for piece in request.stream():
        yield http.ServerSentEvent(str(len(piece)))


def unread_body(request: http.Request) -> http.StreamingResponse:
    """Says nothing, and leaves the body unread."""

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"begin"
            await asyncio.sleep(1000)
        finally:
            print("quiet stream closed", flush=True)

    return http.StreamingResponse(pieces())


def download() -> http.StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"piece"
            await asyncio.sleep(0.1)

    return http.StreamingResponse(pieces(), media_type="application/octet-stream")


app = ASyncApp(
    routes=[
        Route("/", handler=page),
        Route("/slow", handler=slow),
        Route("/soon", handler=soon),
        Route("/echo-body", "POST", echo_body),
        Route("/echo-events", "POST", echo_events),
        Route("/unread-body", "POST", unread_body),
        Route("/events", handler=events),
        Route("/late-events", handler=late_events),
        Route("/flood", handler=flood),
        Route("/download", handler=download),
        Route("/echo", handler=echo),
        Route("/told", handler=told),
        Route("/ignore", handler=ignore),
        Route("/late", handler=late),
        Route("/block", handler=block),
        Route("/thread", handler=thread),
        Route("/push", handler=push),
        Route("/never-answer", handler=never_answer),
        Route("/fail/{when}", handler=fail),
    ],
    components=[ResourceComponent()],
    limits=Limits(send_timeout_s=60.0),
)
