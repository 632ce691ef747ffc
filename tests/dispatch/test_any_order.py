"""Any order of calls and events ends closed: one end, clean-ups once, nothing left running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from apistar import ASyncApp, Component, Route, WebSocket
from apistar.exceptions import APIStarError, Forbidden, WebSocketProtocolError
from apistar.observer import Observer
from apistar.types import Event

CALLS = st.sampled_from(
    ["connect", "reject", "send", "send_nowait", "send_json", "receive", "receive_text", "close", "close 4000", "yield"]
)
ENDS = st.sampled_from(["return", "boom", "http", "protocol", "wait"])
CLIENT = st.sampled_from(["text", "bytes", "big", "pause"])


class Session:
    pass


class Log(Observer):
    def __init__(self) -> None:
        self.events: list[str] = []

    def opened(self, route: str) -> None:
        self.events.append("opened")

    def closed(self, route: str, code: int) -> None:
        self.events.append("closed")

    def refused(self, route: str, status: int) -> None:
        self.events.append("refused")


async def act(ws: WebSocket, call: str) -> None:
    match call:
        case "connect":
            await ws.connect()
        case "reject":
            await ws.reject(401)
        case "send":
            await ws.send("x")
        case "send_nowait":
            ws.send_nowait(b"y")
        case "send_json":
            await ws.send_json({"a": 1})
        case "receive":
            await ws.receive()
        case "receive_text":
            await ws.receive_text()
        case "close":
            await ws.close()
        case "close 4000":
            await ws.close(4000, "own")
        case _:
            await asyncio.sleep(0)


@settings(max_examples=300, deadline=None)
@given(st.lists(CALLS, max_size=8), ENDS, st.lists(CLIENT, max_size=4), st.booleans(), st.integers(1000, 1011))
async def test_any_order_of_calls_ends_once(
    calls: list[str], end: str, client: list[str], catches: bool, code: int
) -> None:
    cleanups: list[str] = []
    sockets: list[WebSocket] = []

    class Sessions(Component):
        async def resolve(self) -> AsyncIterator[Session]:
            try:
                yield Session()
            finally:
                cleanups.append("once")

    async def handler(ws: WebSocket, session: Session) -> None:
        sockets.append(ws)
        for call in calls:
            try:
                await act(ws, call)
            except APIStarError:
                if not catches:
                    raise
        if end == "boom":
            raise ValueError("boom")
        if end == "http":
            raise Forbidden
        if end == "protocol":
            raise WebSocketProtocolError("bad", 4001)
        if end == "wait":
            await ws.wait_closed() if ws.connected else None

    log = Log()
    app = ASyncApp([Route("/", handler=handler)], [Sessions()], observer=log, schema_url=None)
    queue: asyncio.Queue[Event] = asyncio.Queue()
    queue.put_nowait({"type": "websocket.connect"})
    for step in client:
        if step == "pause":
            continue
        payload: dict[str, Any] = {"text": "x"} if step == "text" else {"bytes": b"x"}
        if step == "big":
            payload = {"text": "x" * (1024 * 1024 + 1)}
        queue.put_nowait({"type": "websocket.receive", **payload})
    queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": ""})
    sent: list[str] = []
    over = False

    async def receive() -> Event:
        event = await queue.get()
        if event["type"] == "websocket.disconnect":
            queue.put_nowait(event)
        return event

    async def send(event: Event) -> None:
        nonlocal over
        assert not over, f"{event['type']} after the end"
        sent.append(event["type"])
        over = event["type"] == "websocket.close" or not event.get("more_body", True)

    scope: dict[str, Any] = {
        "type": "websocket", "path": "/", "root_path": "", "scheme": "ws", "headers": [], "query_string": b"",
        "subprotocols": [], "client": None, "extensions": {"websocket.http.response": {}},
    }  # fmt: skip
    before = asyncio.all_tasks()
    async with asyncio.timeout(5):
        await app(scope, receive, send)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() - before == set()
    (ws,) = sockets
    assert ws.closed
    assert cleanups == ["once"]
    accepted = "websocket.accept" in sent
    assert log.events == (["opened", "closed"] if accepted else ["refused"])
    assert sent.count("websocket.accept") + sent.count("websocket.http.response.start") == 1
