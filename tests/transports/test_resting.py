"""
A connection that is idle again: picows' part is given back with the answer to a ping, and made again when it is needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from apistar.limits import Limits
from apistar.transports.frames import lone_pong
from apistar.transports.incoming import DEFLATED_SLICE_BYTES
from apistar.transports.native import NativeTransport
from apistar.transports.picows_connection import Parser
from tests.transports.wire import Client, Owner, echo, frame, pair, until

PINGED_SOON = Limits(ping_interval_s=0.05, ping_timeout_s=60)


@contextlib.asynccontextmanager
async def echoing(limits: Limits) -> AsyncIterator[tuple[NativeTransport, Owner, Client]]:
    async with pair(limits) as (native, owner, client):
        task = asyncio.ensure_future(echo(native))
        try:
            yield native, owner, client
        finally:
            task.cancel()
            await asyncio.wait([task])


async def answer_a_ping(client: Client, before: bytes = b"", behind: bytes = b"") -> None:
    first, payload = await client.read_frame()
    assert first == 0x89
    client.send(before + frame(0x8A, payload) + behind)


async def rests(native: NativeTransport) -> None:
    await until(lambda: native._parser is None, "picows' part is given back")


async def message_of(client: Client) -> tuple[int, bytes]:
    """The next frame that is no ping; pings are answered."""
    while (received := await client.read_frame())[0] == 0x89:
        client.send(frame(0x8A, received[1]))
    return received


async def exchange(client: Client, message: bytes) -> None:
    client.send(frame(0x82, message))
    assert await message_of(client) == (0x82, message)


async def test_idle_connection_gives_its_parser_back_and_takes_one_for_the_next_message() -> None:
    async with echoing(PINGED_SOON) as (native, _, client):
        for number in range(3):
            await exchange(client, b"message %d" % number)
            await answer_a_ping(client)
            await rests(native)


async def test_resting_connection_sends_and_closes_as_any_other() -> None:
    async with pair(PINGED_SOON) as (native, owner, client):
        assert native.send(b"first", False) is None
        assert await message_of(client) == (0x82, b"first")
        await answer_a_ping(client)
        await rests(native)
        assert native.send("second", True) is None
        assert await message_of(client) == (0x81, b"second")
        await answer_a_ping(client)
        await rests(native)
        native.start_close(1001, "enough")
        assert await message_of(client) == (0x88, b"\x03\xe9enough")
        client.send(frame(0x88, b"\x03\xe9"))
        await client.read_eof()
        await until(lambda: owner.released == 1, "TCP is closed")


async def test_buffer_that_grew_for_one_large_message_is_given_back() -> None:
    limits = Limits(ping_interval_s=0.05, ping_timeout_s=60, max_message_bytes=1024 * 1024)
    async with echoing(limits) as (native, _, client):
        await exchange(client, bytes(1_000_000))
        await answer_a_ping(client)
        await rests(native)
        gc.collect()
        assert not [
            kept for kept in gc.get_objects() if isinstance(kept, Parser) and getattr(kept, "owner", None) is native
        ]
        await exchange(client, b"as before")


@pytest.mark.parametrize("cut", [1, 5, 6, 2_000])
async def test_half_a_frame_behind_the_pong_is_not_lost(cut: int) -> None:
    """The rest of it comes later; nothing may be given back in between."""
    whole = frame(0x82, b"x" * 3_000)
    async with echoing(PINGED_SOON) as (native, _, client):
        await exchange(client, b"hello")
        await answer_a_ping(client, behind=whole[:cut])
        first, payload = await client.read_frame()
        assert first == 0x89
        assert native._parser is not None
        client.send(whole[cut:] + frame(0x8A, payload))
        assert await message_of(client) == (0x82, b"x" * 3_000)


async def test_half_a_frame_in_the_next_slice_behind_the_pong_is_not_lost() -> None:
    """A client that compresses is parsed slice by slice; here the pong ends one."""
    whole = frame(0x82, b"x" * 3_000)
    limits = Limits(compression=True).over(PINGED_SOON)
    async with pair(limits, offers=[b"permessage-deflate"]) as (native, _, client):
        _, pong = await client.read_frame()
        message = bytes(DEFLATED_SLICE_BYTES - len(frame(0x8A, pong)) - len(frame(0x82, bytes(1000))) + 1000)
        slice_ = frame(0x82, message) + frame(0x8A, pong)
        assert len(slice_) == DEFLATED_SLICE_BYTES
        client.send(slice_ + whole[:500])
        assert await native.receive() == message
        await until(lambda: native.round_trip_s is not None, "the pong is there")
        client.send(whole[500:])
        assert await native.receive() == b"x" * 3_000


async def test_client_that_answers_a_ping_and_reads_nothing_is_pinged_on_when_it_has_read() -> None:
    limits = Limits(ping_interval_s=0.5, ping_timeout_s=60, outbox_bytes=10_000_000)
    async with pair(limits, receive_buffer_bytes=4096) as (native, _, client):
        assert native.send(b"first", False) is None
        assert await client.read_frame() == (0x82, b"first")
        first, pong = await client.read_frame()
        assert first == 0x89
        while native.waiting_bytes < 500_000:
            assert native.send(bytes(50_000), False) is None
        client.send(frame(0x8A, pong))
        await until(lambda: native.round_trip_s is not None, "the pong is there")
        while (await client.read_frame())[0] == 0x82:
            pass


async def test_fragments_of_a_message_with_a_pong_between_them_are_one_message() -> None:
    async with echoing(PINGED_SOON) as (_, _, client):
        client.send(frame(0x02, b"one "))
        await answer_a_ping(client)
        await answer_a_ping(client)
        client.send(frame(0x80, b"message"))
        assert await message_of(client) == (0x82, b"one message")


async def test_message_in_the_same_bytes_as_the_pong_is_answered() -> None:
    async with echoing(PINGED_SOON) as (native, _, client):
        await answer_a_ping(client, before=frame(0x82, b"before"), behind=frame(0x82, b"behind"))
        for message in (b"before", b"behind"):
            assert await message_of(client) == (0x82, message)
        await answer_a_ping(client)
        await rests(native)


async def test_connection_that_only_answers_pings_has_no_parser() -> None:
    async with pair(PINGED_SOON) as (native, _, client):
        for _ in range(3):
            first, payload = await client.read_frame()
            assert first == 0x89
            assert native._parser is None
            client.send(frame(0x8A, payload))
        await until(lambda: native.round_trip_s is not None, "the pong counts")


@pytest.mark.parametrize("rested", [False, True])
async def test_what_we_send_to_a_silent_client_is_no_sign_of_its_life(rested: bool) -> None:
    """The parser that a message of ours brings is none either: the ping before it is the last one."""
    async with pair(Limits(ping_interval_s=0.05, ping_timeout_s=0.5)) as (native, owner, client):
        if rested:
            assert native.send(b"first", False) is None
            assert await message_of(client) == (0x82, b"first")
            await answer_a_ping(client)
            await rests(native)
        assert (await client.read_frame())[0] == 0x89
        assert native._parser is None
        assert native.send(b"second", False) is None
        assert await client.read_frame() == (0x82, b"second")
        assert await client.read_frame() == (0x88, b"\x03\xf3keepalive ping timeout")
        await until(lambda: owner.released == 1, "the client counts as lost")
        assert [ending.code for ending in owner.endings] == [1006]


@pytest.mark.parametrize(
    ("first", "then"), [(0x89, 0x89), (0x8A, 0x8A), (0x02, 0x00)], ids=["ping", "pong", "fragment"]
)
async def test_client_that_answers_no_ping_and_says_something_else_is_pinged_again(first: int, then: int) -> None:
    async with pair(Limits(ping_interval_s=0.05, ping_timeout_s=0.5)) as (_, _, client):
        for kind in (first, then):
            while (received := await client.read_frame())[0] == 0x8A:
                pass
            assert received[0] == 0x89
            client.send(frame(kind, b"life"))
        while (received := await client.read_frame())[0] == 0x8A:
            pass
        assert received[0] == 0x89


@pytest.mark.parametrize(
    "data",
    [
        frame(0x8A, b"pong")[:-1],
        frame(0x8A, b"pong") + b"\x8a",
        frame(0x82, b"pong"),
        frame(0xCA, b"pong"),
        b"\x8a\x04pong",
        b"\x8a\xfe" + bytes(130),
        frame(0x8A, bytes(126)),
        b"",
        b"\x8a",
    ],
)
def test_anything_but_one_whole_pong_is_for_the_parser(data: bytes) -> None:
    assert lone_pong(data) is None


@pytest.mark.parametrize("payload", [b"", b"1", b"pong", bytes(range(125))])
def test_pong_that_stands_alone_is_unmasked(payload: bytes) -> None:
    assert lone_pong(frame(0x8A, payload)) == payload


async def test_client_that_sends_much_at_once_is_read_in_slices_from_then_on() -> None:
    async with echoing(Limits(ping_interval_s=None)) as (native, _, client):
        await exchange(client, b"one")
        tcp: Any = native._tcp
        assert tcp.get_protocol() is native._parser
        client.send(frame(0x82, b"x") * 400)
        for _ in range(400):
            assert await client.read_frame() == (0x82, b"x")
        assert tcp.get_protocol() is native
