"""
The guarded decoder: whatever a peer sends, a value of the type or `InvalidMessage`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from ..exceptions import InvalidMessage
from ..types import Data
from .fault import fault
from .wire_format import WireFormat

DECODE_FAULTS: Final = (msgspec.DecodeError, ValueError, RecursionError)
"""msgspec's own; `UnicodeDecodeError` and pydantic's, which are `ValueError`s; nesting past the interpreter's limit."""


def guard_decoder(codec: WireFormat, tp: object, read: Callable[[Data], object]) -> Callable[[Data], object]:
    """
    Wrap a codec's reader so that a bad message raises `InvalidMessage`.

    What an application's own code raises while it decodes (a validator's bug) passes through.

    Args:
        codec: For the errors; one that travels in binary frames refuses text with 1003 (RFC 6455 §7.4.1).
        tp: The incoming type.
        read: Decodes, without translating errors.
    """

    def decode(data: Data) -> object:
        try:
            return read(data)
        except DECODE_FAULTS as error:
            raise fault(error, codec, tp, data) from None
        except TypeError:
            if isinstance(data, str) and not codec.text:
                raise wrong_kind(codec) from None
            raise

    return decode


def guard_frame_decoder(codec: WireFormat, tp: object, read: Callable[[Data], object]) -> Callable[[Data], object]:
    """As `guard_decoder`, for a socket, where the other kind of frame is refused; one call, as each message pays it."""
    kind = str if codec.text else bytes

    def decode(data: Data) -> object:
        if type(data) is not kind:
            raise wrong_kind(codec)
        try:
            return read(data)
        except DECODE_FAULTS as error:
            raise fault(error, codec, tp, data) from None

    return decode


def wrong_kind(codec: WireFormat) -> InvalidMessage:
    """For a message that came in the other kind of frame than its codec's (RFC 6455 §7.4.1)."""
    expected, got = ("text", "binary") if codec.text else ("binary", "text")
    return InvalidMessage(f"$: expected a {expected} message, got {got}", expected=expected, got=got, code=1003)
