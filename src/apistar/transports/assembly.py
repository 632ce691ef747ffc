"""
One message in the making: fragments, and frames that must be inflated first.

Everything is checked while it arrives: size after decompression, number of fragments, UTF-8 at the first bad byte.
Memory stays near the bytes received, however small the fragments are: there is no object per fragment.

Sources: RFC 6455 §5.4 (fragmentation), §8.1 (UTF-8), RFC 7692 §6.2 and §8 (decompression).
"""

from __future__ import annotations

import codecs
import io

from ..exceptions import WebSocketProtocolError
from ..limits import Limits
from ..types import Data
from .deflate import Deflate, InflatedTooFar

_utf8_decoder = codecs.getincrementaldecoder("utf-8")


class Assembly:
    """
    A message of several frames, or a compressed one.

    Attributes:
        size_bytes: So far, after decompression.
    """

    __slots__ = ("_decoder", "_deflate", "_fragments", "_limits", "_parts", "_text", "size_bytes")

    def __init__(self, text: bool, limits: Limits, deflate: Deflate | None) -> None:
        self._limits = limits
        self._deflate = deflate
        self._fragments = 0
        self.size_bytes = 0
        if text:
            self._decoder = _utf8_decoder()
            self._text: io.StringIO | None = io.StringIO()
        else:
            self._text = None
            self._parts = bytearray()

    def add(self, payload: memoryview | bytes, final: bool) -> None:
        """
        Take the next frame's payload.

        Raises:
            WebSocketProtocolError: 1009 past a limit, 1007 for bytes that are no UTF-8 or do not inflate.
        """
        limits = self._limits
        self._fragments += 1
        if self._fragments > limits.max_fragments:
            raise WebSocketProtocolError(f"message exceeds max_fragments of {limits.max_fragments}", 1009)
        if self._deflate is not None:
            try:
                payload = self._deflate.decompress(payload, final, limits.max_message_bytes - self.size_bytes)
            except InflatedTooFar:
                raise too_big(limits) from None
        self.size_bytes += len(payload)
        if self.size_bytes > limits.max_message_bytes:
            raise too_big(limits)
        if self._text is None:
            self._parts += payload
        else:
            try:
                self._text.write(self._decoder.decode(payload, final))
            except UnicodeDecodeError:
                raise invalid_text() from None

    def message(self) -> Data:
        """The whole, after the final frame."""
        if self._text is None:
            return bytes(self._parts)
        return self._text.getvalue()


def too_big(limits: Limits) -> WebSocketProtocolError:
    return WebSocketProtocolError(f"message exceeds max_message_bytes of {limits.max_message_bytes}", 1009)


def invalid_text() -> WebSocketProtocolError:
    return WebSocketProtocolError("text message is not UTF-8", 1007)
