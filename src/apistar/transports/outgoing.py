"""
The sending half of a native connection.

While TCP takes what is sent, nothing is queued: a short message goes through picows' own send in one call. TCP's own
buffer holds one write at most (`set_write_buffer_limits`); past it messages wait in a `Backlog`, past that senders do.

Source: RFC 6455 §5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..exceptions import OutboxFull, WebSocketDisconnect
from ..limits import DEFAULTS, Limits
from ..observer import Observer
from ..types import BytesLike
from .backlog import Backlog
from .deflate import SMALL_BYTES, Deflate
from .frames import BINARY, RSV1, TEXT, frames_of, header
from .picows_connection import Parser
from .pieces import write_pieces
from .transport import SHORT_BYTES, Ending, Prepared


class Outgoing:
    """What is sent; `NativeTransport` has the rest."""

    __slots__ = (
        "_accepted",
        "_backlog",
        "_deflate",
        "_limits",
        "_loop",
        "_observer",
        "_opened",
        "_parser",
        "_route",
        "_tcp",
        "_writable",
        "ending",
        "send_short",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, tcp: asyncio.Transport) -> None:
        self.ending: Ending | None = None
        self._loop = loop
        self._tcp: asyncio.Transport | None = tcp
        # picows' part is made for the first message, either way: an idle connection has none
        self._opened = False
        self._parser: Parser | None = None
        self._limits: Limits = DEFAULTS
        self._observer: Observer | None = None
        self._route = ""
        self._accepted = False
        self._deflate: Deflate | None = None
        self._backlog: Backlog | None = None
        self._writable: Callable[[], None] | None = None
        # picows' own send
        self.send_short: Callable[[int, str | BytesLike], None] | None = None

    @property
    def waiting_bytes(self) -> int:
        if self._tcp is None:
            return 0
        return self._tcp.get_write_buffer_size() if self._backlog is None else self._backlog.waiting_bytes

    def send(self, data: str | BytesLike, text: bool) -> Awaitable[None] | None:
        if self.send_short is not None and len(data) <= SHORT_BYTES:
            self.send_short(1 if text else 2, data)
            return None
        payload = self._payload(data)
        if self._admit(payload, text):
            return None
        return self._send_later(payload, text)

    def send_nowait(self, data: str | BytesLike, text: bool) -> None:
        if self.send_short is not None and len(data) <= SHORT_BYTES:
            self.send_short(1 if text else 2, data)
        elif not self._admit(self._payload(data), text):
            backlog = self._watched_backlog()
            if self._observer is not None:
                self._observer.dropped(self._route, 1)
            raise OutboxFull(backlog.waiting_bytes, backlog.waiting_messages)

    def send_prepared(self, prepared: Prepared) -> bool:
        send_short = self.send_short
        if send_short is None:
            return self._send_prepared(prepared)
        if prepared.small is not None:
            send_short(prepared.opcode, prepared.small)
        elif self._tcp is not None:
            self._tcp.write(prepared.wire or _wire_of(prepared))
        return True

    def _send_prepared(self, prepared: Prepared) -> bool:
        """On a connection that is observed, compressed, slow or over."""
        if self.ending is not None or not self._accepted:
            raise self._disconnect()
        if not self._opened:
            self._open()
        if self._backlog is not None:
            return False
        if self._deflate is not None:
            # What was compressed for one connection is right for no other: each has a context of its own.
            for payload, text in prepared.messages:
                self._place(payload, text)
            return True
        if self._observer is not None:
            for payload, _ in prepared.messages:
                self._observer.sent(self._route, len(payload))
        if self._tcp is not None:
            self._tcp.write(prepared.wire or _wire_of(prepared))
        return True

    def call_when_writable(self, callback: Callable[[], None]) -> None:
        if self.ending is not None:
            return
        if self._backlog is None:
            self._loop.call_soon(self._call_writable)
        self._writable = callback

    def _call_writable(self) -> None:
        callback = self._writable
        if callback is not None and self._backlog is None and self.ending is None:
            self._writable = None
            callback()

    def _payload(self, data: str | BytesLike) -> bytes:
        if self.ending is not None or not self._accepted:
            raise self._disconnect()
        if not self._opened:
            self._open()
        if isinstance(data, str):
            return data.encode()
        return data if isinstance(data, bytes) else bytes(data)

    def _admit(self, payload: bytes, text: bool) -> bool:
        """Send or queue a message if there is room, and nobody stands in line before it."""
        backlog = self._backlog
        if backlog is not None and (backlog.has_line or not backlog.has_room(len(payload))):
            return False
        self._place(payload, text)
        return True

    def _place(self, payload: bytes, text: bool) -> None:
        if self._observer is not None:
            self._observer.sent(self._route, len(payload))
        first = TEXT if text else BINARY
        if self._deflate is not None and len(payload) >= SMALL_BYTES:
            first |= RSV1
            payload = self._deflate.compress(payload)
        backlog = self._backlog
        if backlog is None or not backlog.blocked:
            self._write(first, payload)
            return
        backlog.append(first, payload)
        if self._observer is not None:
            self._observer.outbox(self._route, backlog.waiting_bytes)

    async def _send_later(self, payload: bytes, text: bool) -> None:
        if self.ending is not None:
            raise self._disconnect()
        if self._admit(payload, text):
            return  # room came before this was awaited
        backlog = self._watched_backlog()
        if self._observer is not None:
            self._observer.outbox(self._route, backlog.waiting_bytes)
        try:
            await backlog.wait_for_room(len(payload))
            if self.ending is not None:
                raise self._disconnect()
            self._place(payload, text)
        finally:
            self._settle()

    def _watched_backlog(self) -> Backlog:
        """The outbox is full: look now and then whether it moves."""
        backlog = self._backlog
        assert backlog is not None
        if backlog.stuck_since is None:
            backlog.watch()
            self._schedule(self._loop.time())
        return backlog

    def _write(self, first: int, payload: bytes) -> None:
        if self._tcp is None:
            return
        head = header(first, len(payload))
        if len(payload) <= SHORT_BYTES:
            self._tcp.write(head + payload)
        else:
            write_pieces(self._tcp, (head, payload))

    def _settle(self) -> None:
        """Take the short way again if nothing is in it."""
        if self.ending is not None or self._parser is None:
            return
        if self._backlog is not None:
            if not self._backlog.over:
                return
            self._backlog = None
        if self._observer is None and self._deflate is None:
            self.send_short = self._parser.transport.send  # type: ignore[assignment]  # it takes kinds as numbers, too
        if self._writable is not None:
            self._loop.call_soon(self._call_writable)

    def pause_writing(self) -> None:
        self.send_short = None
        if self._backlog is not None:
            self._backlog.blocked = True
        elif self._tcp is not None and self.ending is None:
            self._backlog = Backlog(self._tcp, self._limits, self._loop)

    def resume_writing(self) -> None:
        if self._backlog is not None and self.ending is None:
            self._backlog.flush()
            self._settle()

    def _disconnect(self) -> WebSocketDisconnect:
        ending = self.ending
        return WebSocketDisconnect(1006) if ending is None else WebSocketDisconnect(ending.code, ending.reason)

    def _open(self) -> None:
        """Have picows' part made."""
        raise NotImplementedError

    def _schedule(self, now: float) -> None:
        """Something with a deadline has begun."""
        raise NotImplementedError


def _wire_of(prepared: Prepared) -> bytes:
    wire = prepared.wire = frames_of(prepared.messages)
    return wire
