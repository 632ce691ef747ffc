"""
Path parameters by annotation: `str`, `int`, `float`, `bool`, `UUID`, `date`, `datetime`, an `Enum`, a `Literal`, and
any of these with constraints (`Annotated[int, msgspec.Meta(ge=1)]`).

A value is taken in its canonical spelling only: no `+3`, no `1_000`, no spaces, no `nan`. One that does not convert
is no match.
"""

from __future__ import annotations

import datetime
import enum
import math
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeAlias, get_origin

import msgspec

from ..annotations import optional_of
from ..exceptions import RouteConfigurationError
from ..messages.spelling import strip

Converter: TypeAlias = Callable[[str], Any]

NO_MATCH: Final = object()
"""What a converter gives for a value that is not of its type."""

_TYPES = (str, int, float, bool, uuid.UUID, datetime.datetime, datetime.date, enum.Enum)


def converter_of(annotation: Any, name: str, url: str) -> Converter | None:
    """
    The converter for a parameter, or `None` where the text is the value.

    Raises:
        RouteConfigurationError: If the annotation is none that a path can carry.
    """
    plain = _plain(annotation)
    if plain is str and get_origin(annotation) is not Annotated:
        return None
    known = get_origin(plain) is Literal or (isinstance(plain, type) and issubclass(plain, _TYPES))
    if not known:
        raise RouteConfigurationError(
            f"URL {url!r}: parameter {name!r} is annotated as {annotation!r}; a path parameter is a str, int, float, "
            "bool, UUID, date, datetime, an Enum or a Literal"
        )
    finite = plain is float
    canonical = plain is int

    def convert(text: str) -> Any:
        try:
            value = msgspec.convert(text, annotation, strict=False)
        except (msgspec.ValidationError, ValueError):
            return NO_MATCH
        if (finite and not math.isfinite(value)) or (canonical and str(value) != text):
            return NO_MATCH
        return value

    return convert


def _plain(annotation: Any) -> Any:
    plain = strip(annotation)
    inner = optional_of(plain)
    return plain if inner is None else _plain(inner)
