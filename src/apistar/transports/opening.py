"""
The opening handshake as the native transport sees it: what the HTTP side parsed, and the bytes of the answers.

Nothing here reads a request; the HTTP side has checked it (RFC 6455 §4.2.1). Nothing here writes to a socket.

Sources: RFC 6455 §4.2.2 (the 101), RFC 9110 §5.5 (field values), RFC 9112 §9.6 (Connection: close).
"""

from __future__ import annotations

import hashlib
import re
from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol

from ..exceptions import UsageError
from .transport import HeaderList

GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

BODILESS: Final = frozenset({204, 304})
"""Statuses whose responses have no body, and so need no end of one (RFC 9112 §6.3)."""


@dataclass(slots=True)
class Handshake:
    """
    What is needed to answer one upgrade request; dropped with the answer.

    Attributes:
        key: Sec-WebSocket-Key, 16 bytes in base64, checked.
        subprotocols: What the client offered, in its order.
        extensions: The values of Sec-WebSocket-Extensions as they came, one for each header line.
        default_headers: Of the server (Date, Server), sent with every answer.
    """

    key: bytes
    subprotocols: Sequence[str] = ()
    extensions: Sequence[bytes] = ()
    default_headers: HeaderList = ()


class ConnectionOwner(Protocol):
    """The server's side of a connection. Both are called once at most, on the loop, and must not raise."""

    def handshake_answered(self, status: int) -> None:
        """The handshake was answered: 101, or what refused it. Not called if the client left before."""

    def connection_released(self) -> None:
        """TCP is closed, and nothing of the connection is kept."""


def switching_protocols(
    handshake: Handshake, subprotocol: str | None, extensions: bytes | None, headers: HeaderList
) -> bytes:
    """
    The 101 (RFC 6455 §4.2.2).

    Raises:
        UsageError: If a header cannot be sent, or is one that the handshake sets itself.
    """
    accept = b2a_base64(hashlib.sha1(handshake.key + GUID, usedforsecurity=False).digest(), newline=False)
    lines = [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
        accept,
        b"\r\n",
    ]
    if subprotocol is not None:
        lines += (b"Sec-WebSocket-Protocol: ", _checked(b"sec-websocket-protocol", subprotocol.encode()), b"\r\n")
    if extensions is not None:
        lines += (b"Sec-WebSocket-Extensions: ", extensions, b"\r\n")
    for name, value in handshake.default_headers:
        lines += (name, b": ", value, b"\r\n")
    for name, value in headers:
        if name.lower() in _OWN:
            raise UsageError(f"header {name.decode('latin-1')!r} belongs to the handshake; leave it out")
        lines += (name, b": ", _checked(name, value), b"\r\n")
    lines.append(b"\r\n")
    return b"".join(lines)


def refusal(handshake: Handshake, status: int, headers: HeaderList, body: bytes) -> bytes:
    """
    An HTTP response that ends the connection; without the body where the status allows none.

    Raises:
        UsageError: If a header cannot be sent.
    """
    if status in BODILESS:
        return refusal_head(handshake, status, headers, b"")
    return refusal_head(handshake, status, headers, b"content-length: %d\r\n" % len(body)) + body


def refusal_head(handshake: Handshake, status: int, headers: HeaderList, framing: bytes) -> bytes:
    """
    The head of such a response.

    Args:
        framing: The line that says where the body ends, if `headers` do not.

    Raises:
        UsageError: If a header cannot be sent.
    """
    try:
        phrase = HTTPStatus(status).phrase.encode()
    except ValueError:
        phrase = b""
    lines = [b"HTTP/1.1 %d %s\r\n" % (status, phrase)]
    given = set()
    for name, value in headers:
        lowered = name.lower()
        given.add(lowered)
        if lowered in (b"connection", b"transfer-encoding"):
            continue
        if lowered == b"content-length" and status in BODILESS:
            continue
        lines += (name, b": ", _checked(name, value), b"\r\n")
    if b"content-length" not in given:
        lines.append(framing)
    for name, value in handshake.default_headers:
        if name.lower() not in given:
            lines += (name, b": ", value, b"\r\n")
    lines.append(b"connection: close\r\n\r\n")
    return b"".join(lines)


_OWN: Final = frozenset(
    {b"upgrade", b"connection", b"sec-websocket-accept", b"sec-websocket-extensions", b"sec-websocket-protocol"}
)
_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN: Final = re.compile(rb"[\r\n\0]")


def _checked(name: bytes, value: bytes) -> bytes:
    if _TOKEN.fullmatch(name) is None or _FORBIDDEN.search(value) is not None:
        raise UsageError(f"header {name.decode('latin-1')!r} cannot be sent: it holds a character of RFC 9110 §5.5")
    return value
