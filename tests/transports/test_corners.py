"""
Moments in which two things happen to a connection at once.
"""

from __future__ import annotations

import asyncio

import pytest

from apistar.exceptions import WebSocketDisconnect
from apistar.limits import Limits
from apistar.transports.native import EARLY_BYTES
from apistar.transports.transport import HeaderList
from tests.transports.test_limits import fill_tcp
from tests.transports.wire import TIME_LIMIT_S, close_frame, echo, frame, pair, serving, until, upgrade_request


async def test_close_while_the_socket_is_not_read_finds_the_peers_close_behind_everything() -> None:
    """The inbox was full; what stands between is dropped, and TCP ends without its time-out."""
    async with pair(Limits(inbox_messages=2, close_timeout_s=60)) as (native, owner, client):
        await fill_tcp(client, frame(0x82, bytes(50_000)))
        client.send(close_frame(1000))
        native.start_close(1001, "enough")
        assert await client.read_close() == (1001, "enough")
        await client.read_eof()
        await until(lambda: owner.released == 1, "TCP is closed")


async def test_both_sides_that_close_at_once_are_done_at_once() -> None:
    async with pair(Limits(close_timeout_s=60)) as (native, owner, client):
        native.start_close(1001)
        client.send(close_frame(3000))
        assert await client.read_close() == (1001, "")
        await client.read_eof()
        await until(lambda: owner.released == 1, "TCP is closed")
        assert [ending.code for ending in owner.endings] == [1001]


async def test_peer_that_closes_and_never_reads_what_waits_is_reset() -> None:
    limits = Limits(close_timeout_s=0.2, outbox_bytes=200_000)
    async with pair(limits, receive_buffer_bytes=4096) as (native, owner, client):
        waiting = None
        while waiting is None:
            waiting = native.send(bytes(50_000), False)
        client.send(close_frame(1000))
        with pytest.raises(WebSocketDisconnect, match="1000"):
            async with asyncio.timeout(TIME_LIMIT_S):
                await waiting
        await until(lambda: owner.released == 1, "TCP is dropped after close_timeout_s")


async def test_peer_that_closes_while_much_waits_and_then_reads_gets_all_and_our_close() -> None:
    async with pair(Limits(close_timeout_s=60), receive_buffer_bytes=4096) as (native, _, client):
        sent = 0
        while native.waiting_bytes < 300_000:
            assert native.send(b"%08d" % sent + bytes(20_000), False) is None
            sent += 1
        native.start_close(1012, "restart")
        for number in range(sent):
            assert (await client.read_frame())[1][:8] == b"%08d" % number
        assert await client.read_close() == (1012, "restart")
        client.send(close_frame(1012))
        await client.read_eof()


async def test_flood_before_the_answer_is_not_read() -> None:
    """The application takes its time; frames behind the handshake wait in TCP but for a few KiB."""
    async with serving() as server:
        client = await server.client()
        native, _ = await server.arrivals.get()
        await fill_tcp(client, frame(0x82, bytes(1000), b"\0\0\0\0") * 64)
        assert native._held is not None
        assert len(native._held) < EARLY_BYTES + 512 * 1024
        await native.accept(None, ())
        await client.read_head()
        for _ in range(100):
            assert await native.receive() == bytes(1000)
        native.abort()


async def test_handshake_and_frames_and_close_in_one_packet_are_answered_in_order() -> None:
    async with serving(handler=echo) as server:
        client = await server.client()
        client.send(frame(0x81, b"1") + frame(0x89, b"2") + frame(0x01, b"3") + frame(0x80, b"4") + close_frame(3999))
        await client.read_head()
        assert [await client.read_frame() for _ in range(3)] == [(0x81, b"1"), (0x8A, b"2"), (0x81, b"34")]
        await client.closes(3999)


async def test_reset_while_the_outbox_is_full_and_the_socket_not_read_ends_everything() -> None:
    """The writing side is the one that learns of it."""
    limits = Limits(inbox_messages=2, outbox_bytes=100_000, ping_interval_s=0.05, ping_timeout_s=0.1)
    async with pair(limits, receive_buffer_bytes=4096) as (native, owner, client):
        await fill_tcp(client, frame(0x82, bytes(50_000)))
        waiting = None
        while waiting is None:
            waiting = native.send(bytes(50_000), False)
        client.vanish()
        with pytest.raises(WebSocketDisconnect):
            async with asyncio.timeout(TIME_LIMIT_S):
                await waiting
        await until(lambda: owner.released == 1, "TCP is gone")


async def test_reset_of_a_peer_whose_messages_nobody_takes_is_noticed_by_its_pings() -> None:
    """The socket is not read, so its end is seen when a ping is written."""
    limits = Limits(inbox_messages=2, ping_interval_s=0.05, ping_timeout_s=0.1)
    async with pair(limits) as (native, owner, client):
        await fill_tcp(client, frame(0x82, bytes(50_000)))
        client.vanish()
        await until(lambda: owner.released == 1, "TCP is gone")
        assert native.ending is not None
        assert native.ending.code == 1006


async def test_request_that_is_not_the_first_byte_of_a_frame_is_no_frame() -> None:
    """A second handshake on an open socket is 'G': a fragment of opcode 7 without a mask."""
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(upgrade_request())
        await client.closes(1002)


@pytest.mark.parametrize(
    "left",
    [
        pytest.param(b"\x82", id="one byte"),
        pytest.param(b"\x82\x8a", id="a length"),
        pytest.param(b"\x82\xfe", id="a length that follows"),
        pytest.param(b"\x82\xfe\x01\x00", id="a long length"),
        pytest.param(b"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00", id="a longer one"),
        pytest.param(b"\x82\x8a\x01\x02", id="half a mask"),
        pytest.param(b"\x82\x8a\x01\x02\x03\x04", id="a whole header"),
        pytest.param(b"\x82\x8a\x01\x02\x03\x04abc", id="a part of a payload"),
        pytest.param(frame(0x02, b"a fragment"), id="a part of a message"),
        pytest.param(frame(0x88), id="nothing"),
    ],
)
@pytest.mark.parametrize("times", [1, 3])
async def test_what_a_client_left_unfinished_is_never_part_of_anothers_message(left: bytes, times: int) -> None:
    async with serving(handler=echo) as server:
        for _ in range(times):
            client = await server.open()
            client.send(frame(0x81, b"mine"))
            assert await client.read_frame() == (0x81, b"mine")
            client.send(left)
            await client.writer.drain()
            await asyncio.sleep(0)
            await client.close()
            await until(lambda: not server.tasks, "the handler has ended")
        client = await server.open()
        client.send(frame(0x82, b"hello") + frame(0x81, b"again"))
        assert [await client.read_frame() for _ in range(2)] == [(0x82, b"hello"), (0x81, b"again")]


@pytest.mark.parametrize(("headers", "writes"), [((), 2), (((b"content-length", b"4"),), 1)], ids=["chunked", "length"])
async def test_refusal_whose_client_leaves_as_soon_as_it_is_whole_was_sent(headers: HeaderList, writes: int) -> None:
    async with serving() as server:
        await server.client()
        native, owner = await server.arrivals.get()
        denial = native.deny(404, headers)
        sending = asyncio.create_task(denial.send(b"gone", more=False))
        for _ in range(writes):
            await asyncio.sleep(0)
        native.connection_lost(None)
        async with asyncio.timeout(TIME_LIMIT_S):
            await sending
        assert owner.released == 1
        with pytest.raises(WebSocketDisconnect):
            await denial.send(b"", more=False)
