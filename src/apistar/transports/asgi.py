"""
A WebSocket on any ASGI 3 server, with what ASGI can express.

ASGI has no limits on the wire, no abort and no write pressure: a message is measured when it has arrived, and a send
that does not return within `send_timeout_s` ends the connection for the application, while the server looks after TCP.

What is sent is in `asgi_outgoing.py`; here is the rest: the handshake, what is received, and how it ends.

Nobody pays for a reader who does not need one: `receive()` calls the server's directly. A reader task is started by
the second `send()` in a row without a `receive` between them, and by `wait_closed()`, so that one who only sends or
only waits learns of the peer's Close.

Source: the ASGI specification, "WebSocket" 2.5 and the extension "WebSocket Denial Response".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

from ..exceptions import ConcurrentReceive, WebSocketDisconnect
from ..limits import Limits
from ..observer import Observer
from ..types import Data, Event, Receive, Scope, Send
from ..websocket.status import NORMAL_CODES
from .asgi_events import ending_of, size_of, utf8_size, wake
from .asgi_outgoing import ASGIOutgoing
from .rate import MessageRate, rate_of, too_many
from .transport import Capability, Ending, HeaderList, Initiator, OnEnd

LEARN_TIMEOUT_S: Final = 1.0
"""After a failed send, how long to wait for the server to say how the connection ended; servers say it at once."""


class ASGITransport(ASGIOutgoing):
    """One WebSocket connection over `scope`, `receive` and `send`; implements `Transport`."""

    __slots__ = (
        "_closed",
        "_direct",
        "_gives_reasons",
        "_inbox",
        "_inbox_bytes",
        "_on_end",
        "_rate",
        "_readable",
        "_reader_wanted",
        "_receive",
        "_receiving",
        "_room",
        "_started",
        "_surely_small",
        "capabilities",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(send)
        denial = "websocket.http.response" in (scope.get("extensions") or {})
        self.capabilities = Capability.DENIAL_RESPONSE if denial else Capability.NONE
        # Servers of an older version say 1005 for everything without a code, and never a reason.
        self._gives_reasons = (scope.get("asgi") or {}).get("spec_version", "2.0") >= "2.4"
        self._receive = receive
        self._on_end: OnEnd | None = None
        self._inbox: deque[Data] = deque()
        self._inbox_bytes = 0
        self._receiving = False
        self._started = False
        self._surely_small = -1
        self._rate: MessageRate | None = None
        self._direct = False
        self._reader_wanted = False
        self._readable: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._closed: list[asyncio.Future[None]] = []

    def bind(self, on_end: OnEnd, limits: Limits, observer: Observer | None, route: str) -> None:
        self._on_end = on_end
        self._limits = limits
        self._observer = observer
        self._rate = rate_of(limits, asyncio.get_running_loop().time())
        # A character takes at most four bytes; what is this short needs no counting.
        uncounted = observer is None and self._rate is None
        self._surely_small = limits.max_message_bytes // 4 if uncounted else -1
        self._route = route

    # The handshake

    async def accept(self, subprotocol: str | None, headers: HeaderList) -> None:
        await self._connect()
        try:
            await self._send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": list(headers)})
        except OSError:
            self._end(Ending(1006, "", Initiator.PEER))
            raise WebSocketDisconnect(1006) from None
        self._started = True
        if self._observer is not None:
            self._observer.opened(self._route)

    async def reject(self, status: int, headers: HeaderList, body: bytes) -> None:
        self._on_end = None
        try:
            await self._connect()
            if self._observer is not None:
                self._observer.refused(self._route, status)
            if Capability.DENIAL_RESPONSE in self.capabilities:
                await self._send({"type": "websocket.http.response.start", "status": status, "headers": list(headers)})
                await self._send({"type": "websocket.http.response.body", "body": body, "more_body": False})
            else:
                await self._send({"type": "websocket.close", "code": 1000, "reason": ""})
        except (OSError, WebSocketDisconnect):
            pass  # the client left before it could be refused
        self._end(Ending(1006, "", Initiator.LOCAL))

    async def _connect(self) -> None:
        event = await self._receive()
        if event["type"] != "websocket.connect":
            self._end(ending_of(event, self._gives_reasons))
            raise WebSocketDisconnect(1006)

    # Receiving

    def receive_nowait(self) -> Data | None:
        self._unanswered = False
        if self._inbox:
            message = self._inbox.popleft()
            self._inbox_bytes -= len(message)
            if self._room is not None:
                wake(self._room)
            return message
        if self.ending is not None:
            raise WebSocketDisconnect(self.ending.code, self.ending.reason)
        return None

    async def receive(self, iterating: bool = False, decode: Callable[[Data], Any] | None = None) -> Any:
        if self._receiving:
            raise ConcurrentReceive
        self._receiving = True
        self._unanswered = False
        message: Data | None = None
        try:
            while message is None:
                if self._inbox or self.ending is not None or self._reader is not None:
                    message = self.receive_nowait()
                    if message is None:
                        await self._until_readable()
                    continue
                self._direct = True
                try:
                    event = await self._receive()
                finally:
                    self._direct = False
                    if self._reader_wanted:
                        self._start_reader()
                text: str | None = event.get("text")
                message = cast("bytes | None", event.get("bytes")) if text is None else text
                if message is None or len(message) > self._surely_small or self.ending is not None:
                    message = await self._taken(event)
        except WebSocketDisconnect as end:
            if iterating and end.code in NORMAL_CODES:
                raise StopAsyncIteration from None
            raise
        finally:
            self._receiving = False
        return message if decode is None else decode(message)

    async def _until_readable(self) -> None:
        self._readable = asyncio.get_running_loop().create_future()
        try:
            await self._readable
        finally:
            self._readable = None

    def _start_reader(self) -> None:
        if self._direct:
            self._reader_wanted = True
        elif self._reader is None and self.ending is None:
            self._reader = asyncio.get_running_loop().create_task(self._read(), name="apistar: WebSocket reader")

    async def _read(self) -> None:
        while self.ending is None:
            if len(self._inbox) >= self._limits.inbox_messages or self._inbox_bytes >= self._limits.inbox_bytes:
                self._room = asyncio.get_running_loop().create_future()
                await self._room
                self._room = None
            message = await self._taken(await self._receive())
            if message is not None:
                self._inbox.append(message)
                self._inbox_bytes += len(message)
                if self._readable is not None:
                    wake(self._readable)

    async def _taken(self, event: Event) -> Data | None:
        """The message of an event, if it is one that counts."""
        if event["type"] == "websocket.receive":
            if self.ending is not None:
                return None  # RFC 6455 §5.5.1: nothing counts after a Close
            text: str | None = event.get("text")
            message: Data = event["bytes"] if text is None else text
            size = len(message) if text is None else utf8_size(text, self._limits.max_message_bytes)
            if size > self._limits.max_message_bytes:
                limit = self._limits.max_message_bytes
                await self.close(1009, f"message of {size} bytes exceeds max_message_bytes of {limit}")
                return None
            if self._rate is not None and not self._rate.take(asyncio.get_running_loop().time()):
                await self.close(1008, too_many(self._limits))
                return None
            if self._observer is not None:
                self._observer.received(self._route, size_of(event))
            return message
        self._end(ending_of(event, self._gives_reasons))
        return None

    async def _learn(self) -> bool:
        """After a failed send: wait for the server to say how it ended."""
        try:
            async with asyncio.timeout(LEARN_TIMEOUT_S):
                await self.wait_closed()
        except TimeoutError:
            self._end(Ending(1006, "", Initiator.PEER))
            return False
        return True

    # Ending

    async def close(self, code: int, reason: str) -> None:
        if self.ending is not None:
            return
        drainer = self._drainer
        if drainer is not None and drainer is not asyncio.current_task():
            await asyncio.wait({drainer}, timeout=self._limits.close_timeout_s)
        if self._end(Ending(code, reason, Initiator.LOCAL)):
            await self._send_close(code, reason)

    async def _send_close(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(self._limits.close_timeout_s):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except (OSError, RuntimeError):
            pass  # the peer's Close was faster, and the server has answered it (TimeoutError is an OSError)

    def abort(self, code: int = 1006, reason: str = "") -> None:
        if self.ending is None:
            self._end(Ending(code, reason, Initiator.LOCAL))

    async def wait_closed(self) -> None:
        if self.ending is not None:
            return
        self._start_reader()
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closed.append(waiter)
        try:
            await waiter
        finally:
            self._closed.remove(waiter)

    def _end(self, ending: Ending) -> bool:
        """The one place where a connection ends; tells whether it was still open."""
        if self.ending is not None:
            return False
        self.ending = ending
        if self._observer is not None and self._started:
            if self._outbox:
                self._observer.dropped(self._route, len(self._outbox))
            self._observer.closed(self._route, ending.code)
        self._outbox.clear()
        self._outbox_bytes = 0
        self._writable = None
        for waiter in (*self._waiters, *self._closed, self._readable, self._room):
            if waiter is not None:
                wake(waiter)
        reader, self._reader = self._reader, None
        if reader is not None and reader is not asyncio.current_task():
            reader.cancel()
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(ending)
        return True
