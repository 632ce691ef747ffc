"""
The two types of one WebSocket, `WebSocket[In, Out]`, and the codec that the client chose for them.

The route's first codec is spoken unless the client offers the subprotocol of another that the route allows. `str`,
`bytes` and `str | bytes` are raw: they travel as they are, in the frame of their kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..exceptions import EncodeError, InvalidMessage
from ..types import Data
from .codec import Codec
from .json import JSON

RAW = (str, bytes, str | bytes)


class MessageTypes:
    """
    Decoder and encoder of one route in one codec; built on start-up, shared by its connections.

    Attributes:
        incoming, outgoing: The annotations.
        codec: What is spoken.
        text: Whether `encode` gives a text message.
        decode: A message as it came → a value of `incoming`, or `InvalidMessage`.
        encode: A value of `outgoing` → what to send, or `EncodeError`.
    """

    __slots__ = ("_choices", "_others", "codec", "decode", "encode", "incoming", "outgoing", "text")

    def __init__(self, incoming: Any, outgoing: Any, codecs: Sequence[Codec] = (JSON,)) -> None:
        codec = codecs[0]
        self.incoming = incoming
        self.outgoing = outgoing
        self.codec = codec
        self.decode: Callable[[Data], Any] = _decode(codec, incoming)
        self.encode: Callable[[Any], str | bytes] = _encode(codec, outgoing)
        self.text = codec.text if outgoing not in RAW else outgoing is str
        self._others = tuple(MessageTypes(incoming, outgoing, (other,)) for other in codecs[1:])
        raw = incoming in RAW and outgoing in RAW
        self._choices = {types.codec.subprotocol: types for types in (self, *self._others)} if not raw else {}

    @property
    def codecs(self) -> list[Codec]:
        """All that the route allows, the default first."""
        return [self.codec, *(other.codec for other in self._others)]

    def negotiate(self, subprotocol: str | None, offered: Sequence[str]) -> str | None:
        """The subprotocol to answer with: the handler's own choice, else that of a codec that the client offers."""
        if subprotocol is not None:
            return subprotocol
        return next((name for name in offered if name in self._choices), None)

    def chosen(self, subprotocol: str | None) -> MessageTypes:
        """The same types in the codec of a subprotocol."""
        return self._choices.get(subprotocol, self) if subprotocol is not None else self


def _decode(codec: Codec, incoming: Any) -> Callable[[Data], Any]:
    if incoming == str | bytes:
        return _as_it_is
    if incoming is str:
        return _text
    if incoming is bytes:
        return _binary
    return codec.frame_decoder(incoming)


def _encode(codec: Codec, outgoing: Any) -> Callable[[Any], str | bytes]:
    if outgoing in RAW:
        kinds = (str, bytes) if outgoing == str | bytes else (outgoing,)

        def raw(value: Any) -> str | bytes:
            if not isinstance(value, kinds):
                wanted = " or ".join(kind.__name__ for kind in kinds)
                raise EncodeError(f"this WebSocket sends {wanted}, got {type(value).__name__}")
            return value

        return raw
    return codec.encoder(outgoing)


def _as_it_is(message: Data) -> Data:
    return message


def _text(message: Data) -> str:
    if isinstance(message, str):
        return message
    raise InvalidMessage("$: expected a text message, got binary", expected="text", got="binary", code=1003)


def _binary(message: Data) -> bytes:
    if isinstance(message, bytes):
        return message
    raise InvalidMessage("$: expected a binary message, got text", expected="binary", got="text", code=1003)
