"""
RFC 6455 section 5 in bytes: framing, masking, fragmentation, control frames and data frames, against an echo.

Masks are zero where the payload is to be read; the byte before the payload length is FIN, reserved bits and opcode.
"""

from __future__ import annotations

import pytest

from apistar.limits import Limits
from tests.transports.wire import echo, frame, serving

ZERO = b"\x00\x00\x00\x00"


async def test_server_answers_the_rfcs_own_masked_hello() -> None:
    """§5.7: a single-frame masked text message, and its unmasked answer."""
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")
        assert await client.reader.readexactly(7) == b"\x81\x05\x48\x65\x6c\x6c\x6f"


async def fails(sent: bytes, code: int, limits: Limits | None = None) -> str:
    """The server closes with this code and a clean end of TCP, whatever else is sent; the reason."""
    async with serving(limits, handler=echo) as server:
        client = await server.open()
        client.send(sent)
        return await client.closes(code)


# 5.1 Overview


async def test_client_that_does_not_mask_is_failed_with_1002() -> None:
    assert "un-masked" in await fails(b"\x81\x05Hello", 1002)


async def test_client_that_masks_only_its_second_frame_wrong_gets_the_first_answer() -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(b"\x82\x81" + ZERO + b"a" + b"\x82\x01b")
        assert await client.read_frame() == (0x82, b"a")
        await client.closes(1002)


# 5.2 Base framing protocol


@pytest.mark.parametrize("bits", [0x40, 0x20, 0x10, 0x70])
@pytest.mark.parametrize("opcode", [0x1, 0x2, 0x8, 0x9, 0xA])
async def test_client_that_sets_reserved_bits_is_failed_with_1002(bits: int, opcode: int) -> None:
    assert "reserved" in await fails(bytes((0x80 | bits | opcode, 0x80)) + ZERO, 1002)


@pytest.mark.parametrize("opcode", [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF])
async def test_client_that_uses_an_unknown_opcode_is_failed_with_1002(opcode: int) -> None:
    assert "opcode" in await fails(bytes((0x80 | opcode, 0x80)) + ZERO, 1002)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 1024, 1025, 8192, 8193, 65535, 65536, 300_000])
@pytest.mark.parametrize("opcode", [0x81, 0x82])
async def test_message_of_every_length_form_comes_back(opcode: int, size: int) -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(frame(opcode, b"x" * size))
        assert await client.read_frame() == (opcode, b"x" * size)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"\x82\xfe\x00\x7d", id="125 in 16 bits"),
        pytest.param(b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff", id="65535 in 64 bits"),
        pytest.param(b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00", id="2^63"),
        pytest.param(b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", id="2^64 - 1"),
    ],
)
async def test_length_that_is_not_in_its_shortest_form_or_too_long_for_it_is_failed_with_1002(header: bytes) -> None:
    await fails(header + ZERO, 1002)


async def test_frame_that_declares_2_to_the_62_is_failed_at_its_header_with_1009() -> None:
    reason = await fails(b"\x82\xff\x40\x00\x00\x00\x00\x00\x00\x00", 1009)
    assert reason == "message exceeds max_message_bytes of 1048576"


async def test_frame_of_the_limit_is_taken_and_one_byte_more_is_failed_with_1009() -> None:
    limits = Limits(max_message_bytes=1000)
    async with serving(limits, handler=echo) as server:
        client = await server.open()
        client.send(frame(0x82, b"x" * 1000))
        assert await client.read_frame() == (0x82, b"x" * 1000)
        client.send(frame(0x82, b"x" * 1001))
        assert await client.closes(1009) == "message exceeds max_message_bytes of 1000"


async def test_frame_that_comes_byte_by_byte_is_one_message() -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        for octet in frame(0x81, "Füße".encode()):
            client.send(bytes((octet,)))
            await client.writer.drain()
        assert await client.read_frame() == (0x81, "Füße".encode())


# 5.3 Client-to-server masking


@pytest.mark.parametrize("mask", [b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x01\x02\x03\x04", b"\x00\x00\x00\x80"])
async def test_payload_is_unmasked_at_every_length_around_a_word(mask: bytes) -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        for size in range(70):
            payload = bytes(range(size))
            client.send(frame(0x82, payload, mask))
            assert await client.read_frame() == (0x82, payload)


# 5.4 Fragmentation


async def test_fragments_are_one_message() -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(frame(0x01, b"Hel") + frame(0x00, b"") + frame(0x80, b"lo"))
        assert await client.read_frame() == (0x81, b"Hello")


async def test_control_frames_between_fragments_are_answered_at_once() -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(frame(0x02, b"a") + frame(0x89, b"now"))
        assert await client.read_frame() == (0x8A, b"now")
        client.send(frame(0x80, b"b"))
        assert await client.read_frame() == (0x82, b"ab")


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        (frame(0x80, b"a"), "continuation"),
        (frame(0x00, b"a"), "continuation"),
        (frame(0x01, b"a") + frame(0x81, b"b"), "new message"),
        (frame(0x01, b"a") + frame(0x02, b"b"), "new message"),
        (frame(0x01, b"a") + frame(0x80, b"b") + frame(0x80, b"c"), "continuation"),
    ],
)
async def test_fragments_out_of_order_are_failed_with_1002(sent: bytes, what: str) -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(sent)
        first, payload = await client.read_frame()
        if first == 0x81:
            assert payload == b"ab"
            first, payload = await client.read_frame()
        assert (first, payload[:2]) == (0x88, b"\x03\xea")
        assert what in payload[2:].decode()


async def test_fragments_beyond_the_limit_in_bytes_are_failed_with_1009() -> None:
    assert (
        await fails(frame(0x02, b"x" * 600) + frame(0x00, b"x" * 401), 1009, Limits(max_message_bytes=1000))
        == "message exceeds max_message_bytes of 1000"
    )


async def test_fragments_beyond_the_limit_in_number_are_failed_with_1009() -> None:
    assert (
        await fails(frame(0x02, b"") + frame(0x00, b"") * 10, 1009, Limits(max_fragments=10))
        == "message exceeds max_fragments of 10"
    )


# 5.5 Control frames


@pytest.mark.parametrize("opcode", [0x88, 0x89, 0x8A])
async def test_control_frame_of_126_bytes_is_failed_with_1002(opcode: int) -> None:
    assert "125" in await fails(bytes((opcode, 0xFE, 0x00, 0x7E)) + ZERO + b"x" * 126, 1002)


@pytest.mark.parametrize("opcode", [0x08, 0x09, 0x0A])
async def test_fragmented_control_frame_is_failed_with_1002(opcode: int) -> None:
    assert "fragmented control" in await fails(frame(opcode, b""), 1002)


@pytest.mark.parametrize("size", [0, 1, 125])
async def test_ping_is_answered_with_its_own_payload(size: int) -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(frame(0x89, b"p" * size))
        assert await client.read_frame() == (0x8A, b"p" * size)


async def test_unsolicited_pong_is_ignored() -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(frame(0x8A, b"nobody asked") + frame(0x81, b"hi"))
        assert await client.read_frame() == (0x81, b"hi")


# 5.6 Data frames


async def test_text_and_binary_keep_their_kind_and_their_order() -> None:
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(frame(0x81, b"1") + frame(0x82, b"\xff\x00") + frame(0x81, b"") + frame(0x82, b""))
        assert [await client.read_frame() for _ in range(4)] == [
            (0x81, b"1"),
            (0x82, b"\xff\x00"),
            (0x81, b""),
            (0x82, b""),
        ]


# Two faults in one read


@pytest.mark.parametrize("first", [frame(0x81, b"\xff"), frame(0x80, b"a"), frame(0xC1, b"a"), frame(0x88, b"\x03")])
@pytest.mark.parametrize("second", [b"\x81\x01a", frame(0x83), frame(0x09), b"\x82\xff" + b"\xff" * 8])
async def test_second_fault_behind_the_first_changes_nothing(first: bytes, second: bytes) -> None:
    """The parser reads one frame ahead; what it thinks of it must not be said after our Close."""
    async with serving(handler=echo) as server:
        client = await server.open()
        client.send(frame(0x81, b"1") + frame(0x81, b"2") + first + second)
        assert [await client.read_frame() for _ in range(2)] == [(0x81, b"1"), (0x81, b"2")]
        first_byte, payload = await client.read_frame()
        assert first_byte == 0x88
        assert payload[:2] in (b"\x03\xea", b"\x03\xef")
        await client.read_eof()
