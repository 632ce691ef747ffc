"""
Frames as bytes: what the server writes by itself, what a Close holds, and the pong of a client that is quiet.

Source: RFC 6455 §5.2 (layout), §5.5.1 and §7.4 (Close).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from ..exceptions import WebSocketProtocolError
from ..websocket.status import is_sendable

FIN: Final = 0x80
RSV1: Final = 0x40
TEXT: Final = FIN | 0x1
BINARY: Final = FIN | 0x2
CLOSE: Final = FIN | 0x8
PING: Final = FIN | 0x9
PONG: Final = FIN | 0xA


MASKED_HEAD_BYTES: Final = 6
"""Of a control frame from a client: two bytes, and the mask."""


def header(first: int, size_bytes: int) -> bytes:
    """The header of an unmasked frame: its first byte, and the length in its shortest form."""
    if size_bytes < 126:
        return bytes((first, size_bytes))
    if size_bytes < 65536:
        return struct.pack("!BBH", first, 126, size_bytes)
    return struct.pack("!BBQ", first, 127, size_bytes)


def frames_of(messages: Iterable[tuple[bytes, bool]]) -> bytes:
    """Whole messages, payload and whether it is text, each as one unmasked frame."""
    pieces: list[bytes] = []
    for payload, text in messages:
        pieces += (header(TEXT if text else BINARY, len(payload)), payload)
    return b"".join(pieces)


def close_frame(code: int, reason: str) -> bytes:
    """A Close; without a body for 1005, which never stands in one."""
    payload = b"" if code == 1005 else struct.pack("!H", code) + reason.encode()
    return header(CLOSE, len(payload)) + payload


def lone_pong(data: bytes) -> bytes | None:
    """The payload, if these bytes are one whole Pong of a client and nothing else."""
    if len(data) < MASKED_HEAD_BYTES or data[0] != PONG:
        return None
    size_bytes = len(data) - MASKED_HEAD_BYTES
    if size_bytes >= 126 or data[1] != 0x80 | size_bytes:
        return None
    mask, payload = data[2:6], data[6:]
    return bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))


def parse_close(payload: bytes) -> tuple[int, str]:
    """
    Code and reason of a Close; 1005 where there is no code (RFC 6455 §7.1.5).

    Raises:
        WebSocketProtocolError: 1002 for half a code or one that is not allowed, 1007 for a reason that is not UTF-8.
    """
    if not payload:
        return 1005, ""
    if len(payload) == 1:
        raise WebSocketProtocolError("close frame with half a code", 1002)
    code = int.from_bytes(payload[:2])
    if not is_sendable(code):
        raise WebSocketProtocolError(f"close code {code} is not allowed in a frame", 1002)
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        raise WebSocketProtocolError("close reason is not UTF-8", 1007) from None
