"""
What a handler returns becomes a response, by its return annotation.

The encoder is built with the application, so that a type that JSON cannot carry is found on start-up; afterwards a
value of another type is an `EncodeError`, which the client sees as a 500. A `Response` passes as it is, whatever was
announced, and a handler without a return annotation may return anything that can be encoded.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable
from typing import Any

from starlette.responses import Response

from ..annotations import union_of
from ..exceptions import EncodeError, UnsupportedType
from ..messages.json import JSON
from ..messages.outgoing import instance_classes
from ..messages.spelling import members, spell, strip
from .responses import JSONResponse, response_of

_AS_THEY_ARE = (None, type(None), str, bytes)
_ANYTHING = (Any, object, typing.NoReturn, typing.Never, Iterable)
"""Nothing is checked that says nothing; an `Iterable` is mostly a list."""


def responder(annotation: object) -> Callable[[Any], Response]:
    """
    Build what makes a response of a returned value.

    Args:
        annotation: Of the handler; `Any` where it has none.

    Raises:
        UnsupportedType: If JSON cannot carry the type.
    """
    plain = [member for member in members(annotation) if not is_response(member)]
    checked = [member for member in plain if strip(member) not in _AS_THEY_ARE]
    if not checked or any((typing.get_origin(strip(member)) or strip(member)) in _ANYTHING for member in checked):
        return response_of
    encode = _encoder(checked)

    def respond(value: Any) -> Response:
        if value is None or isinstance(value, Response | str | bytes):
            return response_of(value)
        return _EncodedResponse(encode(value))

    return respond


def is_response(tp: object) -> bool:
    """Whether a type is a response, which passes as it is."""
    bare = strip(tp)
    return isinstance(bare, type) and issubclass(bare, Response)


def _encoder(types: list[object]) -> Callable[[Any], bytes]:
    """One encoder for all; one for each where nothing tells them apart, since nobody has to decode them here."""
    try:
        return JSON.encoder(union_of(types))
    except UnsupportedType:
        if len(types) == 1:
            raise
    encoders = [(instance_classes(tp), JSON.encoder(tp)) for tp in types]

    def encode(value: Any) -> bytes:
        for classes, encode_one in encoders:
            if classes is None or isinstance(value, classes):
                return encode_one(value)
        wanted = " | ".join(map(spell, types))
        raise EncodeError(f"cannot return a value of type {spell(type(value))}: the handler returns {wanted}")

    return encode


class _EncodedResponse(JSONResponse):
    """A value that was encoded before."""

    def render(self, content: Any) -> bytes:
        encoded: bytes = content
        return encoded
