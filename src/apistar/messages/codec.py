"""
The contract of a codec: how typed values become bytes and bytes become typed values.

A codec names itself, says which kind of frame it travels in, and gives two functions per type. Both are built once,
on start-up, where a type that cannot be decoded is refused; what they do afterwards depends on nothing but their input.

- A decoder takes one whole message and answers a value of the type, or raises `InvalidMessage`.
- An encoder takes a value and answers bytes; a value that is not of the type raises `EncodeError` before that.

A further codec is one small class: derive from `Codec`, say what it is called and how it travels, give `reader()` and
`writer()`; then `Route(…, codecs=["json", Mine()])`. This room knows no socket.

Sources: RFC 6455 §5.6 (text and binary), RFC 8259 (JSON), the MessagePack specification.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import _lru_cache_wrapper, lru_cache
from typing import TypeAlias, TypeVar, overload

from ..types import Data
from . import models
from .exact import proofs
from .incoming import guard_decoder, guard_frame_decoder
from .outgoing import NOTHING_PROVEN, guard_encoder
from .unsupported import guard_type
from .wire_format import WireFormat

T = TypeVar("T")
R = TypeVar("R")
Decoder: TypeAlias = Callable[[Data], T]
Encoder: TypeAlias = Callable[[T], bytes]


class Codec(WireFormat):
    """One way to put typed values on the wire, and the functions that do it for one type."""

    @overload
    def decoder(self, tp: type[T]) -> Decoder[T]: ...
    @overload
    def decoder(self, tp: object) -> Decoder[object]: ...
    def decoder(self, tp: object) -> Decoder[object]:
        """
        Build the function that decodes messages of one type. Start-up work: tens of microseconds.

        Raises:
            UnsupportedType: If no decoder can be built; the text says how to mend the type.
        """
        return _shared(_decoder, self, tp)

    def frame_decoder(self, tp: object) -> Decoder[object]:
        """As `decoder()`, for messages of a socket: one that came in the other kind of frame is refused with 1003."""
        return _shared(_frame_decoder, self, tp)

    @overload
    def encoder(self, tp: type[T]) -> Encoder[T]: ...
    @overload
    def encoder(self, tp: object) -> Encoder[object]: ...
    def encoder(self, tp: object) -> Encoder[object]:
        """
        Build the function that encodes values of one type.

        The whole value is checked, fields and constraints included, by decoding what was encoded. Scalars, enums and
        pydantic models need no more than a look at their class.

        Raises:
            UnsupportedType: If the peer could not decode the type.
        """
        return _shared(_encoder, self, tp)


@lru_cache(maxsize=1024, typed=True)
def _decoder(codec: Codec, tp: object) -> Decoder[object]:
    guard_type(tp)
    return guard_decoder(codec, tp, models.reader(codec, tp) or codec.reader(tp))


@lru_cache(maxsize=1024, typed=True)
def _frame_decoder(codec: Codec, tp: object) -> Decoder[object]:
    guard_type(tp)
    return guard_frame_decoder(codec, tp, models.reader(codec, tp) or codec.reader(tp))


@lru_cache(maxsize=1024, typed=True)
def _encoder(codec: Codec, tp: object) -> Encoder[object]:
    guard_type(tp)
    write = models.writer(codec, tp)
    if write is not None:
        return guard_encoder(tp, write, None)
    proven = proofs(tp) if codec.keeps_scalars else NOTHING_PROVEN
    return guard_encoder(tp, codec.writer(), guard_decoder(codec, tp, codec.checker(tp)), proven)


def _shared(build: _lru_cache_wrapper[R], codec: Codec, tp: object) -> R:
    """Build, or share what was built for the type before: a thousand routes have few types."""
    try:
        hash(tp)
    except TypeError:  # `Annotated` with metadata that has no hash
        return build.__wrapped__(codec, tp)
    return build(codec, tp)
