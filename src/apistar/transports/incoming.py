"""
The receiving half of a native connection.

A message goes the short way, `on_ws_frame` to the waiting handler, as long as nothing is special; everything special
(fragments, compression, a rate, an idle limit, an observer) takes the longer way in a method of its own.

A handler that waits in `receive()` goes on at once, inside of `on_ws_frame`, and not in the loop's next round:
this saves a future and a scheduled callback for each message, and lets an answer leave before the next frame is read.
Where the server runs it as a `Driven`, not even its task takes part (see `driven.py`).

Sources: RFC 6455 §5 and §8.1, RFC 7692 §6.
"""

from __future__ import annotations

import asyncio
import types
from collections import deque
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Final, cast

from ..exceptions import ConcurrentReceive, WebSocketProtocolError
from ..types import Data
from ..websocket.status import NORMAL_CODES
from .assembly import Assembly, invalid_text, too_big
from .driven import Driven
from .keepalive import Keepalive
from .outgoing import Outgoing
from .picows_connection import BINARY_FRAME, CLOSE_FRAME, CONTINUATION_FRAME, TEXT_FRAME, Frame, feed
from .rate import MessageRate, too_many

READ_AHEAD_BYTES: Final = 1024
"""Of frames read at once; a client that sends more is read in slices from then on, as it may be sending without end."""
SLICE_BYTES: Final = 4 * 1024
"""Of what is parsed before anybody may say that it is enough."""
DEFLATED_SLICE_BYTES: Final = 1024
"""The same where it may be a thousand times as much once it is inflated."""
TURN_S: Final = 0.005
"""How long one client's frames may keep the loop; the others have their turn before the rest."""
TURN_BYTES: Final = 64 * 1024
"""Of one read after which the others have their turn: libuv reads a full socket 32 times in a row if it is let."""


_nothing: Final[Callable[[], None]] = [].clear


class Incoming(Outgoing):
    """
    What is received; `NativeTransport` has the rest.

    Attributes:
        driven: Who waits for a message here and needs no task to go on.
    """

    __slots__ = (
        "_alive",
        "_assembly",
        "_asyncio_future_blocking",
        "_context",
        "_fast",
        "_held",
        "_inbox",
        "_inbox_bytes",
        "_keepalive",
        "_metered",
        "_paused",
        "_rate",
        "_ready",
        "_receiving",
        "_simple",
        "_wakeup",
        "driven",
        "result",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, tcp: asyncio.Transport) -> None:
        super().__init__(loop, tcp)
        self._fast = False
        self._simple = False
        self._alive = False
        # `_ready` is the first message; `_inbox` holds those behind it, and exists only while there are any
        self._ready: Data | None = None
        self._inbox: deque[Data] | None = None
        self._inbox_bytes = 0
        self._held: bytes | None = None
        self._paused = False
        self._metered = False
        self._assembly: Assembly | None = None
        self._rate: MessageRate | None = None
        self._keepalive: Keepalive | None = None
        self._receiving = False
        self._wakeup: Callable[[object], None] | None = None
        self._context: Context | None = None
        self.driven: Driven | None = None
        self._asyncio_future_blocking = False
        self.result: Callable[[], None] = _nothing

    # The short way

    def on_ws_frame(self, transport: object, frame: Frame) -> None:
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

    # The task that waits for a message. To asyncio's Task this object is the future that it waits for (PEP 3156 and
    # `asyncio.isfuture` describe the interface); unlike a future it can call the task at once. `_loop` and `result` are
    # part of it: they are attributes, and `result` a built-in, because a Python call more costs 0.1 µs a message.

    @types.coroutine
    def receive(
        self, iterating: bool = False, decode: Callable[[Data], Any] | None = None
    ) -> Generator[object, None, Any]:
        if self._receiving:
            raise ConcurrentReceive
        self._receiving = True
        try:
            while (message := self._ready) is None:
                if self.ending is not None:
                    raise StopAsyncIteration if iterating and self.ending.code in NORMAL_CODES else self._disconnect()
                self._asyncio_future_blocking = True
                yield self
        finally:
            self._receiving = False
        if self._inbox is None:
            self._ready = None
        else:
            self._shift(self._inbox)
        return message if decode is None else decode(message)

    def _wake(self) -> None:
        """Let whoever waits go on now; the message stands in `_ready`."""
        wakeup, context, driven = self._wakeup, self._context, self.driven
        assert wakeup is not None
        assert context is not None
        if driven is not None:
            self.driven = None
            waits_again = driven.go_on(context)
            if self._wakeup is None:
                return  # meanwhile it was cancelled or the connection ended, and the loop calls the task
            if waits_again:
                self.driven = driven
                return
        self._wakeup = None
        try:
            context.run(wakeup, self)
        except RuntimeError:
            # A task is running already, or this context is entered: the loop's next round will do.
            self._loop.call_soon(wakeup, self, context=context)

    def _wake_later(self) -> None:
        wakeup, context = self._wakeup, self._context
        self._wakeup = self._context = self.driven = None
        if wakeup is not None:
            self._loop.call_soon(wakeup, self, context=context)

    def add_done_callback(self, callback: Callable[[object], None], *, context: Context | None = None) -> None:
        self._wakeup = callback
        self._context = context

    def cancel(self, msg: object = None) -> bool:
        """Cancel the waiting task's wait, and nothing else."""
        if self._wakeup is None:
            return False
        self.result = self._cancelled
        self._wake_later()
        return True

    def _cancelled(self) -> None:
        self.result = _nothing
        raise asyncio.CancelledError

    # The long way

    def _take_frame(self, frame: Frame) -> None:
        kind = frame.msg_type
        if self.ending is not None:
            # RFC 6455 §5.5.1: nothing counts after a Close, but the other one.
            if kind is CLOSE_FRAME:
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

    def _take_data(self, kind: object, frame: Frame) -> None:
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

    def _whole(self, kind: object, frame: Frame) -> Data:
        if kind is BINARY_FRAME:
            return frame.get_payload_as_bytes()
        try:
            return frame.get_payload_as_utf8_text()
        except UnicodeDecodeError:
            raise invalid_text() from None

    def _deliver(self, message: Data, size_bytes: int) -> None:
        if self._rate is not None and not self._rate.take(self._loop.time()):
            raise WebSocketProtocolError(too_many(self._limits), 1008)
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
        if not self._paused and self._tcp is not None and self._full():
            self._paused = True
            self._tcp.pause_reading()

    def _full(self) -> bool:
        """Whether the inbox holds as much as it may."""
        limits, inbox = self._limits, self._inbox
        if inbox is None or self._ready is None:
            return False
        return len(inbox) + 1 >= limits.inbox_messages or self._inbox_bytes + len(self._ready) >= limits.inbox_bytes

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

    def _feed(self, data: bytes) -> None:
        rest = memoryview(data)
        slice_bytes = SLICE_BYTES if self._deflate is None else DEFLATED_SLICE_BYTES
        turn_ends_at = self._loop.time() + TURN_S
        while rest and self._parser is not None:
            if self._paused:
                self._held = bytes(rest) if self._held is None else self._held + bytes(rest)
                return
            rest = rest[feed(self._parser, rest[:slice_bytes]) :]
            if rest and self._loop.time() > turn_ends_at:
                self._end_turn()
        if len(data) >= TURN_BYTES:
            self._end_turn()

    def _end_turn(self) -> None:
        """Let the others go on before what is left."""
        if not self._paused and self._tcp is not None:
            self._paused = True
            self._tcp.pause_reading()
            self._loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        # After the end nothing is kept any more, and the peer's Close may stand behind what is to be read.
        if self._paused and (self.ending is not None or not self._full()):
            self._resume()

    # The rest of the connection

    def _take_control(self, kind: object, frame: Frame) -> None:
        raise NotImplementedError

    def _fail(self, code: int, reason: str) -> None:
        raise NotImplementedError

    def _finish(self) -> None:
        raise NotImplementedError
