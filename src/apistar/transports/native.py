"""
A WebSocket straight on picows: frames, limits, pings, the closing handshake and compression, with no ASGI between.

picows parses; a `NativeTransport` is its listener, with a half for what comes (`incoming.py`), a half for what goes
(`outgoing.py`), and here the rest: the opening handshake, TCP, time, and how it ends.

Sources: RFC 6455, RFC 7692.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from typing import Final, cast

from ..exceptions import WebSocketProtocolError, truncate_reason
from ..limits import DEFAULTS, Limits
from ..observer import Observer
from .assembly import too_big
from .deflate import negotiate
from .frames import PING, PONG, close_frame, parse_close
from .incoming import Incoming
from .keepalive import Due, Keepalive
from .opening import ConnectionOwner, Handshake, refusal, switching_protocols
from .picows_connection import CLOSE_FRAME, PING_FRAME, Frame, close_parser, open_parser, silence
from .rate import MessageRate
from .transport import Capability, Ending, HeaderList, Initiator, OnEnd
from .wheel import Bucket, wheel_of

EARLY_BYTES: Final = 4096
"""Of frames that came before the handshake was answered; past it the socket is not read."""
NO_LINGER: Final = struct.pack("ii", 1, 0)
"""close() resets the connection and drops what was not sent (socket(7), SO_LINGER)."""

log: Final = logging.getLogger("apistar.transports")


class NativeTransport(Incoming):
    """
    One WebSocket connection whose handshake the HTTP side has parsed; implements `Transport`.

    It is the asyncio protocol of its TCP transport too, so the server does, in this order:

        native = NativeTransport(loop, tcp, handshake, owner)
        tcp.set_protocol(native)          # data_received, eof_received, connection_lost, pause_… and resume_writing
        native.data_received(rest)        # bytes that came behind the handshake, if any

    and then hands it to the application, which calls `bind()` and `accept()` or `reject()`. Until then bytes that
    arrive are kept (and reading stops past a few KiB), and a lost TCP ends the connection with 1006.
    After `accept()` the transport may change the TCP transport's protocol as it likes.

    Args:
        tcp: Connected; plain TCP, TLS or a unix socket.
        handshake: Checked by the HTTP side; dropped with the answer.
        owner: Told of the handshake's answer, and when TCP is closed and nothing is kept.
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

    capabilities: Final = (
        Capability.DENIAL_RESPONSE
        | Capability.WIRE_LIMITS
        | Capability.PING
        | Capability.ABORT
        | Capability.WRITE_PRESSURE
        | Capability.COMPRESSION
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

    @property
    def round_trip_s(self) -> float | None:
        """Of the last ping that was answered."""
        return self._keepalive.round_trip_s if self._keepalive is not None else None

    def bind(self, on_end: OnEnd, limits: Limits, observer: Observer | None, route: str) -> None:
        self._limits = limits
        self._observer = observer
        self._route = route
        if self.ending is not None:
            on_end(self.ending)
        else:
            self._on_end = on_end

    # The opening handshake

    async def accept(self, subprotocol: str | None, headers: HeaderList) -> None:
        tcp, handshake = self._tcp, self._handshake
        if self.ending is not None or tcp is None or handshake is None:
            raise self._disconnect()
        limits = self._limits
        extension, self._deflate = (limits.compression and negotiate(handshake.extensions)) or (None, None)
        response = switching_protocols(handshake, subprotocol, extension, headers)
        self._handshake = None
        tcp.set_write_buffer_limits(high=1, low=0)
        tcp.write(response)
        self._accepted = True
        if self._observer is not None:
            self._observer.opened(self._route)
        if self._owner is not None:
            self._owner.handshake_answered(101)

        now = self._loop.time()
        self._simple = (
            self._observer is None
            and self._deflate is None
            and limits.message_rate is None
            and limits.idle_timeout_s is None
        )
        if limits.message_rate is not None:
            self._rate = MessageRate(limits.message_rate, limits.message_burst or limits.message_rate, now)
        if limits.ping_interval_s is not None or limits.idle_timeout_s is not None:
            self._keepalive = Keepalive(limits, now)
            self._schedule(now)
        self._fast = self._simple
        self._metered = self._deflate is not None
        if self._paused or self._held is not None:
            # Frames came behind the handshake; let whoever accepted wait for them first.
            self._open()
            self._paused = False
            self._end_turn()

    def _open(self) -> None:
        tcp, limits = self._tcp, self._limits
        if self._opened or tcp is None:
            return
        self._opened = True
        slack = limits.max_message_bytes // 512 + 64 if self._deflate is not None else 0
        self._parser = open_parser(tcp, self, limits.max_message_bytes + slack)
        self._settle()
        if not self._metered:
            tcp.set_protocol(self._parser)

    async def reject(self, status: int, headers: HeaderList, body: bytes) -> None:
        if self.ending is not None or self._tcp is None or self._handshake is None:
            return
        response = refusal(self._handshake, status, headers, body)
        self._on_end = None
        self._refuse(status, response)
        self._end(Ending(1006, "", Initiator.LOCAL))

    def _refuse(self, status: int, response: bytes) -> None:
        self._handshake = None
        if self._observer is not None:
            self._observer.refused(self._route, status)
        if self._tcp is not None:
            self._tcp.write(response)
        if self._owner is not None:
            self._owner.handshake_answered(status)
        self._linger()

    # TCP, while we are its protocol: up to the first message, for a client that sends much at once, after a failure

    def data_received(self, data: bytes) -> None:
        if self._accepted and not self._discarding:
            self._open()
            self._feed(data)
        elif self._handshake is not None and self._tcp is not None:
            self._held = data if self._held is None else self._held + data
            if len(self._held) > EARLY_BYTES and not self._paused:
                self._paused = True
                self._tcp.pause_reading()

    def eof_received(self) -> bool | None:
        if self.ending is None:
            self._end(Ending(1006, "", Initiator.PEER))
            self._expire_in(self._limits.close_timeout_s)
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._tcp = None
        parser, self._parser = self._parser, None
        if parser is not None:
            close_parser(parser)
        self._handshake = self._held = None
        if self.ending is None:
            self._end(Ending(1006, "", Initiator.PEER))
        self._wheel.forget(self)
        self._limits = DEFAULTS
        for waiter in self._closers or ():
            if not waiter.done():
                waiter.set_result(None)
        self._closers = None
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.connection_released()

    # What picows says besides frames

    def parser_failed(self, code: int, detail: str) -> None:
        parser, self._parser = self._parser, None
        if parser is None:
            return
        silence(parser)
        self.send_short = None
        if code == 1009:
            detail = too_big(self._limits).detail
        # uvloop reads on before the next round of the loop, and picows would go on where it failed: with the payload of
        # the frame that is too large, for one. From now on what comes is ours to drop.
        if self._tcp is not None:
            self._tcp.set_protocol(cast(asyncio.BaseProtocol, self))
        # The frame before the faulty one is delivered after this call, and its answer must leave before our Close.
        self._loop.call_soon(self._fail, code, truncate_reason(detail[:1].lower() + detail[1:]))

    def listener_failed(self) -> None:
        log.exception("fault in a WebSocket transport, closing with 1011; route %s", self._route)
        self._loop.call_soon(self._fail, 1011, "")

    def _take_control(self, kind: object, frame: Frame) -> None:
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            raise WebSocketProtocolError("reserved bits are set in a control frame", 1002)
        payload = frame.get_payload_as_bytes()
        if kind is PING_FRAME:
            self._answer_ping(payload)
        elif kind is CLOSE_FRAME:
            self._take_close(payload, more_behind=frame.tail_size > 0)
        elif self._keepalive is not None:
            now = self._loop.time()
            round_trip_s = self._keepalive.ponged(payload, now)
            if round_trip_s is not None:
                self._mark = None
                self._schedule(now)
                if self._observer is not None:
                    self._observer.pinged(self._route, round_trip_s)

    # Time

    def on_deadline(self) -> None:
        now = self._loop.time()
        if self.ending is not None:
            if now < self._close_at:
                self._expire_in(self._close_at - now)
            elif self._tcp is not None and not self._tcp.get_write_buffer_size():
                self._tcp.abort()
            else:
                self._reset()
            return
        if self._backlog is not None and self._backlog.stuck(now):
            self.abort(1013, f"the outbox did not move for {self._limits.send_timeout_s} s")
            return
        keepalive = self._keepalive
        if keepalive is not None:
            mark = self._progress()
            alive = self._alive or (self._mark is not None and mark != self._mark)
            due = keepalive.due(self._limits, now, alive, not self._paused)
            if due is Due.IDLE:
                self.start_close(1000, "idle")
                return
            if due is Due.LOST:
                self._lose()
                return
            if due is Due.PING:
                payload = keepalive.pinged(self._limits, now)
                if self._backlog is None:
                    self._write(PING, payload)
                self._mark = self._progress()
                self._alive = False
        self._schedule(now)

    def _schedule(self, now: float) -> None:
        delay_s = self._keepalive.next_in_s(self._limits, now) if self._keepalive is not None else None
        if self._backlog is not None and self._backlog.stuck_since is not None:
            delay_s = min(self._limits.send_timeout_s / 4, delay_s or self._limits.send_timeout_s)
        if delay_s is not None:
            self._wheel.schedule(self, delay_s, self._loop)

    def _progress(self) -> tuple[object, object]:
        """Changes when bytes of a frame come that is not whole yet, or when the peer takes what we wrote."""
        received = len(self._parser.get_buffer(-1)) if self._parser is not None else 0
        return received, self._backlog.progress if self._backlog is not None else None

    def _expire_in(self, delay_s: float) -> None:
        self._close_at = self._loop.time() + delay_s
        if self._tcp is not None:
            self._wheel.schedule(self, delay_s, self._loop)

    def _answer_ping(self, payload: bytes) -> None:
        if self._backlog is not None and self._backlog.blocked:
            self._backlog.pong = payload
        else:
            self._write(PONG, payload)

    # Ending

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
        Before `accept()` it answers the handshake with 503.
        """
        if self.ending is not None:
            return
        if not self._accepted:
            if self._handshake is not None:
                self._refuse(503, refusal(self._handshake, 503, (), b""))
            self._end(Ending(code, reason, Initiator.LOCAL))
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

    def _take_close(self, payload: bytes, more_behind: bool) -> None:
        """The peer's Close came first: answer with its code (RFC 6455 §5.5.1) and close TCP (§7.1.1)."""
        code, reason = parse_close(payload)
        if self._tcp is not None:
            self._tcp.write(close_frame(code, ""))
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
        self._linger()

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

    def _linger(self) -> None:
        """
        Close TCP in such a way that the peer can read our last words.

        A socket that is closed with unread input resets the connection, and the peer may lose what it has not read
        (RFC 9112 §9.6). So only our half is closed; what comes is read and dropped until the peer closes or time is up.
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
        if tcp.can_write_eof():
            tcp.write_eof()
            tcp.resume_reading()
        else:
            tcp.close()  # TLS: closes with close_notify, and reads meanwhile

    def _reset(self) -> None:
        """Drop TCP with a reset, and what the operating system holds for the peer."""
        tcp = self._tcp
        if tcp is not None:
            self._discarding = True
            sock = tcp.get_extra_info("socket")
            if sock is not None:
                with contextlib.suppress(OSError):  # it is gone already
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            tcp.abort()

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
