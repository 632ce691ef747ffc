"""
What a channel carries, from the publisher's value to the bytes on a socket.

A value is encoded once, when it is published: JSON, or as it is for `Channel[str]` and `Channel[bytes]`. A socket that
speaks JSON gets these very bytes. One that chose another codec gets them encoded again, once for all such sockets.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

import msgspec

from ..exceptions import EncodeError
from ..messages import JSON, Codec
from ..transports.transport import Prepared
from .records import MemberJoined, MemberLeft, Position, PresenceEvent, Publication, Published

log: Final = logging.getLogger("apistar.channels")


class Arrival:
    """
    A publication, or a change of presence, on its way to the subscribers of this process.

    Attributes:
        publication: `None` for a change of presence.
        payload: Encoded; empty for a change of presence.
        position: `None` without history.
        presence: What changed, or `None`.
    """

    __slots__ = ("_value", "payload", "position", "presence", "publication")

    def __init__(self, publication: Publication | None, presence: PresenceEvent | None = None) -> None:
        self.publication = publication
        self.payload = b"" if publication is None else publication.payload
        self.position = None if publication is None else publication.position
        self.presence = presence
        self._value: Any = _UNREAD

    def is_after(self, position: Position) -> bool:
        """Whether it came after a position; of another epoch it is older, since a newer one is a loss and told."""
        mine = self.position
        return mine is None or (mine.epoch == position.epoch and mine.offset > position.offset)

    def value(self, decode: Callable[[bytes], Any]) -> Any:
        """The value, decoded once however many ask."""
        if self._value is _UNREAD:
            self._value = decode(self.payload)
        return self._value

    def change(self) -> MemberJoined | MemberLeft:
        """The change of presence, as a socket or a handler gets it."""
        assert self.presence is not None
        kind = MemberJoined if self.presence.joined else MemberLeft
        return kind(self.presence.member)


class PayloadType:
    """
    The type of a channel's publications.

    Attributes:
        annotation: As written in `Channel[…]`.
        encode: A value → payload, or `EncodeError`.
        decode: A payload → value, or `InvalidMessage`.
    """

    def __init__(self, annotation: Any, numbered: bool) -> None:
        self.annotation = annotation
        self._numbered = numbered
        self._wires: dict[Hashable, Wire] = {}
        self.encode: Callable[[Any], bytes]
        self.decode: Callable[[bytes], Any]
        if annotation is str and not numbered:
            self.encode, self.decode = _encoded_text, bytes.decode
        elif annotation is bytes and not numbered:
            self.encode, self.decode = _encoded_bytes, bytes
        else:
            self.encode, self.decode = JSON.encoder(annotation), JSON.decoder(annotation)

    @property
    def outgoing(self) -> Any:
        """What a socket gets, as a type."""
        return _published(self.annotation) if self._numbered else self.annotation

    def wire(self, codec: Codec) -> Wire:
        """The way to sockets that speak a codec."""
        wire = self._wires.get(codec)
        if wire is None:
            wire = self._wires[codec] = self._make_wire(codec)
        return wire

    def _make_wire(self, codec: Codec) -> Wire:
        if self.annotation in (str, bytes) and not self._numbered:
            return Wire(codec, _payload, self.annotation is str)
        write = codec.writer()
        if codec is JSON:
            return Wire(codec, _numbered_json if self._numbered else _payload, codec.text)
        decode = self.decode
        if self._numbered:
            return Wire(codec, lambda arrival: write(Published(arrival.value(decode), arrival.position)), codec.text)
        return Wire(codec, lambda arrival: write(arrival.value(decode)), codec.text)


class Wire:
    """
    How publications of one type travel in one codec.

    Attributes:
        text: Whether they are text messages.
    """

    __slots__ = ("_change", "_message", "text")

    def __init__(self, codec: Codec, message: Callable[[Arrival], bytes], text: bool) -> None:
        self._message = message
        self._change = (codec.writer(), codec.text)
        self.text = text

    def prepare(self, arrivals: Sequence[Arrival]) -> Prepared:
        """The messages of arrivals; one that cannot be read is left out and logged."""
        messages: list[tuple[bytes, bool]] = []
        for arrival in arrivals:
            try:
                if arrival.presence is None:
                    messages.append((self._message(arrival), self.text))
                else:
                    write, text = self._change
                    messages.append((write(arrival.change()), text))
            except Exception:
                log.exception("a publication of %d bytes is not of the channel's type; left out", len(arrival.payload))
        return Prepared(messages)


def _published(annotation: Any) -> Any:
    return Published[annotation]


def _payload(arrival: Arrival) -> bytes:
    return arrival.payload


def _numbered_json(arrival: Arrival) -> bytes:
    return _encode_json(Published(msgspec.Raw(arrival.payload), arrival.position))


def _encoded_text(value: Any) -> bytes:
    if not isinstance(value, str):
        raise _wrong(value, "str")
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise EncodeError(f"cannot encode a value of type str: {error}") from error


def _encoded_bytes(value: Any) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise _wrong(value, "bytes")
    return bytes(value)


def _wrong(value: object, wanted: str) -> EncodeError:
    return EncodeError(f"this channel carries {wanted}, got {type(value).__name__}")


_UNREAD: Final = object()
_encode_json: Final = msgspec.json.Encoder().encode
