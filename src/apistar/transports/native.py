"""
A WebSocket straight on picows: frames, limits, pings, the closing handshake and compression, with no ASGI between.

picows parses; a `NativeTransport` is its listener. A message goes the short way, `on_ws_frame` → the waiting handler →
`send`, as long as nothing is special; everything special (fragments, compression, limits on rate, an observer, a slow
client) takes the longer way in a method of its own.

A handler that waits in `wait_readable()` goes on at once, inside of `on_ws_frame`, and not in the loop's next round:
this saves a future and a scheduled callback for each message, and lets an answer leave before the next frame is read.

While TCP takes what is sent, nothing is queued. TCP's own buffer holds one write at most (`set_write_buffer_limits`);
past it messages wait in the outbox, and past the outbox `send()` waits.

Sources: RFC 6455, RFC 7692.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import types
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Final, cast

import picows

from ..exceptions import OutboxFull, WebSocketDisconnect, WebSocketProtocolError, truncate_reason
from ..limits import DEFAULTS, Limits
from ..observer import Observer
from ..types import BytesLike, Data
from .assembly import Assembly, invalid_text, too_big
from .backlog import Backlog
from .deflate import SMALL_BYTES, Deflate, negotiate
from .frames import BINARY, PING, PONG, RSV1, TEXT, close_frame, header, parse_close
from .keepalive import Due, Keepalive
from .opening import ConnectionOwner, Handshake, refusal, switching_protocols
from .picows_connection import Parser, feed, open_parser, silence
from .rate import MessageRate
from .transport import Capability, Ending, HeaderList, Initiator, OnEnd
from .wheel import Bucket, wheel_of

if TYPE_CHECKING:
    from contextvars import Context

EARLY_BYTES: Final = 4096
"""Of frames that came before the handshake was answered; past it the socket is not read."""
READ_AHEAD_BYTES: Final = 64 * 1024
"""Of frames read at once; a client that sends more is read in slices from then on."""
COPIED_BYTES: Final = 1024
"""Up to this length picows copies a message of any kind; its way of larger ones keeps references."""
NO_LINGER: Final = struct.pack("ii", 1, 0)
"""close() resets the connection and drops what was not sent (socket(7), SO_LINGER)."""

log: Final = logging.getLogger("apistar.transports")


class NativeTransport(picows.WSListener):
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
        "_accepted",
        "_alive",
        "_assembly",
        "_asyncio_future_blocking",
        "_backlog",
        "_cancelled",
        "_close_at",
        "_closers",
        "_context",
        "_deflate",
        "_direct",
        "_discarding",
        "_fast",
        "_handshake",
        "_held",
        "_inbox",
        "_inbox_bytes",
        "_keepalive",
        "_limits",
        "_loop",
        "_mark",
        "_metered",
        "_observer",
        "_on_end",
        "_owner",
        "_parser",
        "_paused",
        "_rate",
        "_ready",
        "_route",
        "_simple",
        "_tcp",
        "_waiters",
        "_wakeup",
        "bucket",
        "ending",
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
        super().__init__()
        self.ending: Ending | None = None
        self.bucket: Bucket | None = None
        self._loop = loop
        self._tcp: asyncio.Transport | None = tcp
        self._handshake: Handshake | None = handshake
        self._owner = owner
        self._on_end: OnEnd | None = None
        self._limits: Limits = DEFAULTS
        self._observer: Observer | None = None
        self._route = ""
        self._accepted = False
        self._parser: Parser | None = None
        # Receiving: `_ready` is the first message, `_inbox` holds those behind it and exists only while there are any.
        self._fast = False
        self._simple = False
        self._alive = False
        self._ready: Data | None = None
        self._inbox: deque[Data] | None = None
        self._inbox_bytes = 0
        self._held: bytes | None = None
        self._paused = False
        self._metered = False
        self._assembly: Assembly | None = None
        self._deflate: Deflate | None = None
        self._rate: MessageRate | None = None
        self._wakeup: Callable[[object], None] | None = None
        self._context: Context | None = None
        self._asyncio_future_blocking = False
        self._cancelled = False
        # Sending: `_direct` is picows' own send, there only while nothing stands in its way.
        self._direct: Callable[[int, str | BytesLike], None] | None = None
        self._backlog: Backlog | None = None
        # Time and ending
        self._keepalive: Keepalive | None = None
        self._mark: tuple[object, object] | None = None
        self._close_at = 0.0
        self._discarding = False
        self._waiters: list[asyncio.Future[None]] | None = None
        self._closers: list[asyncio.Future[None]] | None = None

    @property
    def waiting_bytes(self) -> int:
        if self._tcp is None:
            return 0
        return self._tcp.get_write_buffer_size() if self._backlog is None else self._backlog.waiting_bytes

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
        slack = limits.max_message_bytes // 512 + 64 if self._deflate is not None else 0
        self._parser = open_parser(tcp, self, limits.max_message_bytes + slack)
        self._fast = self._simple
        self._settle()
        if not self._metered:
            tcp.set_protocol(self._parser)
        if self._paused or self._held is not None:
            self._resume()

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

    # Receiving: the short way

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """One frame from picows; must not raise."""
        if (
            not self._fast
            or not frame.fin
            or frame.rsv1
            or frame.rsv2
            or frame.rsv3
            or frame.tail_size > READ_AHEAD_BYTES
        ):
            self._take_frame(frame)
            return
        kind = frame.msg_type
        message: Data
        if kind is BINARY_FRAME:
            message = frame.get_payload_as_bytes()
        elif kind is TEXT_FRAME:
            try:
                message = frame.get_payload_as_utf8_text()
            except UnicodeDecodeError:
                self._fail(1007, invalid_text().reason)
                return
        else:
            self._take_frame(frame)
            return
        self._alive = True
        if self._wakeup is None:
            self._queue(message)
        else:
            self._ready = message
            self._wake()

    def receive_nowait(self) -> Data | None:
        message = self._ready
        if message is not None:
            if self._inbox is None:
                self._ready = None
            else:
                self._shift(self._inbox)
            return message
        if self.ending is not None:
            raise self._disconnect()
        return None

    # The task that waits for a message. To asyncio's Task, this object is the future that it waits for
    # (`asyncio.isfuture` describes the interface); unlike a future it can call the task at once.

    @types.coroutine
    def wait_readable(self) -> Generator[object, None, None]:
        if self._ready is None and self.ending is None:
            self._asyncio_future_blocking = True
            yield self

    def _wake(self) -> None:
        wakeup, context = self._wakeup, self._context
        assert wakeup is not None
        assert context is not None
        self._wakeup = self._context = None
        try:
            context.run(wakeup, self)
        except RuntimeError:
            # A task is running already, or this context is entered: the loop's next round will do.
            self._loop.call_soon(wakeup, self, context=context)

    def _wake_later(self) -> None:
        wakeup, context = self._wakeup, self._context
        self._wakeup = self._context = None
        if wakeup is not None:
            self._loop.call_soon(wakeup, self, context=context)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(self, callback: Callable[[object], None], *, context: Context | None = None) -> None:
        self._wakeup = callback
        self._context = context

    def result(self) -> None:
        if self._cancelled:
            self._cancelled = False
            raise asyncio.CancelledError

    def cancel(self, msg: object = None) -> bool:
        """Cancel the waiting task's wait, and nothing else."""
        if self._wakeup is None:
            return False
        self._cancelled = True
        self._wake_later()
        return True

    # Receiving: the long way

    def _take_frame(self, frame: picows.WSFrame) -> None:
        kind = frame.msg_type
        if self.ending is not None:
            # RFC 6455 §5.5.1: nothing counts after a Close, but the other one.
            if kind is CLOSE_FRAME and not self._discarding:
                self._finish()
            return
        if not self._metered and frame.tail_size > READ_AHEAD_BYTES and self._tcp is not None:
            self._metered = True
            self._tcp.set_protocol(cast(asyncio.BaseProtocol, self))
        self._alive = True
        try:
            if kind is TEXT_FRAME or kind is BINARY_FRAME or kind is CONTINUATION_FRAME:
                self._take_data(kind, frame)
            else:
                self._take_control(kind, frame)
        except WebSocketProtocolError as error:
            self._fail(error.code, error.reason)

    def _take_control(self, kind: object, frame: picows.WSFrame) -> None:
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            raise WebSocketProtocolError("reserved bits are set in a control frame", 1002)
        payload = frame.get_payload_as_bytes()
        if kind is PING_FRAME:
            self._answer_ping(payload)
        elif kind is CLOSE_FRAME:
            self._take_close(payload)
        elif self._keepalive is not None:
            round_trip_s = self._keepalive.ponged(payload, self._loop.time())
            if round_trip_s is not None:
                self._mark = None
                if self._observer is not None:
                    self._observer.pinged(self._route, round_trip_s)

    def _take_data(self, kind: object, frame: picows.WSFrame) -> None:
        assembly = self._assembly
        continuation = kind is CONTINUATION_FRAME
        if frame.rsv2 or frame.rsv3 or (frame.rsv1 and (self._deflate is None or continuation)):
            raise WebSocketProtocolError("reserved bits are set without an extension that uses them", 1002)
        if continuation and assembly is None:
            raise WebSocketProtocolError("continuation frame without a message to continue", 1002)
        if not continuation and assembly is not None:
            raise WebSocketProtocolError("new message before the last frame of the one before", 1002)
        if assembly is None:
            if frame.fin and not frame.rsv1:
                if frame.payload_size > self._limits.max_message_bytes:
                    raise too_big(self._limits)
                self._deliver(self._whole(kind, frame), frame.payload_size)
                return
            assembly = Assembly(kind is TEXT_FRAME, self._limits, self._deflate if frame.rsv1 else None)
            self._assembly = assembly
            self._fast = False
        assembly.add(frame.get_payload_as_memoryview(), bool(frame.fin))
        if frame.fin:
            self._assembly = None
            self._fast = self._simple
            self._deliver(assembly.message(), assembly.size_bytes)

    def _whole(self, kind: object, frame: picows.WSFrame) -> Data:
        if kind is BINARY_FRAME:
            return frame.get_payload_as_bytes()
        try:
            return frame.get_payload_as_utf8_text()
        except UnicodeDecodeError:
            raise invalid_text() from None

    def _deliver(self, message: Data, size_bytes: int) -> None:
        if self._rate is not None and not self._rate.take(self._loop.time()):
            limit = self._limits.message_rate
            raise WebSocketProtocolError(f"messages exceed message_rate of {limit} a second", 1008)
        if self._observer is not None:
            self._observer.received(self._route, size_bytes)
        if self._keepalive is not None and self._limits.idle_timeout_s is not None:
            self._keepalive.heard(self._loop.time())
        if self._wakeup is None:
            self._queue(message)
        else:
            self._ready = message
            self._wake()

    def _queue(self, message: Data) -> None:
        """Keep a message for later; past the inbox's limits stop reading (TCP back-pressure)."""
        limits = self._limits
        if self._ready is None:
            self._ready = message
            if limits.inbox_messages > 1 and len(message) < limits.inbox_bytes:
                return
            self._inbox = deque()
        elif self._inbox is None:
            self._inbox = deque((message,))
            self._inbox_bytes = len(message)
        else:
            self._inbox.append(message)
            self._inbox_bytes += len(message)
        if self._paused or self._tcp is None:
            return
        if (
            len(self._inbox) + 1 >= limits.inbox_messages
            or self._inbox_bytes + len(self._ready) >= limits.inbox_bytes
        ):
            self._paused = True
            self._tcp.pause_reading()

    def _shift(self, inbox: deque[Data]) -> None:
        """The first message was taken; the next one takes its place."""
        if inbox:
            self._ready = inbox.popleft()
            self._inbox_bytes -= len(self._ready)
        else:
            self._ready = None
        if self._paused:
            limits = self._limits
            left_bytes = self._inbox_bytes + len(self._ready or b"")
            if len(inbox) > limits.inbox_messages // 2 or left_bytes > limits.inbox_bytes // 2:
                return
        if not inbox:
            self._inbox = None
        if self._paused:
            self._resume()

    def _resume(self) -> None:
        """Read again; first what was held back here."""
        self._paused = False
        held, self._held = self._held, None
        if held is not None:
            self._feed(held)
        if not self._paused and self._tcp is not None:
            self._tcp.resume_reading()

    # TCP, while we are its protocol: before the answer, for a client that sends much at once, after a failure

    def data_received(self, data: bytes) -> None:
        if self._parser is not None:
            self._feed(data)
        elif self._handshake is not None and self._tcp is not None:
            self._held = data if self._held is None else self._held + data
            if len(self._held) > EARLY_BYTES and not self._paused:
                self._paused = True
                self._tcp.pause_reading()

    def _feed(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and self._parser is not None:
            if self._paused:
                self._held = bytes(rest) if self._held is None else self._held + bytes(rest)
                return
            rest = rest[feed(self._parser, rest) :]

    def eof_received(self) -> bool | None:
        if self.ending is None:
            self._end(Ending(1006, "", Initiator.PEER))
            self._expire_in(self._limits.close_timeout_s)
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._tcp = None
        self._handshake = self._held = self._parser = None
        if self.ending is None:
            self._end(Ending(1006, "", Initiator.PEER))
        wheel_of(self._loop).forget(self)
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
        self._direct = None
        if code == 1009:
            detail = too_big(self._limits).detail
        # The frame before the faulty one is delivered after this call, and its answer must leave before our Close.
        self._loop.call_soon(self._fail, code, truncate_reason(detail[:1].lower() + detail[1:]))

    def listener_failed(self) -> None:
        log.exception("fault in a WebSocket transport, closing with 1011; route %s", self._route)
        self._loop.call_soon(self._fail, 1011, "")

    # Sending

    def send(self, data: str | BytesLike, text: bool) -> Awaitable[None] | None:
        direct = self._direct
        if direct is not None and len(data) <= COPIED_BYTES:
            direct(1 if text else 2, data)
            return None
        payload = self._payload(data)
        if self._admit(payload, text):
            return None
        return self._send_later(payload, text)

    def send_nowait(self, data: str | BytesLike, text: bool) -> None:
        direct = self._direct
        if direct is not None and len(data) <= COPIED_BYTES:
            direct(1 if text else 2, data)
        elif not self._admit(self._payload(data), text):
            backlog = self._watched_backlog()
            if self._observer is not None:
                self._observer.dropped(self._route, 1)
            raise OutboxFull(backlog.waiting_bytes, backlog.waiting_messages)

    def _payload(self, data: str | BytesLike) -> bytes:
        if self.ending is not None or not self._accepted:
            raise self._disconnect()
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
        if len(payload) <= COPIED_BYTES:
            self._tcp.write(head + payload)
        else:
            self._tcp.writelines((head, payload))

    def _settle(self) -> None:
        """Take the short way again if nothing is in it."""
        if self.ending is not None or self._parser is None:
            return
        if self._backlog is not None:
            if not self._backlog.over:
                return
            self._backlog = None
        if self._observer is None and self._deflate is None:
            self._direct = self._parser.transport.send  # type: ignore[assignment]

    def pause_writing(self) -> None:
        self._direct = None
        if self._backlog is not None:
            self._backlog.blocked = True
        elif self._tcp is not None and self.ending is None:
            self._backlog = Backlog(self._tcp, self._limits, self._loop)

    def resume_writing(self) -> None:
        if self._backlog is not None and self.ending is None:
            self._backlog.flush()
            self._settle()

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
                self.abort(1006)
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
            wheel_of(self._loop).schedule(self, delay_s, self._loop)

    def _progress(self) -> tuple[object, object]:
        """Changes when bytes of a frame come that is not whole yet, or when the peer takes what we wrote."""
        received = len(self._parser.get_buffer(-1)) if self._parser is not None else 0
        return received, self._backlog.progress if self._backlog is not None else None

    def _expire_in(self, delay_s: float) -> None:
        self._close_at = self._loop.time() + delay_s
        if self._tcp is not None:
            wheel_of(self._loop).schedule(self, delay_s, self._loop)

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

    def _take_close(self, payload: bytes) -> None:
        """The peer's Close came first: answer with its code (RFC 6455 §5.5.1) and close TCP (§7.1.1)."""
        code, reason = parse_close(payload)
        if self._tcp is not None:
            self._tcp.write(close_frame(code, ""))
        self._end(Ending(code, reason, Initiator.PEER))
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
        self._discarding = True
        if self._tcp is not None:
            self._expire_in(self._limits.close_timeout_s)
            self._tcp.close()

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
        self._parser = self._held = None
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
        self._direct = None
        backlog, self._backlog = self._backlog, None
        dropped = backlog.end() if backlog is not None else 0
        if self._observer is not None and self._accepted:
            if dropped:
                self._observer.dropped(self._route, dropped)
            self._observer.closed(self._route, ending.code)
        self._observer = None
        self._assembly = self._deflate = self._rate = self._keepalive = self._mark = None
        self._wake_later()
        for waiter in self._waiters or ():
            if not waiter.done():
                waiter.set_result(None)
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(ending)

    def _disconnect(self) -> WebSocketDisconnect:
        ending = self.ending
        return WebSocketDisconnect(1006) if ending is None else WebSocketDisconnect(ending.code, ending.reason)


CONTINUATION_FRAME: Final = picows.WSMsgType.CONTINUATION
TEXT_FRAME: Final = picows.WSMsgType.TEXT
BINARY_FRAME: Final = picows.WSMsgType.BINARY
CLOSE_FRAME: Final = picows.WSMsgType.CLOSE
PING_FRAME: Final = picows.WSMsgType.PING
