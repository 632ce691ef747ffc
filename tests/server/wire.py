"""
A client in bytes: what is sent is what the test says, and what comes is shown as it is.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Final

KEY: Final = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT: Final = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""RFC 6455 §1.3: the answer to KEY."""
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
HEADERS: Final = {
    b"Host": b"localhost",
    b"Upgrade": b"websocket",
    b"Connection": b"Upgrade",
    b"Sec-WebSocket-Key": KEY,
    b"Sec-WebSocket-Version": b"13",
}


def handshake(
    target: bytes = b"/echo",
    *lines: bytes,
    method: bytes = b"GET",
    version: bytes = b"HTTP/1.1",
    without: bytes = b"",
    **changes: bytes,
) -> bytes:
    """An opening handshake: `lines` are added, `without` names a header to leave out, `host=b"…"` changes one."""
    fields = {name: value for name, value in HEADERS.items() if name.lower() != without.lower()}
    for name in list(fields):
        changed = changes.get(name.decode().lower().replace("-", "_"))
        if changed is not None:
            fields[name] = changed
    head = [b"%s %s %s" % (method, target, version), *(b"%s: %s" % field for field in fields.items()), *lines]
    return b"\r\n".join((*head, b"", b""))


@dataclass(frozen=True)
class Answer:
    """An HTTP response; of a header that comes twice the last one."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


def read_answer(sock: socket.socket) -> Answer:
    """Read one response and not a byte more: frames may follow."""
    head = read_head(sock)
    first, *lines = head.split(b"\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
    body = _read(sock, int(headers.get(b"content-length", b"0")))
    return Answer(int(first.split()[1]), headers, body)


def read_head(sock: socket.socket) -> bytes:
    """The head of one response, without the empty line."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        assert byte, f"the server closed after {head!r}"
        head += byte
    return head[:-4]


def read_to_end(sock: socket.socket) -> bytes:
    """Everything until the server closes."""
    data = b""
    try:
        while more := sock.recv(65536):
            data += more
    except ConnectionResetError:
        pass
    return data


def is_closed(sock: socket.socket) -> bool:
    """Whether the server closes without another byte."""
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def upgrade(sock: socket.socket, target: bytes = b"/echo", *lines: bytes) -> Answer:
    """Open a WebSocket."""
    sock.sendall(handshake(target, *lines))
    answer = read_answer(sock)
    assert answer.status == 101, answer
    return answer


def frame(opcode: int, payload: bytes = b"", fin: bool = True) -> bytes:
    """A masked frame, with a mask that changes every byte."""
    mask = b"\x11\x22\x33\x44"
    length = len(payload)
    first = bytes([(0x80 if fin else 0) | opcode])
    if length < 126:
        head = first + bytes([0x80 | length])
    elif length < 65536:
        head = first + bytes([0xFE]) + struct.pack("!H", length)
    else:
        head = first + bytes([0xFF]) + struct.pack("!Q", length)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


def read_frame(sock: socket.socket) -> tuple[int, bytes]:
    """One whole frame of the server: opcode and payload."""
    first, second = _read(sock, 2)
    assert not second & 0x80, "a server must not mask (RFC 6455 §5.1)"
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack("!H", _read(sock, 2))
    elif length == 127:
        (length,) = struct.unpack("!Q", _read(sock, 8))
    return first & 0x0F, _read(sock, length)


def read_close(sock: socket.socket) -> tuple[int, bytes]:
    """The server's Close: code and reason; other frames before it are dropped."""
    while True:
        opcode, payload = read_frame(sock)
        if opcode == CLOSE:
            return struct.unpack("!H", payload[:2])[0], payload[2:]


def _read(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError(f"the server closed after {data!r}")
        data += more
    return data
