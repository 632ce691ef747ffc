"""
The limits of the native transport at the wire, one after another, in the order of their table.

What belongs to the handshake and to the process is in `tests/threats` and `tests/server/test_limits_of_routes.py`.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable
from typing import Any

import pytest

from apistar.exceptions import WebSocketDisconnect
from apistar.limits import Limits
from apistar.observer import Observer
from apistar.transports.native import NativeTransport
from apistar.transports.picows_connection import feed
from apistar.transports.transport import Initiator
from tests.transports.wire import TIME_LIMIT_S, Client, echo, frame, pair, serving, until


async def receive_all(native: NativeTransport, into: list[object]) -> None:
    """A handler: keep every message."""
    while True:
        into.append(await native.receive())


# max_message_bytes


@pytest.mark.parametrize("first", [0x81, 0x82])
async def test_message_is_refused_at_its_header_before_its_bytes_come(first: int) -> None:
    async with pair(Limits(max_message_bytes=1000)) as (native, _, client):
        client.send(bytes((first, 0xFE)) + (1001).to_bytes(2))  # not even the mask
        client.send(b"\0\0\0\0")
        assert await client.read_close() == (1009, "message exceeds max_message_bytes of 1000")
        assert native.ending is not None
        assert native.ending.initiator is Initiator.LOCAL


@pytest.mark.parametrize("first", [0x81, 0x82])
@pytest.mark.parametrize("before", [b"", frame(0x81, b"hello")])
async def test_rest_of_a_message_that_is_refused_is_dropped_even_if_it_is_read_at_once(
    first: int, before: bytes
) -> None:
    async with pair(Limits(max_message_bytes=1000)) as (native, _, client):
        if before:
            client.send(before)
            assert await native.receive() == "hello"
        whole = frame(first, bytes(1001)) + frame(0x81, b"behind it")
        tcp = native._tcp
        assert tcp is not None
        for piece in (whole[:8], whole[8:]):  # uvloop reads on before the loop's next round
            protocol: Any = tcp.get_protocol()
            if hasattr(protocol, "get_buffer"):
                feed(protocol, memoryview(piece))
            else:
                protocol.data_received(piece)
        assert native.receive_nowait() is None
        assert await client.read_close() == (1009, "message exceeds max_message_bytes of 1000")


async def test_fragments_are_refused_with_the_one_that_is_too_much() -> None:
    async with pair(Limits(max_message_bytes=1000)) as (native, _, client):
        client.send(frame(0x02, b"x" * 999) + frame(0x00, b"x"))
        client.send(frame(0x89, b"in time"))
        assert await client.read_frame() == (0x8A, b"in time")
        assert native.ending is None
        client.send(frame(0x00, b"x"))
        assert await client.read_close() == (1009, "message exceeds max_message_bytes of 1000")


async def test_message_is_measured_after_decompression() -> None:
    compressor = zlib.compressobj(wbits=-12)
    data = (compressor.compress(bytes(1001)) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
    assert len(data) < 30
    limits = Limits(max_message_bytes=1000, compression=True)
    async with pair(limits, offers=[b"permessage-deflate"]) as (_, _, client):
        client.send(frame(0xC2, data))
        assert await client.read_close() == (1009, "message exceeds max_message_bytes of 1000")


# max_fragments


async def test_fragments_are_counted() -> None:
    async with pair(Limits(max_fragments=3)) as (native, _, client):
        client.send(frame(0x01, b"a") + frame(0x00) + frame(0x80, b"b"))
        assert await native.receive() == "ab"
        client.send(frame(0x01, b"a") + frame(0x00) * 3)
        assert await client.read_close() == (1009, "message exceeds max_fragments of 3")


# ping_interval_s and ping_timeout_s


class RoundTrips(Observer):
    """Keeps what it is told of pings."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, float]] = []

    def pinged(self, route: str, round_trip_s: float) -> None:
        self.seen.append((route, round_trip_s))


async def test_ping_that_is_answered_has_a_round_trip_time() -> None:
    observer = RoundTrips()
    async with pair(Limits(ping_interval_s=0.05), observer=observer) as (native, _, client):
        assert native.round_trip_s is None
        for count in (1, 2):
            first, payload = await client.read_frame()
            assert (first, len(payload)) == (0x89, 4)
            client.send(frame(0x8A, b"not this one") + frame(0x8A, payload))
            await until(lambda: len(observer.seen) == count, "the pong is seen")  # noqa: B023 — awaited here
            route, round_trip_s = observer.seen[-1]
            assert route == "/"
            assert 0.0 <= round_trip_s < TIME_LIMIT_S
            assert native.round_trip_s == round_trip_s


async def test_peer_that_answers_no_ping_is_lost_and_its_tcp_ended() -> None:
    async with pair(Limits(ping_interval_s=0.05, ping_timeout_s=0.1)) as (native, owner, client):
        with pytest.raises(WebSocketDisconnect) as raised:
            async with asyncio.timeout(TIME_LIMIT_S):
                await native.receive()
        assert raised.value.code == 1006
        assert await client.read_close() == (1011, "keepalive ping timeout")
        await client.read_eof()
        await until(lambda: owner.released == 1, "TCP is closed")


async def test_peer_that_sends_one_long_message_slowly_is_not_lost() -> None:
    """Its pong stands behind the message."""
    async with pair(Limits(ping_interval_s=0.05, ping_timeout_s=0.1)) as (native, _, client):
        sent = frame(0x82, b"x" * 100)
        for octet in sent:
            client.send(bytes((octet,)))
            await asyncio.sleep(0.005)
        assert await native.receive() == b"x" * 100
        assert native.ending is None


# idle_timeout_s


async def test_peer_without_a_message_is_closed_with_1000_idle() -> None:
    async with pair(Limits(idle_timeout_s=0.1, ping_interval_s=None)) as (native, _, client):
        assert await client.read_close() == (1000, "idle")
        assert native.ending is not None
        assert (native.ending.code, native.ending.reason) == (1000, "idle")


async def test_pings_of_an_idle_peer_are_no_messages() -> None:
    async with pair(Limits(idle_timeout_s=0.3, ping_interval_s=None)) as (native, _, client):
        while native.ending is None:
            client.send(frame(0x89))
            await asyncio.sleep(0.02)
        assert native.ending.reason == "idle"


async def test_peer_whose_messages_keep_coming_is_not_idle() -> None:
    async with serving(Limits(idle_timeout_s=0.3, ping_interval_s=None), handler=echo) as server:
        client = await server.open()
        for _ in range(20):
            client.send(frame(0x81, b"here"))
            assert await client.read_frame() == (0x81, b"here")
            await asyncio.sleep(0.03)
        assert await client.read_close() == (1000, "idle")


# close_timeout_s


async def test_peer_that_never_answers_a_close_is_dropped() -> None:
    async with pair(Limits(close_timeout_s=0.1)) as (native, owner, client):
        async with asyncio.timeout(TIME_LIMIT_S):
            await native.close(4321, "over")
        assert owner.endings[0].code == 4321
        assert await client.read_close() == (4321, "over")
        assert not await client.is_reset()


async def test_peer_that_never_answers_a_close_nor_reads_is_reset() -> None:
    async with pair(Limits(close_timeout_s=0.2, outbox_bytes=500_000), receive_buffer_bytes=4096) as (
        native,
        _,
        client,
    ):
        waiting = None
        while waiting is None:
            waiting = native.send(bytes(100_000), False)
        sender = asyncio.ensure_future(waiting)
        async with asyncio.timeout(TIME_LIMIT_S):
            await native.close(1001, "")
        with pytest.raises(WebSocketDisconnect):
            await sender
        assert await client.is_reset()


# inbox_messages and inbox_bytes


async def fill_tcp(client: Client, piece: bytes) -> int:
    """Write until TCP takes nothing for a while; the bytes it took."""
    taken = 0
    while True:
        client.send(piece)
        try:
            async with asyncio.timeout(0.3):
                await client.writer.drain()
        except TimeoutError:
            return taken
        taken += len(piece)
        assert taken < 64 * 1024 * 1024, "the server reads without end"


@pytest.mark.parametrize("limits", [Limits(inbox_messages=4), Limits(inbox_bytes=100_000)])
async def test_full_inbox_stops_the_client_until_messages_are_taken(limits: Limits) -> None:
    """Pings too are answered only when the socket is read again, and nothing is lost."""
    async with pair(limits) as (native, _, client):
        piece = frame(0x82, b"x" * 50_000)
        count = await fill_tcp(client, piece) // len(piece) + 1
        client.send(frame(0x89, b"still there?") + frame(0x88))
        got: list[object] = []
        task = asyncio.ensure_future(receive_all(native, got))
        assert await client.read_frame() == (0x8A, b"still there?")
        with pytest.raises(WebSocketDisconnect):
            await task
        assert got == [b"x" * 50_000] * count


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_inbox_holds_no_more_messages_than_its_limit(limit: int) -> None:
    """As long as each comes in a read of its own; what one read brings is all parsed."""

    async def holds(count: int) -> None:
        await until(lambda: (native._ready is not None) + len(native._inbox or ()) == count, "the message")

    async with pair(Limits(inbox_messages=limit)) as (native, _, client):
        for number in range(limit):
            assert not native._paused
            client.send(frame(0x82, b"%d" % number))
            await holds(number + 1)
        assert native._paused
        client.send(frame(0x82, b"%d" % limit))
        await client.writer.drain()
        assert [await native.receive() for _ in range(limit + 1)] == [b"%d" % number for number in range(limit + 1)]


# outbox_bytes, outbox_messages and send_timeout_s: tests/contracts/test_transport.py has them too


@pytest.mark.parametrize("limits", [Limits(outbox_messages=5), Limits(outbox_bytes=30_000)])
async def test_full_outbox_makes_the_sender_wait_and_the_peer_that_reads_gets_everything(limits: Limits) -> None:
    async with pair(limits, receive_buffer_bytes=4096) as (native, _, client):
        sent = 0
        waiting = None
        while waiting is None:
            waiting = native.send(b"%08d" % sent + bytes(4992), False)
            sent += 1
        sender = asyncio.ensure_future(waiting)
        assert native.waiting_bytes < 60_000
        for number in range(sent):
            assert (await client.read_frame())[1][:8] == b"%08d" % number
        await sender


async def test_send_that_is_awaited_late_finds_the_room_or_the_end_that_came_before() -> None:
    async with pair(Limits(outbox_messages=5), receive_buffer_bytes=4096) as (native, _, client):
        waiting: list[Awaitable[None]] = []
        while len(waiting) < 2:
            late = native.send(bytes(5000), False)
            if late is not None:
                waiting.append(late)
        while native.waiting_bytes:
            await client.read_frame()
        await waiting[0]
        assert (await client.read_frame())[1] == bytes(5000)
        native.abort()
        with pytest.raises(WebSocketDisconnect):
            await waiting[1]


async def test_outbox_that_does_not_move_ends_in_a_reset_and_1013() -> None:
    async with pair(Limits(send_timeout_s=0.2, outbox_bytes=100_000)) as (native, _, client):
        with pytest.raises(WebSocketDisconnect) as raised:
            async with asyncio.timeout(TIME_LIMIT_S):
                while True:
                    waiting = native.send(bytes(50_000), False)
                    if waiting is not None:
                        await waiting
        assert (raised.value.code, raised.value.reason) == (1013, "the outbox did not move for 0.2 s")
        assert await client.is_reset()


# message_rate and message_burst


@pytest.mark.parametrize("first", [0x81, 0x82])
async def test_messages_past_the_rate_are_closed_with_1008(first: int) -> None:
    async with pair(Limits(message_rate=0.5, message_burst=3)) as (native, _, client):
        client.send(frame(first, b"x") * 4)
        assert await client.read_close() == (1008, "messages exceed message_rate of 0.5 a second")
        assert [len(await native.receive()) for _ in range(3)] == [1, 1, 1]
        with pytest.raises(WebSocketDisconnect, match="1008"):
            await native.receive()


async def test_pings_and_fragments_are_no_messages_to_the_rate() -> None:
    async with pair(Limits(message_rate=0.5, message_burst=1)) as (native, _, client):
        client.send(frame(0x01, b"a") + frame(0x89) * 20 + frame(0x00, b"b") * 20 + frame(0x80, b"c"))
        assert await native.receive() == "a" + "b" * 20 + "c"
        assert native.ending is None


# compression


async def test_compression_is_off_unless_it_is_asked_for() -> None:
    async with pair(offers=[b"permessage-deflate"]) as (native, _, client):
        assert native.send("a" * 1000, True) is None
        assert await client.read_frame() == (0x81, b"a" * 1000)
