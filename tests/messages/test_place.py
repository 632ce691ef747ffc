"""Which types may stand at a place of a message."""

from __future__ import annotations

import enum
import re
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import pytest

from apistar.exceptions import InvalidMessage
from apistar.messages import JSON
from apistar.messages.place import at

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"


class Line(msgspec.Struct):
    colours: list[Colour]
    width: int | None = msgspec.field(name="theWidth", default=None)


class Row(msgspec.Struct, array_like=True):
    colour: Colour
    width: int


class Point(NamedTuple):
    x: int
    y: float


class TaggedRow(msgspec.Struct, array_like=True, tag="row"):
    colour: Colour
    width: int


class TaggedColumn(msgspec.Struct, array_like=True, tag="column"):
    width: int


class Pair(msgspec.Struct, Generic[T], array_like=True):
    colour: Colour
    value: T


class NamedPair(NamedTuple, Generic[T]):
    colour: Colour
    value: T


@pytest.mark.parametrize(
    ("tp", "path", "types"),
    [
        (Line, "$", (Line,)),
        (Line, "$.theWidth", (int, type(None))),
        (Line, "$.width", ()),
        (Line, "$.colours[3]", (Colour,)),
        (Line | list[str], "$[0]", (str,)),
        (dict[str, Line], "$[...].colours[...]", (Colour,)),
        (tuple[int, Line], "$[1].theWidth", (int, type(None))),
        (Row, "$[0]", (Colour,)),
        (Point, "$[1]", (float,)),
        (TaggedRow, "$[0]", (None,)),
        (TaggedRow, "$[1]", (Colour,)),
        (TaggedRow, "$[2]", (int,)),
        (Pair[int], "$[0]", (Colour,)),
        (Pair[int], "$[1]", (int,)),
        (NamedPair[int], "$[0]", (Colour,)),
        (Row, "$[...]", ()),
        (Line, "key of $", ()),
        (Any, "$.anything[1]", ()),
    ],
    ids=str,
)
def test_types_at_a_place_are_those_of_the_field_or_item_there(tp: object, path: str, types: tuple[type, ...]) -> None:
    assert at(tp, path) == types


@pytest.mark.parametrize(
    ("tp", "data", "says"),
    [
        (TaggedRow | TaggedColumn, b'["x", 1]', "$[0]: unknown tag 'x'; expected 'row' or 'column'"),
        (TaggedRow, b'["x", "red", 1]', "$[0]: unknown tag 'x'; expected 'row'"),
        (TaggedRow, b'["row", "x", 1]', "$[1]: invalid value 'x'; expected 'red'"),
        (Pair[int], b'["x", 1]', "$[0]: invalid value 'x'; expected 'red'"),
    ],
    ids=str,
)
def test_error_in_an_array_says_what_would_have_been_right_there(tp: object, data: bytes, says: str) -> None:
    with pytest.raises(InvalidMessage, match=re.escape(says)):
        JSON.decoder(tp)(data)
