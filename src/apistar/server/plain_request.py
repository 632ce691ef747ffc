"""
What our server adds to one plain request: an application that may be cancelled, a deadline for the body, and an end of
the connection while a body still comes.

The time for a body runs from the end of the head to the last byte, whether a handler reads the body or not. It begins
again where it ends while the server itself does not read, since then nobody waits for the client. The application sets
the time of the route through `BODY_CLOCK_EXTENSION`; for others it is the server's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from ..transports.wheel import Bucket, Wheel
from ..types import ASGIApp, BytesLike, Event, Send
from .event_streams import Answering
from .service import Service

NOT_STARTED: Final = -1.0
BODY_HEADERS: Final = frozenset({b"content-length", b"transfer-encoding"})
"""A message that has one of them says where its body ends (RFC 9112 §6.3)."""


class Cancellable:
    """
    An application whose request ends without a word when the server, on its way out, cancels it, and that leaves others
    their turn while it streams.
    """

    __slots__ = ("_app", "_cycle", "_service")

    def __init__(self, app: ASGIApp, cycle: RequestResponseCycle, service: Service) -> None:
        self._app = app
        self._cycle = cycle
        self._service = service

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        """ASGI's application, with what it returned: uvicorn complains of a value. Its types of ASGI are its own."""
        if self._cycle.waiting_for_100_continue:
            send = self._closing(send)
        if scope["http_version"] == "1.0":
            send = self._unchunked(send)
        answering = Answering(send, self._cycle, self._service)
        running: Awaitable[object] = self._app(scope, receive, answering)
        try:
            return await running
        except asyncio.CancelledError:
            if not self._service.draining:
                raise
            self._cycle.disconnected = True  # nobody is left to be answered
            return None
        finally:
            if answering.stream is not None:
                answering.stream.forget()

    def _closing(self, send: Send) -> Send:
        """
        Close after an answer to a client that still waits for `100 Continue`.

        It may send its body all the same or leave it out, and what comes next on the connection would be taken for one
        or the other (RFC 9110 §10.1.1).
        """
        cycle = self._cycle

        async def send_and_close(event: Event) -> None:
            if cycle.waiting_for_100_continue:
                cycle.keep_alive = False
            await send(event)

        return send_and_close

    def _unchunked(self, send: Send) -> Send:
        """
        Send a body of unknown length as it is, up to the end of TCP: HTTP/1.0 knows no chunks (RFC 9112 §6.1).

        uvicorn counts a body down from its length; each piece is made a whole one.
        """
        cycle = self._cycle
        unchunked = False

        async def send_unchunked(event: Event) -> None:
            nonlocal unchunked
            if event["type"] == "http.response.start":
                unchunked = all(name.lower() not in BODY_HEADERS for name, _ in event.get("headers", ()))
                if unchunked:
                    cycle.chunked_encoding = False
            elif unchunked:
                cycle.expected_content_length = len(event.get("body", b""))
            await send(event)

        return send_unchunked


class BodyClock:
    """
    The deadline of one body.

    Args:
        limit_s: The server's own; `None` for no deadline.
        late: Called with the limit when the time is over.
    """

    __slots__ = ("_begin", "_late", "_limit_s", "_loop", "_wheel", "bucket")

    def __init__(
        self, wheel: Wheel, loop: asyncio.AbstractEventLoop, limit_s: float | None, late: Callable[[float], None]
    ) -> None:
        self.bucket: Bucket | None = None
        self._wheel = wheel
        self._loop = loop
        self._limit_s = limit_s
        self._late = late
        self._begin = NOT_STARTED

    @property
    def started(self) -> bool:
        """Whether the client is waited for."""
        return self._begin != NOT_STARTED

    def limit(self, limit_s: float | None) -> None:
        """Set the limit of the route; what has passed counts."""
        if limit_s != self._limit_s:
            self._limit_s = limit_s
            if self.started:
                self._schedule()

    def start(self) -> None:
        """Begin, or begin again."""
        self._begin = self._loop.time()
        self._schedule()

    def stop(self) -> None:
        """The body is whole, or nobody waits for it."""
        self._begin = NOT_STARTED
        if self.bucket is not None:
            self._wheel.forget(self)

    def on_deadline(self) -> None:
        """Called by the wheel."""
        if not self.started or self._limit_s is None:
            return
        if self._loop.time() < self._begin + self._limit_s:
            self._schedule()
        else:
            self._late(self._limit_s)

    def _schedule(self) -> None:
        if self._limit_s is not None:
            left_s = self._begin + self._limit_s - self._loop.time()
            self._wheel.schedule(self, max(left_s, 0.0), self._loop)


class LastTransport(asyncio.Transport):
    """
    TCP for the last answer of a connection whose client may still be sending: as much of it as uvicorn asks for.

    It is closed by `end`, which lets the client read the answer first.
    """

    __slots__ = ("_end", "_tcp")

    def __init__(self, tcp: asyncio.Transport, end: Callable[[], None]) -> None:
        super().__init__()
        self._tcp = tcp
        self._end = end

    def write(self, data: BytesLike) -> None:
        self._tcp.write(data)

    def is_closing(self) -> bool:
        return self._tcp.is_closing()

    def close(self) -> None:
        """End, as soon as the answer is read or a moment has passed."""
        if not self._tcp.is_closing():
            self._end()
