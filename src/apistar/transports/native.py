"""
A WebSocket straight on picows: frames, limits, pings, the closing handshake and compression, with no ASGI between.

picows parses; a `NativeTransport` is its listener. What goes is in `outgoing.py`, what comes in `incoming.py`, how it
ends in `closing.py`, each standing on the one before; here is the rest: the opening handshake, TCP, and time.

Sources: RFC 6455, RFC 7692.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, cast

from ..exceptions import WebSocketProtocolError, truncate_reason
from ..limits import DEFAULTS
from .assembly import too_big
from .closing import Closing
from .deflate import negotiate
from .denial import Denial
from .frames import MASKED_HEAD_BYTES, PING, PONG, lone_pong
from .keepalive import Due, Keepalive
from .opening import refusal, refusal_head, switching_protocols
from .picows_connection import CLOSE_FRAME, PING_FRAME, Frame, close_parser, open_parser, room_bytes, silence
from .rate import rate_of
from .transport import Capability, Ending, HeaderList, Initiator

EARLY_BYTES: Final = 4096
"""Of frames that came before the handshake was answered; past it the socket is not read."""

log: Final = logging.getLogger("apistar.transports")


class NativeTransport(Closing):
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

    __slots__ = ()

    capabilities: Final = (
        Capability.DENIAL_RESPONSE
        | Capability.WIRE_LIMITS
        | Capability.PING
        | Capability.ABORT
        | Capability.WRITE_PRESSURE
        | Capability.COMPRESSION
    )

    @property
    def round_trip_s(self) -> float | None:
        """Of the last ping that was answered."""
        return self._keepalive.round_trip_s if self._keepalive is not None else None

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
        self._rate = rate_of(limits, now)
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

    def _rest(self, empty_bytes: int) -> None:
        """
        Give picows' part back until the next message: 4 KiB, or twice the largest message that ever came.

        Args:
            empty_bytes: The room that the parser has if nothing came since.
        """
        tcp, parser = self._tcp, self._parser
        if tcp is None or parser is None or self.ending is not None or room_bytes(parser) != empty_bytes:
            return
        if self._paused or self._backlog is not None:
            return
        self._parser = self.send_short = None
        self._opened = False
        self._metered = self._deflate is not None
        tcp.set_protocol(cast(asyncio.BaseProtocol, self))
        close_parser(parser)

    async def reject(self, status: int, headers: HeaderList, body: bytes) -> None:
        if self.ending is not None or self._tcp is None or self._handshake is None:
            return
        response = refusal(self._handshake, status, headers, body)
        self._on_end = None
        self._refuse(status, response)
        self._end(Ending(1006, "", Initiator.LOCAL))

    def deny(self, status: int, headers: HeaderList) -> Denial:
        """
        Begin what `reject()` does, for a body that comes in pieces.

        Raises:
            UsageError: If a header cannot be sent.
            WebSocketDisconnect: If the connection is over.
        """
        tcp, handshake = self._tcp, self._handshake
        if self.ending is not None or tcp is None or handshake is None:
            raise self._disconnect()
        denial = Denial(self, tcp, self._loop, status, headers, self._limits.send_timeout_s)
        head = refusal_head(handshake, status, headers, denial.framing)
        tcp.set_write_buffer_limits(high=1, low=0)
        tcp.set_protocol(denial)
        self._answer(status, head)
        self._held = None
        if self._paused:
            self._paused = False
            tcp.resume_reading()
        return denial

    def denied(self) -> None:
        """Called by the `Denial`: its response is whole."""
        self._on_end = None
        self._linger()
        self._end(Ending(1006, "", Initiator.LOCAL))

    # TCP, while we are its protocol: up to the first message, for a client that sends much at once, after a failure

    def data_received(self, data: bytes) -> None:
        if self._discarding:
            self._alive = True
        elif self._accepted:
            pong = None if self._opened or self.ending is not None else lone_pong(data)
            if pong is not None:
                self._alive = True
                self._take_pong(pong)  # a connection that only answers pings needs nothing of picows'
                return
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
        elif self._take_pong(payload) and not frame.tail_size and self._parser is not None:
            # Behind this frame comes nothing: once it is done with, its bytes are free again.
            self._loop.call_soon(self._rest, room_bytes(self._parser) + MASKED_HEAD_BYTES + len(payload))

    def _take_pong(self, payload: bytes) -> bool:
        """Whether it answers our last ping."""
        if self._keepalive is None:
            return False
        now = self._loop.time()
        round_trip_s = self._keepalive.ponged(payload, now)
        if round_trip_s is None:
            return False
        self._mark = None
        self._schedule(now)
        if self._observer is not None:
            self._observer.pinged(self._route, round_trip_s)
        return True

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
        parser = self._parser
        received = parser.room_bytes - room_bytes(parser) if parser is not None else 0  # an empty parser is like none
        return received, self._backlog.progress if self._backlog is not None else None

    def _answer_ping(self, payload: bytes) -> None:
        if self._backlog is not None and self._backlog.blocked:
            self._backlog.pong = payload
        else:
            self._write(PONG, payload)
