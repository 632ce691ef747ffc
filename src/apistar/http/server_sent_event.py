"""
`ServerSentEvent[T]`: what an async generator yields to be an event stream, and how one looks on the wire.

Data of the type `str` travels as it is, every other type as JSON. The encoder is built with the application.

Source: WHATWG HTML §9.2.5 and §9.2.6 (parsing and interpreting an event stream).
"""

from __future__ import annotations

import collections.abc
import re
import typing
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

import msgspec

from ..annotations import union_of
from ..exceptions import EncodeError, UnsupportedType
from ..messages.json import JSON
from ..messages.spelling import members, spell, strip

T_co = TypeVar("T_co", covariant=True)

_LINE: Final = re.compile("\r\n|\r|\n")


class ServerSentEvent(msgspec.Struct, Generic[T_co], frozen=True):
    """
    One event of a stream.

    Attributes:
        data: What it carries. Without data it is no event for a page: a comment, or an `id` or `retry_ms` alone.
        event: Its type; `message` where there is none. A page listens with `addEventListener(event, …)`.
        id: What a client that comes back sends as `Last-Event-ID`. An empty one makes it forget the one before.
        retry_ms: How long a client waits, in milliseconds, before it comes back.
        comment: What no client interprets.

    Raises:
        EncodeError: If `event` or `id` has a line break, or `id` a NUL, or `retry_ms` is negative.
    """

    data: T_co | msgspec.UnsetType = msgspec.UNSET
    event: str | None = None
    id: str | None = None
    retry_ms: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("event", self.event), ("id", self.id)):
            if value is not None and _LINE.search(value):
                raise EncodeError(f"{name} of a ServerSentEvent has a line break: {value!r}")
        if self.id is not None and "\0" in self.id:
            raise EncodeError(f"id of a ServerSentEvent has a NUL, so that clients would ignore it: {self.id!r}")
        if self.retry_ms is not None and self.retry_ms < 0:
            raise EncodeError(f"retry_ms of a ServerSentEvent is negative: {self.retry_ms}")


Event = ServerSentEvent[Any]
ASYNC_ITERATION: Final = (collections.abc.AsyncIterator, collections.abc.AsyncGenerator, collections.abc.AsyncIterable)


def event_data(returned: object) -> object | None:
    """`data_type()` of what an async generator yields, by its return annotation; `None` for any other annotation."""
    if typing.get_origin(returned) not in ASYNC_ITERATION:
        return None
    return data_type(typing.get_args(returned)[0])


def data_type(item: object) -> object | None:
    """
    The type of the data, where the values of a generator are events; `None` where they are something else.

    Raises:
        UnsupportedType: If some values are events and others are not, or the data cannot be sent.
    """
    found = list(members(item))
    events = [member for member in map(strip, found) if (typing.get_origin(member) or member) is ServerSentEvent]
    if not events:
        return None
    if len(events) < len(found):
        raise UnsupportedType(f"{spell(item)} is an event stream in part; every value is to be a ServerSentEvent")
    data = [member for event in events for member in typing.get_args(event) or (Any,)]
    whole: object = union_of(data)
    if any(strip(member) is bytes for member in members(whole)):
        raise UnsupportedType("an event stream is text and cannot carry bytes; send str, or a type with a bytes field")
    return whole


def event_encoder(data: object) -> Callable[[Event], bytes]:
    """
    Build what makes bytes of an event.

    Args:
        data: The declared type of its data.

    Raises:
        UnsupportedType: If JSON cannot carry that type.
    """
    text_of = _text if strip(data) is str else _json(JSON.encoder(data))

    def encode(event: Event) -> bytes:
        if not isinstance(event, ServerSentEvent):
            raise EncodeError(
                f"cannot send a value of type {spell(type(event))} in an event stream; yield http.ServerSentEvent(…)"
            )
        fields = [("", event.comment), ("event", event.event), ("id", event.id)]
        if event.retry_ms is not None:
            fields.append(("retry", str(event.retry_ms)))
        if event.data is not msgspec.UNSET:
            fields.append(("data", text_of(event.data)))
        lines = "".join(_field(name, value) for name, value in fields if value is not None)
        try:
            return lines.encode() + b"\n"
        except UnicodeEncodeError as error:
            raise EncodeError(f"cannot encode a text: {error.reason}") from None

    return encode


def _field(name: str, value: str) -> str:
    return "".join(f"{name}: {line}\n" for line in _LINE.split(value))


def _json(encode: Callable[[Any], bytes]) -> Callable[[Any], str]:
    return lambda value: encode(value).decode()


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise EncodeError(f"cannot send a value of type {spell(type(value))}: the data of this stream is str")
    return value
