"""
The sending half of a WebSocket on any ASGI server.

Most servers take a message without waiting: then nothing is queued, and no task is made. Past the one message that a
server is busy with, messages wait in the outbox, past that senders do.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, cast

from ..exceptions import OutboxFull, WebSocketDisconnect
from ..limits import DEFAULTS, Limits
from ..observer import Observer
from ..types import BytesLike, Event, Send
from .asgi_events import size_of, wake
from .stepping import Started, first_step
from .transport import Ending, Initiator, Prepared

log: Final = logging.getLogger("apistar.transports")


class ASGIOutgoing:
    """What is sent; `ASGITransport` has the rest."""

    __slots__ = (
        "_background",
        "_drainer",
        "_limits",
        "_observer",
        "_outbox",
        "_outbox_bytes",
        "_reader",
        "_route",
        "_send",
        "_sending",
        "_unanswered",
        "_waiters",
        "_writable",
        "ending",
    )

    send_short: Final = None

    def __init__(self, send: Send) -> None:
        self.ending: Ending | None = None
        self._send = send
        self._limits: Limits = DEFAULTS
        self._observer: Observer | None = None
        self._route = ""
        self._outbox: deque[Event] = deque()
        self._outbox_bytes = 0
        self._sending = False
        self._unanswered = False
        self._reader: asyncio.Task[None] | None = None
        self._background: asyncio.Task[None] | None = None
        self._drainer: asyncio.Task[None] | None = None
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._writable: Callable[[], None] | None = None

    @property
    def waiting_bytes(self) -> int:
        return self._outbox_bytes

    def send(self, data: str | BytesLike, text: bool) -> Awaitable[None] | None:
        event = self._event(data, text)
        if self._sending or self._outbox or self._waiters:
            return self._enqueue(event)
        if self._observer is not None:
            self._observer.sent(self._route, size_of(event))
        # As `_begin()`, without the call: 0.03 µs a message (benchmarks, `inside`).
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
            rest = self._begin(event)
            if rest is not None:
                self._in_background(rest)
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
        return {"type": "websocket.send", "bytes": data if isinstance(data, bytes) else bytes(cast("BytesLike", data))}

    async def _deliver(self, event: Event) -> None:
        """Hand one event of the outbox to the server."""
        try:
            rest = self._begin(event)
            if rest is not None:
                await rest
        finally:
            self._sending = False

    def _begin(self, event: Event) -> Coroutine[Any, Any, None] | None:
        """
        Hand an event to the server; gives what is left to be awaited.

        The first step is taken here: most servers take a message without waiting, and then there is nothing to await.
        """
        self._sending = True
        try:
            step = first_step(self._send(event))
        except (OSError, RuntimeError) as error:
            return self._refused(error)
        if step is None:
            self._sending = False
            return None
        return self._waited(step)

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

    # The rest of the connection

    def _start_reader(self) -> None:
        """Learn of the peer's Close although nobody receives."""
        raise NotImplementedError

    async def _learn(self) -> bool:
        """After a failed send: wait for the server to say how it ended; tells whether it did."""
        raise NotImplementedError

    def abort(self, code: int = 1006, reason: str = "") -> None:
        raise NotImplementedError

    def _end(self, ending: Ending) -> bool:
        raise NotImplementedError
