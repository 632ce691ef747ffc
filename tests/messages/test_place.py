"""Which types may stand at a place of a message."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

import msgspec
import pytest

from apistar.messages.place import at


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
        (TaggedRow, "$[1]", (Colour,)),
        (TaggedRow, "$[2]", (int,)),
        (Line, "key of $", ()),
        (Any, "$.anything[1]", ()),
    ],
    ids=str,
)
def test_types_at_a_place_are_those_of_the_field_or_item_there(tp: object, path: str, types: tuple[type, ...]) -> None:
    assert at(tp, path) == types
