"""
Any bytes after the handshake: no exception escapes, every connection ends, and nothing is kept.

Short with the other tests; for a longer run: `APISTAR_FUZZ_EXAMPLES=100000 scripts/test tests/transports/test_fuzz.py`.
Examples are frames, whole and broken, mutated and cut into reads at any place; handlers and clients are of many kinds.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import logging
import os
import socket
import zlib
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apistar.exceptions import WebSocketDisconnect
from apistar.limits import Limits
from apistar.transports.native import NativeTransport
from apistar.transports.opening import Handshake
from apistar.transports.picows_connection import Parser
from tests.transports.wire import KEY, Owner, echo, frame

EXAMPLES = int(os.environ.get("APISTAR_FUZZ_EXAMPLES", "300"))
SMALL = Limits(
    max_message_bytes=2000,
    max_fragments=20,
    inbox_messages=4,
    inbox_bytes=3000,
    outbox_bytes=4000,
    outbox_messages=8,
    close_timeout_s=0.05,
    send_timeout_s=0.05,
    compression=True,
)


Handler: TypeAlias = Callable[[NativeTransport], Awaitable[None]]

PLAIN = Limits(compression=False, ping_interval_s=None).over(SMALL)
"""The short way of a message: nothing is compressed, counted or watched."""

# What a client may send


def deflated(payload: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-12)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


masks = st.sampled_from([b"\0\0\0\0", b"\x37\xfa\x21\x3d", b"\xff\xff\xff\xff"])
payloads = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=20).map(str.encode),
    st.integers(0, 3000).map(bytes),
    st.binary(max_size=60).map(deflated),
    st.integers(0, 100_000).map(lambda size: deflated(bytes(size))),
    st.integers(0, 65535).map(lambda code: code.to_bytes(2) + b"why"),
)
sound = st.sampled_from([0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A, 0xC1, 0xC2, 0x41, 0x42])
frames = st.one_of(
    st.builds(frame, sound, payloads, masks),
    st.builds(frame, sound, payloads, masks),
    st.builds(frame, sound, payloads, masks),
    st.builds(frame, st.integers(0, 255), payloads, masks),
    st.builds(frame, st.just(0x88), payloads, masks),
    st.binary(max_size=30),
    st.builds(lambda first, size: bytes((first, 0xFF)) + size.to_bytes(8), sound, st.integers(0, 2**64 - 1)),
)


@st.composite
def reads(draw: st.DrawFn) -> list[bytes]:
    """Bytes as the server reads them."""
    data = bytearray(b"".join(draw(st.lists(frames, max_size=12))))
    for place, octet in draw(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=2)):
        if place < len(data):
            data[place] = octet
    cuts = sorted({0, *(cut for cut in draw(st.lists(st.integers(0, 5000), max_size=6)) if cut < len(data)), len(data)})
    return [bytes(data[start:end]) for start, end in itertools.pairwise(cuts)]


# What a handler does


async def read_only(native: NativeTransport) -> None:
    while True:
        await native.receive()


async def deaf(native: NativeTransport) -> None:
    await native.wait_closed()


async def leave(native: NativeTransport) -> None:
    await native.receive()
    await native.close(1000, "enough")


async def leave_at_once(native: NativeTransport) -> None:
    native.start_close(4000, "no")


async def send_much(native: NativeTransport) -> None:
    while True:
        waiting = native.send(bytes(1000), False)
        if waiting is None:
            await asyncio.sleep(0)
        else:
            await waiting


class Fates(Owner):
    """What came of a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = asyncio.Event()

    def connection_released(self) -> None:
        super().connection_released()
        self.ended.set()


async def scenario(pieces: list[bytes], handler: Handler, client_reads: bool, limits: Limits) -> None:
    """One connection, from its handshake to its end."""
    loop = asyncio.get_running_loop()
    escaped: list[object] = []
    loop.set_exception_handler(lambda _, context: escaped.append(context.get("exception") or context["message"]))
    ours, theirs = socket.socketpair()
    with theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        theirs.setblocking(False)
        tcp, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        fates = Fates()
        native = NativeTransport(loop, tcp, Handshake(KEY, extensions=[b"permessage-deflate"]), fates)
        tcp.set_protocol(native)  # type: ignore[arg-type]  # it has the methods, and does not say so
        native.bind(fates.on_end, limits, None, "/")

        async def handle() -> None:
            with contextlib.suppress(WebSocketDisconnect):
                await native.accept(None, ())
                await handler(native)

        task = loop.create_task(handle())
        answers = bytearray()

        def read() -> None:
            with contextlib.suppress(BlockingIOError, ConnectionResetError):
                while more := theirs.recv(65536):
                    answers.extend(more)

        for piece in pieces:
            with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                theirs.send(piece)
            for _ in range(3):
                await asyncio.sleep(0)
            if client_reads:
                read()
        native.start_close(1001)  # the server's own end, which nothing that came before may prevent
        if client_reads:
            for _ in range(3):
                await asyncio.sleep(0)
                read()
            theirs.close()
        async with asyncio.timeout(20.0):
            await fates.ended.wait()
            await task
        if not client_reads:
            read()
    assert not escaped, escaped
    assert (len(fates.endings), fates.released) == (1, 1)
    assert answers.startswith((b"HTTP/1.1 101 ", b"HTTP/1.1 503 "))


@pytest.fixture
def nothing_kept() -> Iterator[None]:
    """After the test no connection is left in memory, but for parsers that tests before it have left in the pool."""
    before = {id(thing) for thing in gc.get_objects() if issubclass(type(thing), NativeTransport | Parser)}
    yield
    gc.collect()
    left = [
        thing
        for thing in gc.get_objects()
        if issubclass(type(thing), NativeTransport | Parser) and id(thing) not in before
    ]
    assert not left, f"{len(left)} connections are kept"


@pytest.mark.timeout(36_000 if EXAMPLES > 300 else 180)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(
    pieces=reads(),
    handler=st.sampled_from([echo, echo, echo, read_only, deaf, leave, leave_at_once, send_much]),
    client_reads=st.sampled_from([True] * 7 + [False]),
    limits=st.sampled_from([SMALL, PLAIN]),
    uv=st.booleans(),
)
def test_any_bytes_after_the_handshake_end_well(
    nothing_kept: None, pieces: list[bytes], handler: Handler, client_reads: bool, limits: Limits, uv: bool
) -> None:
    faults = Faults()
    log = logging.getLogger("apistar.transports")
    log.addHandler(faults)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if uv else None) as runner:
            runner.run(scenario(pieces, handler, client_reads, limits))
    finally:
        log.removeHandler(faults)
    assert not faults.seen


class Faults(logging.Handler):
    """Keeps what a transport logs: only its own faults."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(self.format(record))
