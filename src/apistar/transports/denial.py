"""
A refusal of the handshake that is sent piece by piece: the ASGI extension `websocket.http.response` with `more_body`.

It is TCP's protocol while it lasts. Nothing is kept here: a piece is handed to TCP in slices, and whoever sends waits
until TCP has taken the slice. A client that takes nothing for `send_timeout_s` is reset. The end of a response is the
last chunk or the announced length; one that breaks off ends with TCP, so that no client takes it for whole.

Sources: RFC 9112 §6.3, §7.1 and §8; the ASGI specification, "WebSocket Denial Response".
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from ..exceptions import UsageError, WebSocketDisconnect
from .opening import BODILESS
from .transport import Ending, HeaderList
from .write_clock import WriteClock

SLICE_BYTES: Final = 64 * 1024
"""What TCP's own buffer holds at most, besides what the operating system does."""


class Denied(Protocol):
    """The connection that is refused; still the owner of its ending."""

    ending: Ending | None

    def abort(self, code: int = 1006, reason: str = "") -> None: ...
    def denied(self) -> None: ...
    def eof_received(self) -> bool | None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...


class Denial(asyncio.Protocol):
    """
    The body of one refusal; the head was written.

    Args:
        status, headers: Of the head, which the caller writes, with `framing`.

    Attributes:
        framing: The line of the head that says where the body ends, if `headers` do not.

    Raises:
        UsageError: If the headers announce no possible length.
    """

    __slots__ = (
        "_bodiless",
        "_clock",
        "_connection",
        "_left_bytes",
        "_loop",
        "_tcp",
        "_writable",
        "framing",
    )

    def __init__(
        self,
        connection: Denied,
        tcp: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        status: int,
        headers: HeaderList,
        send_timeout_s: float,
    ) -> None:
        self._connection = connection
        self._tcp = tcp
        self._loop = loop
        self._bodiless = status in BODILESS
        self._left_bytes = None if self._bodiless else _announced_bytes(headers)
        self.framing = b"" if self._bodiless else b"transfer-encoding: chunked\r\n"
        self._clock = WriteClock(tcp, loop, send_timeout_s, self._stuck)
        self._writable: asyncio.Future[None] | None = None

    async def send(self, piece: bytes, more: bool) -> None:
        """
        Send a piece, and wait until TCP has taken it.

        Args:
            more: Another one follows; else the response is whole, and the connection ends.

        Raises:
            UsageError: If the pieces are longer or shorter than the length that was announced.
            WebSocketDisconnect: If the connection is over.
        """
        self._check()
        chunked = self._left_bytes is None and not self._bodiless
        if self._left_bytes is not None:
            self._left_bytes -= len(piece)
            if self._left_bytes < 0 or (self._left_bytes and not more):
                raise UsageError(
                    f"the body of the refusal is {abs(self._left_bytes)} bytes "
                    f"{'longer' if self._left_bytes < 0 else 'shorter'} than its header 'content-length' says"
                )
        rest = memoryview(b"" if self._bodiless else piece)
        while rest:
            part = bytes(rest[:SLICE_BYTES])
            rest = rest[SLICE_BYTES:]
            await self._write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        if not more:
            if chunked:
                await self._write(b"0\r\n\r\n")
            # A client that has read it all may be gone by now; it was refused all the same.
            if self._connection.ending is None:
                self.ended()
                self._connection.denied()

    async def _write(self, data: bytes) -> None:
        self._check()
        self._tcp.write(data)
        # Whoever sends without end to a client that keeps up, or is gone, must not keep the loop from saying so.
        await asyncio.sleep(0)
        while self._writable is not None:
            await asyncio.shield(self._writable)
            self._check()

    def _check(self) -> None:
        ending = self._connection.ending
        if ending is not None:
            raise WebSocketDisconnect(ending.code, ending.reason)

    def ended(self) -> None:
        """The connection is over; whoever waits is let go."""
        self.resume_writing()

    # TCP

    def data_received(self, data: bytes) -> None:
        """Nothing behind a refused upgrade is interpreted (RFC 9110 §7.8)."""

    def eof_received(self) -> bool | None:
        return self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._writable is None:
            self._writable = self._loop.create_future()
            self._clock.begin()

    def resume_writing(self) -> None:
        self._clock.end()
        writable, self._writable = self._writable, None
        if writable is not None:
            writable.set_result(None)

    def _stuck(self, limit_s: float) -> None:
        self._connection.abort(1013, f"the refusal did not move for {limit_s} s")


def _announced_bytes(headers: HeaderList) -> int | None:
    lengths = {value for name, value in headers if name.lower() == b"content-length"}
    if not lengths:
        return None
    (length, *others) = lengths
    if others or not length.isdigit():
        raise UsageError("header 'content-length' of a refusal is not one number of bytes")
    return int(length)
