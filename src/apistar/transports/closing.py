"""
How a native connection ends: by our Close or the peer's, by a failure, or without a word.

The connection is over for its owner as soon as the transport knows (`_end`). TCP outlives it, as long as it takes the
peer to read our last words and to answer, and never longer than `close_timeout_s`.

Sources: RFC 6455 §5.5.1 and §7, RFC 9112 §9.6.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

from ..limits import Limits
from ..observer import Observer
from .frames import close_frame, parse_close
from .incoming import Incoming
from .opening import ConnectionOwner, Handshake, refusal
from .picows_connection import silence
from .tcp import reset
from .transport import Ending, Initiator, OnEnd
from .wheel import Bucket, wheel_of

QUIET_S: Final = 0.25
"""Without a byte from a peer that was told 1009: it has sent what it was sending, and may see the end of TCP."""


class Closing(Incoming):
    """
    What ends; `NativeTransport` has the rest.

    Attributes:
        bucket: Where the wheel keeps its next deadline.
    """

    __slots__ = (
        "_close_at",
        "_closers",
        "_discarding",
        "_handshake",
        "_mark",
        "_on_end",
        "_owner",
        "_waiters",
        "_wheel",
        "bucket",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tcp: asyncio.Transport,
        handshake: Handshake,
        owner: ConnectionOwner | None = None,
    ) -> None:
        super().__init__(loop, tcp)
        self.bucket: Bucket | None = None
        self._wheel = wheel_of(loop)
        self._handshake: Handshake | None = handshake
        self._owner = owner
        self._on_end: OnEnd | None = None
        self._mark: tuple[object, object] | None = None
        self._close_at = 0.0
        self._discarding = False
        self._waiters: list[asyncio.Future[None]] | None = None
        self._closers: list[asyncio.Future[None]] | None = None

    def bind(self, on_end: OnEnd, limits: Limits, observer: Observer | None, route: str) -> None:
        self._limits = limits
        self._observer = observer
        self._route = route
        if self.ending is not None:
            on_end(self.ending)
        else:
            self._on_end = on_end

    async def close(self, code: int, reason: str) -> None:
        if self.ending is not None:
            return
        self.start_close(code, reason)
        if self._tcp is not None:
            closed: asyncio.Future[None] = self._loop.create_future()
            self._closers = [*(self._closers or ()), closed]
            await closed

    def start_close(self, code: int, reason: str = "") -> None:
        """
        What `close()` does, without waiting for the peer: for a shutdown of many connections.

        The connection is over at once for its owner; TCP closes within `close_timeout_s`, whatever the peer does.
        Before `accept()` it answers the handshake with 503, or breaks off the answer that was begun.
        """
        if self.ending is not None:
            return
        if not self._accepted:
            handshake = self._handshake
            if handshake is not None:
                self._refuse(503, refusal(handshake, 503, (), b""))
            self._end(Ending(code, reason, Initiator.LOCAL))
            if handshake is None:
                self._finish()
            return
        if self._backlog is not None:
            self._backlog.write_all()
        if self._tcp is not None:
            self._tcp.write(close_frame(code, reason))
        self._end(Ending(code, reason, Initiator.LOCAL))
        self._expire_in(self._limits.close_timeout_s)
        if self._paused:
            self._resume()

    def abort(self, code: int = 1006, reason: str = "") -> None:
        if self.ending is None:
            self._end(Ending(code, reason, Initiator.LOCAL))
        self._reset()

    async def wait_closed(self) -> None:
        if self.ending is None:
            ended: asyncio.Future[None] = self._loop.create_future()
            self._waiters = [*(self._waiters or ()), ended]
            try:
                await ended
            finally:
                self._waiters = [waiter for waiter in self._waiters or () if waiter is not ended] or None

    def _refuse(self, status: int, response: bytes) -> None:
        self._answer(status, response)
        self._linger()

    def _answer(self, status: int, response: bytes) -> None:
        """Answer the handshake with something else than a 101, or begin to."""
        self._handshake = None
        if self._observer is not None:
            self._observer.refused(self._route, status)
        if self._tcp is not None:
            self._tcp.write(response)
        if self._owner is not None:
            self._owner.handshake_answered(status)

    def _take_close(self, payload: bytes, more_behind: bool) -> None:
        """
        The peer's Close came first: answer with the same (RFC 6455 §5.5.1) and close TCP (§7.1.1).

        With its reason too: what a browser's `CloseEvent` says is what the server sent, whoever closed first.
        """
        code, reason = parse_close(payload)
        if self._tcp is not None:
            self._tcp.write(close_frame(code, reason))
        self._end(Ending(code, reason, Initiator.PEER))
        if more_behind:
            self._linger()
        else:
            self._finish()

    def _fail(self, code: int, reason: str) -> None:
        """Fail the connection (RFC 6455 §7.1.7): a Close, and nothing that comes counts any more."""
        if self.ending is None:
            if self._tcp is not None:
                self._tcp.write(close_frame(code, reason))
            self._end(Ending(code, reason, Initiator.LOCAL))
        # What is too big is still being sent. asyncio's clients close at the end of TCP, whatever they have to write,
        # and some then fail where they should report the 1009.
        self._linger(QUIET_S if code == 1009 else 0.0)

    def _finish(self) -> None:
        """Both Closes are out: close TCP, after what is still to be written."""
        if self._tcp is not None and not self._discarding:
            self._discarding = True
            self._expire_in(self._limits.close_timeout_s)
            self._tcp.close()

    def _lose(self) -> None:
        """No sign of life from the peer: say why, in case that it hears us after all, and wait for nothing."""
        if self._tcp is None or self._tcp.get_write_buffer_size():
            self.abort(1006)
            return
        self._tcp.write(close_frame(1011, "keepalive ping timeout"))
        self._end(Ending(1006, "", Initiator.LOCAL))
        self._finish()

    def _linger(self, quiet_s: float = 0.0) -> None:
        """
        Close TCP in such a way that the peer can read our last words.

        A socket that is closed with unread input resets the connection, and the peer may lose what it has not read
        (RFC 9112 §9.6). So only our half is closed; what comes is read and dropped until the peer closes or time is up.

        Args:
            quiet_s: Without a byte from the peer, before our half is closed.
        """
        tcp = self._tcp
        if tcp is None or self._discarding:
            return
        self._discarding = True
        parser, self._parser, self._held = self._parser, None, None
        if parser is not None:
            silence(parser)  # it may be in the middle of what it was given, and find another fault
        self._expire_in(self._limits.close_timeout_s)
        tcp.set_protocol(cast(asyncio.BaseProtocol, self))
        if quiet_s and not tcp.is_closing():
            tcp.resume_reading()
            self._alive = False
            self._loop.call_later(quiet_s, self._half_close_when_quiet, quiet_s)
        else:
            self._half_close()

    def _half_close(self) -> None:
        tcp = self._tcp
        if tcp is None:
            return
        if tcp.can_write_eof():
            tcp.write_eof()
            tcp.resume_reading()
        else:
            tcp.close()  # TLS: closes with close_notify, and reads meanwhile

    def _half_close_when_quiet(self, quiet_s: float) -> None:
        tcp = self._tcp
        if tcp is None or tcp.is_closing():
            return
        if self._alive:
            self._alive = False
            self._loop.call_later(quiet_s, self._half_close_when_quiet, quiet_s)
        else:
            self._half_close()

    def _reset(self) -> None:
        tcp = self._tcp
        if tcp is not None:
            self._discarding = True
            reset(tcp)

    def _end(self, ending: Ending) -> None:
        """The one place where a connection ends; what it held is let go."""
        self.ending = ending
        self._fast = False
        self.send_short = None
        backlog, self._backlog = self._backlog, None
        dropped = backlog.end() if backlog is not None else 0
        if self._observer is not None and self._accepted:
            if dropped:
                self._observer.dropped(self._route, dropped)
            self._observer.closed(self._route, ending.code)
        self._observer = None
        self._writable = None
        self._assembly = self._deflate = self._rate = self._keepalive = self._mark = None
        self._wake_later()
        for waiter in self._waiters or ():
            if not waiter.done():
                waiter.set_result(None)
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(ending)

    def _expire_in(self, delay_s: float) -> None:
        self._close_at = self._loop.time() + delay_s
        if self._tcp is not None:
            self._wheel.schedule(self, delay_s, self._loop)

    # The rest of the connection

    def on_deadline(self) -> None:
        raise NotImplementedError
