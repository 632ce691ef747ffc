"""
permessage-deflate with bounded memory and bounded expansion.

Windows of 4 KiB both ways where the client allows it, and zlib's memory level 5: some 32 KiB to compress and 12 KiB to
decompress one socket, where zlib's own defaults take 256 KiB and 40 KiB; messages of a few KiB shrink nearly as well.
Messages below SMALL_BYTES stay as they are: their frames would hardly shrink and the time is not won back.
A message is inflated up to its limit and one byte more, never further.

An offer with a parameter that is unknown, doubled or out of range is declined, as is one that would need a window of
256 bytes from our compressor, which zlib cannot make; the client's next offer is looked at, up to MAX_OFFERS.

Source: RFC 7692; the memory figures from zlib's zconf.h.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Final

from ..exceptions import WebSocketProtocolError

WINDOW_BITS: Final = 12
MEMORY_LEVEL: Final = 5
SMALL_BYTES: Final = 96
MAX_OFFERS: Final = 16
MAX_FINAL_BLOCKS: Final = 64
"""
Of one frame. A sender that ends its stream ends it once a message; each further end costs a copy of all that follows,
and half a million of them fit in one frame.
"""
TAIL: Final = b"\x00\x00\xff\xff"
"""RFC 7692 §7.2.1: the end of every compressed message, left out on the wire."""


class InflatedTooFar(Exception):
    """More comes out of a message than there is room for."""


class Deflate:
    """
    Compression of one connection, in both directions. Messages must be compressed in the order in which they are sent.

    Args:
        our_bits, peer_bits: The window of what we send and of what the peer sends, as powers of two.
        our_takeover, peer_takeover: Whether a message may refer to the ones before it.
    """

    __slots__ = ("_compressor", "_decompressor", "_our_bits", "_our_takeover", "_peer_bits", "_peer_takeover")

    def __init__(self, our_bits: int, peer_bits: int, our_takeover: bool, peer_takeover: bool) -> None:
        self._our_bits = our_bits
        self._peer_bits = peer_bits
        self._our_takeover = our_takeover
        self._peer_takeover = peer_takeover
        self._compressor: zlib._Compress | None = None
        self._decompressor: zlib._Decompress | None = None

    def compress(self, payload: bytes) -> bytes:
        """One whole message (RFC 7692 §7.2.1)."""
        compressor = self._compressor
        if compressor is None:
            compressor = zlib.compressobj(wbits=-self._our_bits, memLevel=MEMORY_LEVEL)
            if self._our_takeover:
                self._compressor = compressor
        return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[: -len(TAIL)]

    def decompress(self, payload: memoryview | bytes, final: bool, room_bytes: int) -> bytes:
        """
        The next frame of a message (RFC 7692 §7.2.2).

        Raises:
            InflatedTooFar: If more than `room_bytes` come out.
            WebSocketProtocolError: 1007 if it is no deflate data.
        """
        try:
            inflated = self._inflate(payload, room_bytes)
            if final:
                inflated += self._inflate(TAIL, room_bytes - len(inflated))
        except zlib.error:
            raise WebSocketProtocolError("compressed message does not inflate", 1007) from None
        if final and not self._peer_takeover:
            self._decompressor = None
        return inflated

    def _inflate(self, payload: memoryview | bytes, room_bytes: int) -> bytes:
        if self._decompressor is None:
            self._decompressor = zlib.decompressobj(wbits=-self._peer_bits)
        inflated = self._decompressor.decompress(payload, room_bytes + 1)
        finals = 0
        while self._decompressor.eof and len(inflated) <= room_bytes:
            # RFC 7692 §7.2.3.4: a block with BFINAL may end zlib's stream, but not the message.
            finals += 1
            if finals > MAX_FINAL_BLOCKS:
                raise WebSocketProtocolError(f"frame with more than {MAX_FINAL_BLOCKS} final deflate blocks", 1002)
            rest = self._decompressor.unused_data
            self._decompressor = zlib.decompressobj(wbits=-self._peer_bits)
            if rest:
                inflated += self._decompressor.decompress(rest, room_bytes + 1 - len(inflated))
        if len(inflated) > room_bytes or self._decompressor.unconsumed_tail:
            raise InflatedTooFar
        return inflated


def negotiate(offers: Sequence[bytes]) -> tuple[bytes, Deflate] | None:
    """
    Take the first acceptable offer (RFC 7692 §5.1, §7.1).

    Args:
        offers: The values of Sec-WebSocket-Extensions as they came.

    Returns:
        Our Sec-WebSocket-Extensions and the compression, or `None` if every offer is declined.
    """
    for count, offer in enumerate(_split(b",".join(offers), b",")):
        if count >= MAX_OFFERS:
            return None
        accepted = _accept(offer)
        if accepted is not None:
            return accepted
    return None


def _accept(offer: bytes) -> tuple[bytes, Deflate] | None:
    name, *pairs = (part.strip(b" \t") for part in _split(offer, b";"))
    if name.lower() != b"permessage-deflate":
        return None
    parameters: dict[bytes, bytes | None] = {}
    for pair in pairs:
        key, equals, value = pair.partition(b"=")
        key = key.strip(b" \t").lower()
        if key in parameters:
            return None
        parameters[key] = _unquoted(value.strip(b" \t")) if equals else None

    answer = [b"permessage-deflate"]
    our_bits, peer_bits = WINDOW_BITS, 15
    takeover = {b"server_no_context_takeover": True, b"client_no_context_takeover": True}
    for key, given in parameters.items():
        if key in takeover:
            if given is not None:
                return None
            takeover[key] = False
            answer.append(key)
        elif key == b"server_max_window_bits":
            if given is None or given not in _BITS or given == b"8":
                return None
            our_bits = min(our_bits, int(given))
            # RFC 7692 §7.1.2.1 lets an answer name our window unasked, and Go's nhooyr.io/websocket refuses such a one;
            # a client that did not ask inflates any window.
            answer.append(b"server_max_window_bits=%d" % our_bits)
        elif key == b"client_max_window_bits":
            if given is not None and given not in _BITS:
                return None
            peer_bits = min(WINDOW_BITS, int(given or b"15"))
            answer.append(b"client_max_window_bits=%d" % peer_bits)
        else:
            return None
    return b"; ".join(answer), Deflate(our_bits, peer_bits, *takeover.values())


_BITS: Final = frozenset(str(bits).encode() for bits in range(8, 16))


def _unquoted(value: bytes) -> bytes:
    if len(value) >= 2 and value[:1] == value[-1:] == b'"':
        return value[1:-1]
    return value


def _split(value: bytes, separator: bytes) -> Iterator[bytes]:
    """Split at a separator, leaving quoted strings alone; RFC 9110 §5.6.4."""
    if b'"' not in value:
        yield from value.split(separator)
        return
    part = bytearray()
    quoted = escaped = False
    for octet in value:
        if escaped:
            escaped = False
        elif quoted and octet == 0x5C:
            escaped = True
        elif octet == 0x22:
            quoted = not quoted
        elif octet == separator[0] and not quoted:
            yield bytes(part)
            part.clear()
            continue
        part.append(octet)
    yield bytes(part)
