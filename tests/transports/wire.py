"""
A WebSocket client in bytes, and a small server around `NativeTransport`, for tests over real TCP.

The client knows no library: what a test sends is what stands in it, and what comes back is bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, cast

from apistar.exceptions import WebSocketDisconnect
from apistar.limits import Limits
from apistar.observer import Observer
from apistar.transports.native import NativeTransport
from apistar.transports.opening import Handshake
from apistar.transports.transport import Ending

TIME_LIMIT_S: Final = 30.0
KEY: Final = b"dGhlIHNhbXBsZSBub25jZQ=="
"""RFC 6455 §1.3, and so is ACCEPT."""
ACCEPT: Final = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
ZERO_MASK: Final = b"\x00\x00\x00\x00"


def frame(first: int, payload: bytes = b"", mask: bytes = b"\x37\xfa\x21\x3d") -> bytes:
    """A masked frame: `first` is its first byte, FIN and reserved bits and opcode."""
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65536:
        head = struct.pack("!BBH", first, 0xFE, size)
    else:
        head = struct.pack("!BBQ", first, 0xFF, size)
    if mask != ZERO_MASK:
        repeated = (mask * (size // 4 + 1))[:size]
        payload = (int.from_bytes(payload) ^ int.from_bytes(repeated)).to_bytes(size)
    return head + mask + payload


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return frame(0x88, struct.pack("!H", code) + reason)


def upgrade_request(*lines: bytes) -> bytes:
    """An opening handshake, with further header lines."""
    head = (
        b"GET / HTTP/1.1",
        b"Host: localhost",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: " + KEY,
        *lines,
    )
    return b"\r\n".join(head) + b"\r\n\r\n"


class Client:
    """One TCP connection to a server, read frame by frame."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def read_head(self) -> bytes:
        """The head of an HTTP response."""
        async with asyncio.timeout(TIME_LIMIT_S):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def read_frame(self) -> tuple[int, bytes]:
        """First byte and payload of the next frame, which must be unmasked and of the shortest form."""
        async with asyncio.timeout(TIME_LIMIT_S):
            first, second = await self.reader.readexactly(2)
            assert second < 128, "RFC 6455 §5.1: a server must not mask"
            size = second
            if second == 126:
                size = int.from_bytes(await self.reader.readexactly(2))
                assert size > 125
            elif second == 127:
                size = int.from_bytes(await self.reader.readexactly(8))
                assert size > 65535
            return first, await self.reader.readexactly(size)

    async def read_close(self) -> tuple[int, str]:
        """Code and reason of the next frame, which must be a Close; pongs before it are left out."""
        first, payload = await self.read_frame()
        while first in (0x89, 0x8A):
            first, payload = await self.read_frame()
        assert first == 0x88, f"expected a Close, got {first:#x} with {payload[:80]!r}"
        return (int.from_bytes(payload[:2]), payload[2:].decode()) if payload else (1005, "")

    async def read_eof(self) -> None:
        """TCP is closed without a reset."""
        async with asyncio.timeout(TIME_LIMIT_S):
            while await self.reader.read(65536):
                pass

    async def closes(self, code: int) -> str:
        """The server closes with this code, cleanly; the reason."""
        given, reason = await self.read_close()
        assert given == code, f"expected {code}, got {given} {reason!r}"
        await self.read_eof()
        return reason

    async def is_reset(self) -> bool:
        """TCP ends; whether with a reset."""
        async with asyncio.timeout(TIME_LIMIT_S):
            try:
                while await self.reader.read(1 << 20):
                    pass
            except ConnectionResetError:
                return True
            return False

    async def close(self) -> None:
        """Close TCP."""
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    def vanish(self) -> None:
        """Close TCP with a reset."""
        sock = cast(socket.socket, self.writer.get_extra_info("socket"))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        cast(asyncio.Transport, self.writer.transport).abort()


async def connected(port: int, *lines: bytes, receive_buffer_bytes: int | None = None) -> Client:
    """Connect, and send the upgrade request; the answer is not read."""
    sock = socket.socket()
    if receive_buffer_bytes is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=1 << 16)
    client = Client(reader, writer)
    client.send(upgrade_request(*lines))
    return client


async def until(condition: Callable[[], bool], what: str, limit_s: float = TIME_LIMIT_S) -> None:
    """Wait for a condition; the loop goes round meanwhile."""
    deadline = asyncio.get_running_loop().time() + limit_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"not within {limit_s} s: {what}"
        await asyncio.sleep(0.001)


class Owner:
    """Remembers what a connection's owner is told."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.endings: list[Ending] = []
        self.released = 0

    def handshake_answered(self, status: int) -> None:
        self.answers.append(status)

    def connection_released(self) -> None:
        self.released += 1

    def on_end(self, ending: Ending) -> None:
        self.endings.append(ending)


class _Upgrade(asyncio.Protocol):
    """Reads one upgrade request without a doubt about it, and makes the native transport."""

    def __init__(self, server: NativeServer) -> None:
        self._server = server
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._tcp = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        head, separator, rest = self._head.partition(b"\r\n\r\n")
        if not separator:
            return
        fields = [line.partition(b": ") for line in head.split(b"\r\n")[1:]]
        owner = Owner()
        native = NativeTransport(
            asyncio.get_running_loop(),
            self._tcp,
            Handshake(
                next(value for name, _, value in fields if name == b"Sec-WebSocket-Key"),
                extensions=[value for name, _, value in fields if name == b"Sec-WebSocket-Extensions"],
                default_headers=[(b"server", b"test")],
            ),
            owner,
        )
        self._tcp.set_protocol(cast(asyncio.BaseProtocol, native))
        if rest:
            native.data_received(rest)
        self._server.connected(native, owner)


Handler = Callable[[NativeTransport], Awaitable[None]]


class NativeServer:
    """Serves native transports on a free port; with a handler each is bound, accepted and handed to it."""

    def __init__(self, limits: Limits, handler: Handler | None, observer: Observer | None) -> None:
        self.limits = limits
        self.observer = observer
        self.handler = handler
        self.port = 0
        self.arrivals: asyncio.Queue[tuple[NativeTransport, Owner]] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()
        self.clients: list[Client] = []

    def connected(self, native: NativeTransport, owner: Owner) -> None:
        native.bind(owner.on_end, self.limits, self.observer, "/")
        if self.handler is None:
            self.arrivals.put_nowait((native, owner))
            return
        task = asyncio.get_running_loop().create_task(self._handle(self.handler, native))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _handle(self, handler: Handler, native: NativeTransport) -> None:
        try:
            await native.accept(None, ())
            await handler(native)
        except WebSocketDisconnect:
            return
        native.start_close(1000)

    async def client(self, *lines: bytes, receive_buffer_bytes: int | None = None) -> Client:
        """Connect, and send the upgrade request; the answer is not read."""
        client = await connected(self.port, *lines, receive_buffer_bytes=receive_buffer_bytes)
        self.clients.append(client)
        return client

    async def open(self, *lines: bytes, receive_buffer_bytes: int | None = None) -> Client:
        """Connect, and read the 101."""
        client = await self.client(*lines, receive_buffer_bytes=receive_buffer_bytes)
        head = await client.read_head()
        assert head.startswith(b"HTTP/1.1 101 "), head
        return client


@contextlib.asynccontextmanager
async def serving(
    limits: Limits | None = None,
    handler: Handler | None = None,
    observer: Observer | None = None,
) -> AsyncIterator[NativeServer]:
    """A server on a free port, closed at the end with everything that is still open."""
    native_server = NativeServer(limits or Limits(), handler, observer)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Upgrade(native_server), "127.0.0.1", 0)
    native_server.port = server.sockets[0].getsockname()[1]
    try:
        yield native_server
    finally:
        server.close()
        for task in list(native_server.tasks):
            task.cancel()
        await asyncio.gather(*native_server.tasks, return_exceptions=True)
        for client in native_server.clients:
            await client.close()


async def echo(native: NativeTransport) -> None:
    """A handler: every message back."""
    while True:
        message = await native.receive()
        waiting = native.send(message, isinstance(message, str))
        if waiting is not None:
            await waiting


@contextlib.asynccontextmanager
async def pair(
    limits: Limits | None = None,
    *,
    observer: Observer | None = None,
    offers: Sequence[bytes] = (),
    receive_buffer_bytes: int | None = None,
) -> AsyncIterator[tuple[NativeTransport, Owner, Client]]:
    """An accepted transport, its owner, and the client at the other end."""
    async with serving(limits, observer=observer) as server:
        lines = [b"Sec-WebSocket-Extensions: " + offer for offer in offers]
        client = await server.client(*lines, receive_buffer_bytes=receive_buffer_bytes)
        native, owner = await server.arrivals.get()
        await native.accept(None, ())
        head = await client.read_head()
        assert head.startswith(b"HTTP/1.1 101 ")
        try:
            yield native, owner, client
        finally:
            native.abort()
            await until(lambda: owner.released == 1, "the owner is told that TCP is closed")
