"""
Prepared messages on ASGI: what a server makes wait goes on in the background, and nobody overtakes it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from apistar.exceptions import WebSocketDisconnect
from apistar.limits import Limits
from apistar.transports.asgi import ASGITransport
from apistar.transports.transport import Ending, Prepared
from apistar.types import Event
from tests.transports.wire import until

FEW = [(b"1", True), (b"2", False), (b"3", True)]


class Server:
    """An ASGI server whose `send` waits while `gate` is closed."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.sent: list[Event] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fault: Exception | None = None
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.events.put_nowait({"type": "websocket.connect"})
        self.endings: list[Ending] = []
        self.transport = ASGITransport({"type": "websocket"}, self.events.get, self.send)
        self.transport.bind(self.endings.append, limits or Limits(), None, "/")

    async def send(self, event: Event) -> None:
        if not self.gate.is_set():
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.sent.append(event)

    @property
    def payloads(self) -> list[str | bytes]:
        # An event has one of both.
        return [event.get("text") or event.get("bytes") for event in self.sent[1:]]  # type: ignore[misc]


async def test_batch_is_taken_at_once_by_a_server_that_does_not_wait() -> None:
    server = Server()
    await server.transport.accept(None, ())
    assert server.transport.send_prepared(Prepared(FEW))
    assert server.payloads == ["1", b"2", "3"]


async def test_batch_that_waits_is_taken_whole_and_the_next_one_is_refused() -> None:
    server = Server()
    await server.transport.accept(None, ())
    server.gate.clear()
    calls: list[int] = []
    assert server.transport.send_prepared(Prepared(FEW))
    assert not server.transport.send_prepared(Prepared(FEW))
    server.transport.call_when_writable(lambda: calls.append(len(server.sent)))
    waiting = server.transport.send("after", True)
    assert waiting is not None
    await waiting
    server.gate.set()
    await until(lambda: bool(calls), "writable")
    assert server.payloads == ["1", b"2", "3", "after"]
    assert calls == [5]


async def test_server_that_refuses_ends_the_connection_as_it_says() -> None:
    server = Server()
    await server.transport.accept(None, ())
    server.fault = OSError()
    server.events.put_nowait({"type": "websocket.disconnect", "code": 3001})
    assert server.transport.send_prepared(Prepared([(b"x", True)]))
    await until(lambda: bool(server.endings), "the end")
    assert server.endings[0].code == 3001
    with pytest.raises(WebSocketDisconnect):
        server.transport.send_prepared(Prepared([(b"x", True)]))


async def test_server_that_waits_for_ever_is_given_up_after_send_timeout_s() -> None:
    server = Server(Limits(send_timeout_s=0.05))
    await server.transport.accept(None, ())
    server.gate.clear()
    assert server.transport.send_prepared(Prepared(FEW))
    await until(lambda: bool(server.endings), "the end")
    assert server.endings[0].code == 1013
