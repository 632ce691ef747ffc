"""
Any messages of a client, in fragments and compressed, cut into reads at any place, with pings and pongs between them.

The handler gets what was sent, wherever picows' part is given back meanwhile. For a longer run:
`APISTAR_FUZZ_EXAMPLES=10000 scripts/test tests/transports/test_streams.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apistar.exceptions import WebSocketDisconnect
from apistar.limits import Limits
from apistar.transports.frames import PING, PONG
from apistar.transports.keepalive import Keepalive
from apistar.transports.native import NativeTransport
from apistar.transports.opening import Handshake
from apistar.types import Data
from tests.transports.wire import KEY, TIME_LIMIT_S, Owner, close_frame, frame

EXAMPLES = int(os.environ.get("APISTAR_FUZZ_EXAMPLES", "200"))
LIMITS = Limits(ping_interval_s=3600, ping_timeout_s=3600, max_message_bytes=100_000, inbox_messages=4)
COMPRESSED = Limits(compression=True).over(LIMITS)


class Message(NamedTuple):
    """
    One message, and how it travels.

    Attributes:
        cuts: Where it is cut into fragments.
        behind: First byte of the control frame behind each of the first fragments.
    """

    payload: Data
    cuts: list[int]
    compressed: bool
    behind: list[int | None]


payloads = (
    st.binary(max_size=40) | st.text(max_size=20) | st.sampled_from([125, 126, 1025, 5_000, 65_536, 90_000]).map(bytes)
)
controls = st.lists(st.sampled_from([None, PING, PONG, PONG]), max_size=4)
places = st.integers(0, 100) | st.integers(0, 90_000)
messages = st.lists(st.builds(Message, payloads, st.lists(places, max_size=3), st.booleans(), controls), max_size=8)
reads = st.lists(st.integers(0, 300) | st.integers(0, 300_000), max_size=12)


class AlwaysWaiting(Keepalive):
    """Pings again as soon as it is answered, so that each pong of the stream answers the last ping."""

    def ponged(self, payload: bytes, now: float) -> float | None:
        round_trip_s = super().ponged(payload, now)
        if round_trip_s is not None:
            self.pinged(LIMITS, now)
        return round_trip_s


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    """The parts of `data`, one at least."""
    inner = sorted({place for place in places if 0 < place < len(data)})
    for start, end in itertools.pairwise([0, *inner, len(data)]):
        yield data[start:end]


def written(stream: list[Message], compression: bool) -> tuple[bytes, int]:
    """
    The client's bytes, and how many pings are in them.

    One compressor makes all of them: the context is taken over (RFC 7692 §7.1.1).
    """
    deflate = zlib.compressobj(wbits=-15)
    pongs = pings = 0
    frames = []
    for message in stream:
        payload = message.payload.encode() if isinstance(message.payload, str) else message.payload
        opcode = 1 if isinstance(message.payload, str) else 2
        if compression and message.compressed:
            payload = (deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
            opcode |= 0x40
        parts = list(cut(payload, message.cuts))
        for number, part in enumerate(parts):
            fin = 0x80 if number == len(parts) - 1 else 0
            frames.append(frame(fin | (opcode if number == 0 else 0), part))
            control = message.behind[number] if number < len(message.behind) else None
            if control == PONG:
                pongs += 1
                frames.append(frame(PONG, struct.pack("!I", pongs)))
            elif control == PING:
                pings += 1
                frames.append(frame(PING, b"ping"))
    return b"".join([*frames, close_frame(4000)]), pings


async def received(data: bytes, places: list[int], limits: Limits) -> tuple[list[Data], int, int]:
    """What the handler got, the code of the end, and how many pongs came back."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.setblocking(False)
        tcp, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        owner = Owner()
        native = NativeTransport(loop, tcp, Handshake(KEY, extensions=[b"permessage-deflate"]), owner)
        tcp.set_protocol(native)  # type: ignore[arg-type]  # the callbacks of a protocol are all that is asked of it
        native.bind(owner.on_end, limits, None, "/")
        await native.accept(None, ())
        native._keepalive = AlwaysWaiting(limits, loop.time())
        native._keepalive.pinged(limits, loop.time())
        got: list[Data] = []

        async def handle() -> None:
            with contextlib.suppress(WebSocketDisconnect):
                while True:
                    got.append(await native.receive())

        async def answers() -> bytes:
            found = bytearray()
            while more := await loop.sock_recv(theirs, 65536):
                found += more
            return bytes(found)

        async with asyncio.timeout(TIME_LIMIT_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(handle())
            reading = tasks.create_task(answers())
            for piece in cut(data, places):
                await loop.sock_sendall(theirs, piece)
                for _ in range(3):
                    await asyncio.sleep(0)
    return got, owner.endings[0].code, reading.result().count(b"\x8a\x04ping")


@pytest.mark.timeout(36_000 if EXAMPLES > 200 else 180)
@pytest.mark.parametrize("limits", [LIMITS, COMPRESSED], ids=["plain", "compressed"])
@pytest.mark.parametrize("factory", [None, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_every_message_arrives_as_it_was_sent(limits: Limits, factory: Any) -> None:
    @settings(max_examples=EXAMPLES // 4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(stream=messages, places=reads)
    def arrives(stream: list[Message], places: list[int]) -> None:
        data, pings = written(stream, limits is COMPRESSED)
        got, code, answered = runner.run(received(data, places, limits))
        assert got == [message.payload for message in stream]
        assert (code, answered) == (4000, pings)

    with asyncio.Runner(loop_factory=factory) as runner:
        arrives()
