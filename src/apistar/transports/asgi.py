"""
A WebSocket on any ASGI 3 server, with what ASGI can express.

ASGI has no limits on the wire, no abort and no write pressure: a message is measured when it has arrived, and a send
that does not return within `send_timeout_s` ends the connection for the application, while the server looks after TCP.

Nobody pays for a reader who does not need one: `receive()` calls the server's directly. A reader task
is started by the second `send()` in a row without a `receive` between them, and by `wait_closed()`, so that one who
only sends or only waits learns of the peer's Close.

Source: the ASGI specification, "WebSocket" 2.5 and the extension "WebSocket Denial Response".
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, cast

from ..exceptions import ConcurrentReceive, OutboxFull, WebSocketDisconnect
from ..limits import DEFAULTS, Limits
from ..observer import Observer
from ..types import BytesLike, Data, Event, Receive, Scope, Send
from ..websocket.status import NORMAL_CODES
from .asgi_events import ending_of, size_of, utf8_size, wake
from .stepping import Started, first_step
from .transport import Capability, Ending, HeaderList, Initiator, OnEnd, Prepared

log: Final = logging.getLogger("apistar.transports")

LEARN_TIMEOUT_S: Final = 1.0
"""After a failed send, how long to wait for the server to say how the connection ended; servers say it at once."""


class ASGITransport:
    """One WebSocket connection over `scope`, `receive` and `send`."""

    __slots__ = (
        "_background",
        "_closed",
        "_direct",
        "_drainer",
        "_gives_reasons",
        "_inbox",
        "_inbox_bytes",
        "_limits",
        "_observer",
        "_on_end",
        "_outbox",
        "_outbox_bytes",
        "_readable",
        "_reader",
        "_reader_wanted",
        "_receive",
        "_receiving",
        "_room",
        "_route",
        "_send",
        "_sending",
        "_started",
        "_surely_small",
        "_unanswered",
        "_waiters",
        "_writable",
        "capabilities",
        "ending",
    )

    send_short: Final = None

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        denial = "websocket.http.response" in (scope.get("extensions") or {})
        self.capabilities = Capability.DENIAL_RESPONSE if denial else Capability.NONE
        self.ending: Ending | None = None
        # Servers of an older version say 1005 for everything without a code, and never a reason.
        self._gives_reasons = (scope.get("asgi") or {}).get("spec_version", "2.0") >= "2.4"
        self._receive = receive
        self._send = send
        self._limits: Limits = DEFAULTS
        self._observer: Observer | None = None
        self._on_end: OnEnd | None = None
        self._route = ""
        self._inbox: deque[Data] = deque()
        self._inbox_bytes = 0
        self._outbox: deque[Event] = deque()
        self._outbox_bytes = 0
        self._sending = False
        self._receiving = False
        self._unanswered = False
        self._started = False
        self._surely_small = -1
        self._direct = False
        self._reader: asyncio.Task[None] | None = None
        self._reader_wanted = False
        self._background: asyncio.Task[None] | None = None
        self._drainer: asyncio.Task[None] | None = None
        self._readable: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._closed: list[asyncio.Future[None]] = []
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._writable: Callable[[], None] | None = None

    @property
    def waiting_bytes(self) -> int:
        return self._outbox_bytes

    def bind(self, on_end: OnEnd, limits: Limits, observer: Observer | None, route: str) -> None:
        self._on_end = on_end
        self._limits = limits
        self._observer = observer
        # A character takes at most four bytes; what is this short needs no counting.
        self._surely_small = limits.max_message_bytes // 4 if observer is None else -1
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
            if self._observer is not None:
                self._observer.received(self._route, size_of(event))
            return message
        self._end(ending_of(event, self._gives_reasons))
        return None

    # Sending

    def send(self, data: str | BytesLike, text: bool) -> Awaitable[None] | None:
        event = self._event(data, text)
        if self._sending or self._outbox or self._waiters:
            return self._enqueue(event)
        if self._observer is not None:
            self._observer.sent(self._route, size_of(event))
        # The first step is taken here: most servers take a message without waiting, and then there is nothing to await.
        self._sending = True
        try:
            step = first_step(self._send(event))
        except (OSError, RuntimeError) as error:
            return self._refused(error)
        if step is None:
            self._sending = False
            return None
        return self._waited(step)

    def send_nowait(self, data: str | BytesLike, text: bool) -> None:
        event = self._event(data, text)
        if not self._fits(event):
            if self._observer is not None:
                self._observer.dropped(self._route, 1)
            raise OutboxFull(self._outbox_bytes, len(self._outbox))
        self._append(event)

    def send_prepared(self, prepared: Prepared) -> bool:
        if self.ending is None and self._blocked:
            return False
        for payload, text in prepared.messages:
            event = self._event(payload, text)
            if self._blocked:  # one before it waits; the rest of a batch is little, and was promised
                self._append(event)
                continue
            if self._observer is not None:
                self._observer.sent(self._route, size_of(event))
            self._sending = True
            try:
                step = first_step(self._send(event))
            except (OSError, RuntimeError) as error:
                self._in_background(self._refused(error))
                return True
            if step is None:
                self._sending = False
            else:
                self._in_background(self._waited(step))
        return True

    @property
    def _blocked(self) -> bool:
        return bool(self._sending or self._outbox or self._waiters)

    def _in_background(self, rest: Coroutine[Any, Any, None]) -> None:
        """Go on with a send that nobody awaits; how the connection ended is told to its owner."""

        async def run() -> None:
            try:
                await rest
            except WebSocketDisconnect:
                pass
            except RuntimeError:
                log.exception("a server refused to send on an open WebSocket; route %s", self._route)
                self._end(Ending(1006, "", Initiator.LOCAL))
            finally:
                self._background = None

        self._background = asyncio.get_running_loop().create_task(run(), name="apistar: WebSocket send")

    def call_when_writable(self, callback: Callable[[], None]) -> None:
        if self.ending is None:
            self._writable = callback
            self._tell_writable()

    def _tell_writable(self) -> None:
        if self._writable is not None and not self._blocked:
            asyncio.get_running_loop().call_soon(self._call_writable)

    def _call_writable(self) -> None:
        callback = self._writable
        if callback is not None and not self._blocked and self.ending is None:
            self._writable = None
            callback()

    def _event(self, data: str | BytesLike, text: bool) -> Event:
        if self.ending is not None:
            raise WebSocketDisconnect(self.ending.code, self.ending.reason)
        if not self._unanswered:
            self._unanswered = True
        elif self._reader is None:
            self._start_reader()
        if text:
            return {"type": "websocket.send", "text": data if isinstance(data, str) else str(data, "utf-8")}
        return {"type": "websocket.send", "bytes": data if isinstance(data, bytes) else bytes(data)}  # type: ignore[arg-type]

    async def _deliver(self, event: Event) -> None:
        """Hand one event of the outbox to the server."""
        self._sending = True
        try:
            step = first_step(self._send(event))
        except (OSError, RuntimeError) as error:
            await self._refused(error)
        else:
            if step is not None:
                await self._waited(step)
        finally:
            self._sending = False

    async def _waited(self, step: Started) -> None:
        """Go on with a send that waits; only then the clock runs."""
        try:
            async with asyncio.timeout(self._limits.send_timeout_s):
                await step
        except TimeoutError:
            reason = f"the outbox did not move for {self._limits.send_timeout_s} s"
            self.abort(1013, reason)
            raise WebSocketDisconnect(1013, reason) from None
        except (OSError, RuntimeError) as error:
            await self._refused(error)
        finally:
            self._sending = False
            self._start_drainer()
            self._tell_writable()

    async def _refused(self, error: OSError | RuntimeError) -> None:
        """
        Find out why the server refused a send.

        Servers differ in how they refuse one after the peer's Close: uvicorn raises an OSError, or a RuntimeError where
        it has answered that Close already. The disconnect event decides.
        """
        self._sending = False
        if not await self._learn() and isinstance(error, RuntimeError):
            raise error
        assert self.ending is not None
        raise WebSocketDisconnect(self.ending.code, self.ending.reason) from None

    def _start_drainer(self) -> None:
        if self._outbox and self._drainer is None and not self._sending and self.ending is None:
            self._drainer = asyncio.get_running_loop().create_task(self._drain(), name="apistar: WebSocket outbox")

    async def _enqueue(self, event: Event) -> None:
        if self._observer is not None and (not self._fits(event) or self._waiters):
            self._observer.outbox(self._route, self._outbox_bytes)
        while not self._fits(event) or self._waiters:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
                elif self._waiters:
                    wake(self._waiters.popleft())  # this one was woken and cannot use it
                raise
            if self.ending is not None:
                raise WebSocketDisconnect(self.ending.code, self.ending.reason)
            if self._fits(event):
                break
        self._append(event)

    def _fits(self, event: Event) -> bool:
        limits = self._limits
        if not self._outbox:
            return True
        size = self._outbox_bytes + size_of(event)
        return len(self._outbox) < limits.outbox_messages and size <= limits.outbox_bytes

    def _append(self, event: Event) -> None:
        size = size_of(event)
        self._outbox.append(event)
        self._outbox_bytes += size
        if self._observer is not None:
            self._observer.sent(self._route, size)
            self._observer.outbox(self._route, self._outbox_bytes)
        self._start_drainer()

    async def _drain(self) -> None:
        try:
            while self._outbox and self.ending is None:
                event = self._outbox[0]
                await self._deliver(event)
                self._outbox.popleft()
                self._outbox_bytes -= size_of(event)
                if self._waiters:
                    wake(self._waiters.popleft())
        except WebSocketDisconnect:
            pass  # `_end` has told everybody
        finally:
            self._drainer = None
            self._tell_writable()

    async def _learn(self) -> bool:
        """After a failed send: wait for the server to say how it ended."""
        if self.ending is None and not self._direct:
            self._start_reader()
        try:
            async with asyncio.timeout(LEARN_TIMEOUT_S):
                while self.ending is None:
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
