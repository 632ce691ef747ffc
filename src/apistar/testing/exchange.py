"""
One WebSocket between a test and an application, in memory: a strict ASGI server with nobody's sockets.

What a real server refuses is refused here: events out of order raise `RuntimeError` in the application, a send after
the end raises `ClientDisconnected`, an `OSError` as the ASGI specification asks (WebSocket 2.4).
"""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from ..types import TESTING_EXTENSION, ASGIApp, Data, Event, Scope
from .denied import WebSocketDenied

MAX_WAITING_MESSAGES: Final = 1024
"""What the test may leave unread before the application's `send` waits, as it does for a slow client."""


class ClientDisconnected(OSError):
    """The application sent something after the end."""


class Phase(enum.Enum):
    """How far the connection has come."""

    CONNECTING = "connecting"
    DENYING = "denying"
    OPEN = "open"
    CLOSED = "closed"


class Exchange:
    """
    The server's side of one connection.

    Attributes:
        errors: What the application failed with, as it reports it.
        sent, received: How many messages went each way.
    """

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        self.scope = scope
        self.phase = Phase.CONNECTING
        self.errors: list[BaseException] = []
        self.subprotocol: str | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.denial: WebSocketDenied | None = None
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self.sent = 0
        self.received = 0
        self._inbox: deque[Event] = deque([{"type": "websocket.connect"}])
        self._outbox: deque[Data] = deque()
        self._body: list[bytes] = []
        self._changed = asyncio.Event()
        scope["extensions"][TESTING_EXTENSION] = {"errors": self.errors}
        self.task = asyncio.get_running_loop().create_task(self._run(app), name=f"apistar test: {scope['path']}")

    async def _run(self, app: ASGIApp) -> None:
        try:
            await app(self.scope, self._receive, self._send)
        except Exception as error:
            self.errors.append(error)
        finally:
            if self.phase in (Phase.CONNECTING, Phase.DENYING):
                self.denial = WebSocketDenied(500, [], b"")
            if self.phase is not Phase.CLOSED:
                self._end(1011 if self.errors else 1006, "")
            self._tell()

    # The application's side

    async def _receive(self) -> Event:
        while not self._inbox:
            await self._wait()
        event = self._inbox.popleft()
        if event["type"] == "websocket.disconnect":
            self._inbox.append(event)
        return event

    async def _send(self, event: Event) -> None:
        kind = event["type"]
        if self.phase is Phase.CONNECTING and kind == "websocket.accept":
            self.phase = Phase.OPEN
            self.subprotocol = event.get("subprotocol")
            self.headers = [(bytes(name), bytes(value)) for name, value in event.get("headers", [])]
        elif self.phase is Phase.CONNECTING and kind == "websocket.close":
            self.denial = WebSocketDenied(403, [], b"")
            self._end(1006, "")
        elif self.phase is Phase.CONNECTING and kind == "websocket.http.response.start":
            self.phase = Phase.DENYING
            self.denial = WebSocketDenied(event["status"], list(event.get("headers", [])), b"")
        elif self.phase is Phase.DENYING and kind == "websocket.http.response.body":
            self._body.append(event.get("body", b""))
            if not event.get("more_body", False):
                assert self.denial is not None
                self.denial = WebSocketDenied(self.denial.status_code, self.denial.headers.raw, b"".join(self._body))
                self._end(1006, "")
        elif self.phase is Phase.OPEN and kind == "websocket.send":
            await self._send_message(event)
        elif self.phase is Phase.OPEN and kind == "websocket.close":
            self._end(event.get("code", 1000), event.get("reason") or "")
        elif self.phase is Phase.CLOSED and kind in ("websocket.send", "websocket.accept", "websocket.close"):
            raise ClientDisconnected("the connection is over")
        else:
            raise RuntimeError(f"ASGI event {kind!r} came while the connection is {self.phase.value}")
        self._tell()

    async def _send_message(self, event: Event) -> None:
        text: Any = event.get("text")
        data: Any = event.get("bytes")
        if (text is None) == (data is None):
            raise RuntimeError("websocket.send needs either text or bytes")
        while len(self._outbox) >= MAX_WAITING_MESSAGES:
            await self._wait()
            if self.phase is Phase.CLOSED:
                raise ClientDisconnected("the connection is over")
        if text is not None and not isinstance(text, str):
            raise RuntimeError(f"websocket.send text must be a str, not {type(text).__name__}")
        self._outbox.append(text if text is not None else bytes(data))
        self.sent += 1

    # The test's side

    def push(self, data: Data) -> None:
        """A message from the client."""
        self.received += 1
        self._inbox.append(
            {"type": "websocket.receive", "text": data}
            if isinstance(data, str)
            else {"type": "websocket.receive", "bytes": data}
        )
        self._tell()

    @property
    def has_message(self) -> bool:
        """Whether `take()` has something to give."""
        return bool(self._outbox)

    def take(self) -> Data | None:
        """The next message for the client, if there is one."""
        message = self._outbox.popleft() if self._outbox else None
        self._tell()
        return message

    def close(self, code: int, reason: str) -> None:
        """The client's Close."""
        if self.phase is not Phase.CLOSED:
            self._end(code, reason)

    def _end(self, code: int, reason: str) -> None:
        self.phase = Phase.CLOSED
        self.close_code = code
        self.close_reason = reason
        self._inbox.append({"type": "websocket.disconnect", "code": code, "reason": reason})
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait(self) -> None:
        await self._changed.wait()

    async def wait_for(self, condition: Callable[[], bool], timeout_s: float | None) -> bool:
        """Wait until `condition()` holds; False when the time is over."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    await self._wait()
        except TimeoutError:
            return condition()
        return True
