"""
The last words to a client whose request goes no further.

The answer is written and our half of TCP is closed; what still comes is read and dropped, never interpreted. Closing at
once would reset the connection where input is unread, and the client would lose the answer (RFC 9112 §9.6). The client
has a moment and a number of bytes for this; then TCP is dropped.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from ..transports.transport import HeaderList
from ..transports.wheel import Bucket, wheel_of
from .handshake import Refused

LINGER_S: Final = 2.0
LINGER_BYTES: Final = 256 * 1024


def response_of(refused: Refused, default_headers: HeaderList = ()) -> bytes:
    """An HTTP response that ends the connection."""
    body = refused.detail.encode()
    fields = (
        *default_headers,
        *refused.headers,
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    )
    lines = [b"HTTP/1.1 %d %s" % (refused.status, HTTPStatus(refused.status).phrase.encode())]
    lines += (b"%s: %s" % field for field in fields)
    return b"\r\n".join((*lines, b"", body))


class Farewell(asyncio.Protocol):
    """Takes over a TCP transport to end it."""

    __slots__ = ("_left_bytes", "_tcp", "bucket")

    def __init__(self, loop: asyncio.AbstractEventLoop, tcp: asyncio.Transport, response: bytes) -> None:
        self.bucket: Bucket | None = None
        self._tcp: asyncio.Transport | None = tcp
        self._left_bytes = LINGER_BYTES
        tcp.set_protocol(self)
        tcp.write(response)
        if tcp.can_write_eof():
            tcp.write_eof()
        else:
            tcp.close()  # TLS: says close_notify, and waits for the client's
        wheel_of(loop).schedule(self, LINGER_S, loop)

    def data_received(self, data: bytes) -> None:
        self._left_bytes -= len(data)
        if self._left_bytes < 0 and self._tcp is not None:
            self._tcp.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.bucket is not None:
            wheel_of(asyncio.get_running_loop()).forget(self)
        self._tcp = None

    def on_deadline(self) -> None:
        if self._tcp is not None:
            self._tcp.abort()
