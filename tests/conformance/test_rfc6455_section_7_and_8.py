"""
RFC 6455 sections 7 and 8 in bytes: closing and its codes, and what is no UTF-8.
"""

from __future__ import annotations

import asyncio
import struct

import pytest

from apistar.limits import Limits
from tests.transports.wire import close_frame, echo, frame, serving, until

# 7.1 Definitions


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999])
async def test_close_is_answered_with_its_own_code_and_reason_and_tcp_is_closed_by_the_server(code: int) -> None:
    """A browser's CloseEvent has code and reason of the answer, also for the page that closed."""
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(close_frame(code, "tschüß".encode()))
        assert await client.read_frame() == (0x88, struct.pack("!H", code) + "tschüß".encode())
        await client.read_eof()


async def test_close_without_a_code_is_answered_without_one() -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(frame(0x88))
        assert await client.read_frame() == (0x88, b"")
        await client.read_eof()


async def test_what_comes_behind_a_close_is_not_answered() -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(frame(0x81, b"before") + close_frame(1000) + frame(0x89, b"after") + frame(0x81, b"after"))
        assert await client.read_frame() == (0x81, b"before")
        await client.closes(1000)


async def test_close_in_the_middle_of_a_message_is_answered() -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(frame(0x01, b"half a mess") + close_frame(1001))
        await client.closes(1001)


async def test_end_of_tcp_waits_for_what_is_too_big() -> None:
    """§7.1.1 without haste: some clients that see it while they write report that, and not the 1009."""
    async with serving(Limits(close_timeout_s=30), handler=echo) as server:
        client = await server.open()
        client.send(b"\x82\xff\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00")
        assert (await client.read_close())[0] == 1009
        ended = asyncio.create_task(client.read_eof())
        for _ in range(100):
            client.send(b"x" * 1000)
            await client.writer.drain()
            await asyncio.sleep(0)
        assert not ended.done()
        await ended


async def test_failed_connection_reads_on_so_that_its_close_arrives() -> None:
    """§7.1.7: a peer that is still sending gets the Close and the end of TCP, not a reset."""
    async with serving(Limits(close_timeout_s=30), handler=echo) as server:
        client = await server.open()
        client.send(b"\x82\xff\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00" + b"x" * 4_000_000)
        await client.closes(1009)
        client.send(b"x" * 1_000_000)
        await client.writer.drain()
        client.writer.close()
        await client.writer.wait_closed()


async def test_close_that_is_never_answered_is_followed_by_the_end_of_tcp() -> None:
    async with serving(Limits(close_timeout_s=0.1)) as server:
        client = await server.client()
        native, owner = await server.arrivals.get()
        await native.accept(None, ())
        await client.read_head()
        started = server.tasks
        assert not started
        await native.close(1001, "server goes away")
        assert await client.read_close() == (1001, "server goes away")
        await until(lambda: owner.released == 1, "TCP is dropped after close_timeout_s")


# 7.4 Status codes


@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
async def test_close_code_that_no_frame_may_carry_is_answered_with_1002(code: int) -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(close_frame(code))
        await client.closes(1002)


async def test_close_with_half_a_code_is_answered_with_1002() -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(frame(0x88, b"\x03"))
        await client.closes(1002)


# 8.1 Handling of errors in UTF-8-encoded data

INVALID = [
    pytest.param(b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", id="a surrogate"),
    pytest.param(b"\xc0\xaf", id="two bytes for one"),
    pytest.param(b"\xe0\x80\xaf", id="three bytes for one"),
    pytest.param(b"\xf4\x90\x80\x80", id="past U+10FFFF"),
    pytest.param(b"\xf8\x88\x80\x80\x80", id="five bytes"),
    pytest.param(b"\x80", id="a tail alone"),
    pytest.param(b"\xfe", id="0xFE"),
    pytest.param(b"\xce", id="cut short"),
]


@pytest.mark.parametrize("payload", INVALID)
async def test_text_that_is_not_utf_8_is_failed_with_1007(payload: bytes) -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(frame(0x81, payload))
        assert await client.closes(1007) == "text message is not UTF-8"


@pytest.mark.parametrize("payload", INVALID[:-1])
async def test_text_is_failed_at_the_fragment_with_the_first_bad_byte(payload: bytes) -> None:
    """The message has not ended when the Close comes."""
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(frame(0x01, "κόσμε".encode()) + b"".join(frame(0x00, bytes((octet,))) for octet in payload))
        assert await client.closes(1007) == "text message is not UTF-8"


async def test_text_that_ends_within_a_character_is_failed_with_1007() -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(frame(0x01, b"a\xce") + frame(0x80, b""))
        await client.closes(1007)


async def test_character_that_is_cut_by_a_fragment_is_put_together() -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(frame(0x01, b"\xf0\x9f") + frame(0x00, b"\x98") + frame(0x80, b"\x80"))
        assert await client.read_frame() == (0x81, "😀".encode())


async def test_close_reason_that_is_not_utf_8_is_failed_with_1007() -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(close_frame(1000, b"\xff\xfe"))
        await client.closes(1007)
