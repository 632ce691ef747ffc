"""
RFC 7692 (permessage-deflate) in bytes: negotiation, compression and decompression, and what breaks them.
"""

from __future__ import annotations

import zlib

import pytest

from apistar.limits import Limits
from tests.transports.wire import ZERO_MASK, Client, echo, frame, serving

COMPRESSED = Limits(compression=True)
HELLO = b"\xf2\x48\xcd\xc9\xc9\x07\x00"
"""§7.2.3.1: "Hello" in one block."""


class Codec:
    """A peer's compressor and decompressor."""

    def __init__(self, their_bits: int = 12, our_bits: int = 12, takeover: bool = True) -> None:
        self.their_bits = their_bits
        self.our_bits = our_bits
        self.takeover = takeover
        self._renew()

    def _renew(self) -> None:
        self.deflate = zlib.compressobj(wbits=-self.our_bits)
        self.inflate = zlib.decompressobj(wbits=-self.their_bits)

    def compress(self, data: bytes) -> bytes:
        out = (self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
        if not self.takeover:
            self.deflate = zlib.compressobj(wbits=-self.our_bits)
        return out

    def decompress(self, data: bytes) -> bytes:
        out = self.inflate.decompress(data + b"\0\0\xff\xff")
        if not self.takeover:
            self.inflate = zlib.decompressobj(wbits=-self.their_bits)
        return out


async def agreed(client: Client) -> dict[str, str | None] | None:
    """The parameters of the server's answer, `None` for no extension."""
    head = (await client.read_head()).decode()
    assert head.startswith("HTTP/1.1 101 ")
    lines = [line for line in head.split("\r\n") if line.lower().startswith("sec-websocket-extensions:")]
    if not lines:
        return None
    name, *parameters = (part.strip() for part in lines[0].partition(":")[2].split(";"))
    assert name == "permessage-deflate"
    return {key: value or None for key, _, value in (parameter.partition("=") for parameter in parameters)}


def offer(parameters: str = "") -> bytes:
    return b"Sec-WebSocket-Extensions: permessage-deflate" + parameters.encode()


# 5.1, 7.1 Negotiation


@pytest.mark.parametrize(
    ("parameters", "answer"),
    [
        ("", {}),
        ("; server_max_window_bits=9", {"server_max_window_bits": "9"}),
        ("; server_max_window_bits=15", {"server_max_window_bits": "12"}),
        ('; server_max_window_bits="10"', {"server_max_window_bits": "10"}),
        ("; client_max_window_bits", {"client_max_window_bits": "12"}),
        ("; client_max_window_bits=8", {"client_max_window_bits": "8"}),
        ("; client_max_window_bits=15", {"client_max_window_bits": "12"}),
        ("; server_no_context_takeover", {"server_no_context_takeover": None}),
        ("; client_no_context_takeover", {"client_no_context_takeover": None}),
        (
            "; client_max_window_bits; server_max_window_bits=11"
            "; client_no_context_takeover; server_no_context_takeover",
            {
                "client_max_window_bits": "12",
                "server_max_window_bits": "11",
                "client_no_context_takeover": None,
                "server_no_context_takeover": None,
            },
        ),
        ("; server_max_window_bits=8", None),
        ("; server_max_window_bits=7", None),
        ("; server_max_window_bits=16", None),
        ("; server_max_window_bits", None),
        ("; client_max_window_bits=7", None),
        ("; client_max_window_bits=09", None),
        ("; server_no_context_takeover=1", None),
        ("; server_no_context_takeover; server_no_context_takeover", None),
        ("; mystery", None),
        ("; server_max_window_bits=8, permessage-deflate", {}),
        ("; mystery=1, x-other, permessage-deflate; server_max_window_bits=10", {"server_max_window_bits": "10"}),
    ],
)
async def test_offer_is_answered_with_what_was_agreed(parameters: str, answer: dict[str, str | None] | None) -> None:
    """A window that the client did not ask for is not named: some clients refuse an answer that names it."""
    async with serving(COMPRESSED, handler=echo) as server:
        assert await agreed(await server.client(offer(parameters))) == answer


async def test_offers_of_several_lines_are_one_list() -> None:
    async with serving(COMPRESSED, handler=echo) as server:
        client = await server.client(offer("; mystery"), offer("; server_max_window_bits=9"))
        assert await agreed(client) == {"server_max_window_bits": "9"}


# 6, 7.2 What goes over the wire


@pytest.mark.parametrize("bits", range(9, 16))
@pytest.mark.parametrize("takeover", [True, False])
async def test_messages_of_every_window_come_back(bits: int, takeover: bool) -> None:
    parameters = f"; server_max_window_bits={bits}; client_max_window_bits={bits}"
    if not takeover:
        parameters += "; server_no_context_takeover; client_no_context_takeover"
    async with serving(COMPRESSED, handler=echo) as server:
        client = await server.client(offer(parameters))
        given = await agreed(client)
        assert given is not None
        codec = Codec(int(given["server_max_window_bits"] or 0), int(given["client_max_window_bits"] or 0), takeover)
        sizes = []
        for _ in range(3):
            payload = bytes(range(128))
            client.send(frame(0xC2, codec.compress(payload)))
            first, answer = await client.read_frame()
            assert first == 0xC2
            assert codec.decompress(answer) == payload
            sizes.append(len(answer))
        assert (sizes[1] < sizes[0] // 2) is takeover, "only a kept context makes the second one shorter"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(frame(0xC1, HELLO), id="7.2.3.1: one block"),
        pytest.param(frame(0x41, HELLO[:3]) + frame(0x80, HELLO[3:]), id="7.2.3.1: in two fragments"),
        pytest.param(b"".join([frame(0x41), *(frame(0x00, bytes((o,))) for o in HELLO), frame(0x80)]), id="by bytes"),
        pytest.param(frame(0xC1, b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), id="7.2.3.3: not compressed"),
        pytest.param(frame(0xC1, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), id="7.2.3.4: a final block"),
        pytest.param(frame(0xC1, b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), id="7.2.3.5: two blocks"),
        pytest.param(frame(0x81, b"Hello"), id="6: not compressed at all"),
    ],
)
async def test_message_of_the_rfc_is_hello(sent: bytes) -> None:
    """Short ones go back as they are."""
    async with serving(COMPRESSED, handler=echo) as server:
        client = await server.open(offer())
        client.send(sent)
        assert await client.read_frame() == (0x81, b"Hello")


async def test_second_hello_may_refer_to_the_first() -> None:
    """§7.2.3.2."""
    async with serving(COMPRESSED, handler=echo) as server:
        client = await server.open(offer())
        client.send(frame(0xC1, HELLO) + frame(0xC1, b"\xf2\x00\x11\x00\x00"))
        assert [await client.read_frame() for _ in range(2)] == [(0x81, b"Hello")] * 2


async def test_second_hello_without_context_takeover_may_not() -> None:
    async with serving(COMPRESSED, handler=echo) as server:
        client = await server.open(offer("; client_no_context_takeover"))
        client.send(frame(0xC1, HELLO) + frame(0xC1, b"\xf2\x00\x11\x00\x00"))
        assert await client.read_frame() == (0x81, b"Hello")
        await client.closes(1007)


async def test_context_is_kept_over_messages_in_fragments_and_plain_ones_between() -> None:
    async with serving(COMPRESSED, handler=echo) as server:
        client = await server.open(offer())
        codec = Codec()
        for number in range(5):
            data = codec.compress(b"the same words again and again, number %d" % number)
            client.send(frame(0x42, data[:4]) + frame(0x89, b"ping") + frame(0x00, data[4:5]) + frame(0x80, data[5:]))
            assert await client.read_frame() == (0x8A, b"ping")
            assert await client.read_frame() == (0x82, b"the same words again and again, number %d" % number)
            client.send(frame(0x82, b"plain"))
            assert await client.read_frame() == (0x82, b"plain")


async def test_empty_message_may_be_compressed() -> None:
    async with serving(COMPRESSED, handler=echo) as server:
        client = await server.open(offer())
        client.send(frame(0xC1, b"\x00") + frame(0xC2, b"\x02\x00"))
        assert [await client.read_frame() for _ in range(2)] == [(0x81, b""), (0x82, b"")]


# 6.1, 7.2.1, 8 What breaks it


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(frame(0xC9, HELLO), 1002, id="6.1: compressed ping"),
        pytest.param(frame(0xCA, HELLO), 1002, id="6.1: compressed pong"),
        pytest.param(frame(0xC8), 1002, id="6.1: compressed close"),
        pytest.param(frame(0x41, HELLO[:3]) + frame(0xC0, HELLO[3:]), 1002, id="6.1: RSV1 on a continuation"),
        pytest.param(frame(0x01, b"He") + frame(0xC0, HELLO), 1002, id="6.1: RSV1 on the second fragment alone"),
        pytest.param(frame(0xE1, HELLO), 1002, id="RSV2 beside RSV1"),
        pytest.param(frame(0xD1, HELLO), 1002, id="RSV3 beside RSV1"),
        pytest.param(frame(0xA1, b"a"), 1002, id="RSV2 alone"),
        pytest.param(frame(0xC1, b"\xff\xff\xff\xff"), 1007, id="no deflate data"),
        pytest.param(frame(0xC1, b"\xf2\x00\x11\x00\x00"), 1007, id="refers to what never was"),
        pytest.param(frame(0xC1, b"\x06"), 1007, id="a block type that is reserved"),
        pytest.param(frame(0xC1, Codec().compress(b"\xff\xfe")), 1007, id="text that is not UTF-8"),
        pytest.param(frame(0x41, Codec().compress(b"ok \xff")), 1007, id="at the fragment with the bad byte"),
        pytest.param(frame(0xC2, Codec().compress(bytes(1024 * 1024 + 1))), 1009, id="8: inflates too far"),
        pytest.param(frame(0xC2, b"\x03\x00" * 65, ZERO_MASK), 1002, id="more ends than any sender makes"),
    ],
)
async def test_client_that_breaks_compression_gets_the_right_code(sent: bytes, code: int) -> None:
    async with serving(COMPRESSED, handler=echo) as server:
        client = await server.open(offer())
        client.send(sent)
        await client.closes(code)


async def test_small_messages_are_left_alone_and_large_ones_are_not() -> None:
    async with serving(COMPRESSED, handler=echo) as server:
        client = await server.open(offer())
        for size, first in ((1, 0x82), (95, 0x82), (96, 0xC2), (5000, 0xC2)):
            client.send(frame(0x82, b"x" * size))
            assert (await client.read_frame())[0] == first
