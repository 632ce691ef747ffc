"""
What msgspec leaves out of a schema: mappings whose keys are more than text, and times.
"""

from __future__ import annotations

import dataclasses
import enum
from datetime import date, datetime, time
from decimal import Decimal
from types import FunctionType
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import msgspec
import pytest
from jsonschema import Draft202012Validator

from apistar.exceptions import InvalidMessage
from apistar.messages import JSON
from apistar.messages.description import describe


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Count(msgspec.Struct, tag="count"):
    by: dict[Colour, int]
    inner: Count | None = None


class Row(msgspec.Struct, array_like=True, tag="row"):
    name: str
    by: dict[Colour, int]


class Leave(msgspec.Struct, tag="leave"):
    pass


class Typed(TypedDict):
    by: dict[Colour, int]


class Pair(NamedTuple):
    first: int
    by: dict[Colour, int]


@dataclasses.dataclass
class Data:
    by: dict[Colour, int]


By = dict[Colour, int]
RIGHT = {"red": 1, "blue": 2}
WRONG = {"green": 1}


@pytest.mark.parametrize(
    ("key", "names", "right", "wrong"),
    [
        (Colour, {"enum": ["red", "blue"]}, "red", "green"),
        (Literal["a", "b"], {"enum": ["a", "b"]}, "a", "c"),
        (int, {"pattern": "^-?[0-9]+$"}, "-7", "x"),
        (UUID, {"format": "uuid"}, "6f1f2b3e-8a3b-4c3e-9a53-0123456789ab", "x"),
        (date, {"format": "date"}, "2020-01-01", "x"),
        (Decimal, {"format": "decimal"}, "1.5", "x"),
        (Annotated[str, msgspec.Meta(max_length=2)], {"maxLength": 2}, "ab", "abc"),
    ],
    ids=str,
)
def test_schema_says_what_names_there_may_be(key: Any, names: object, right: str, wrong: str) -> None:
    tp = dict[key, int]
    assert describe([tp]).incoming[0]["propertyNames"] == names
    JSON.decoder(tp)(msgspec.json.encode({right: 1}))
    with pytest.raises(InvalidMessage, match=r"^key of \$: "):
        JSON.decoder(tp)(msgspec.json.encode({wrong: 1}))


def test_schema_of_plain_keys_says_nothing() -> None:
    assert describe([dict[str, int]]).incoming == ({"type": "object", "additionalProperties": {"type": "integer"}},)


@pytest.mark.parametrize(
    ("tp", "place"),
    [
        (By, lambda by: by),
        (Annotated[By, msgspec.Meta(description="how many")], lambda by: by),
        (list[By], lambda by: [by]),
        (tuple[int, By], lambda by: [1, by]),
        (dict[str, By], lambda by: {"x": by}),
        (By | None, lambda by: by),
        (list[int] | By | None, lambda by: by),
        (Count, lambda by: {"type": "count", "by": by}),
        (Count, lambda by: {"type": "count", "by": {}, "inner": {"type": "count", "by": by}}),
        (Count | Leave, lambda by: {"type": "count", "by": by}),
        (Leave | list[int] | Count | None, lambda by: {"type": "count", "by": by}),
        (list[Leave | Count], lambda by: [{"type": "leave"}, {"type": "count", "by": by}]),
        (Row, lambda by: ["row", "x", by]),
        (Typed, lambda by: {"by": by}),
        (Pair, lambda by: [1, by]),
        (Data, lambda by: {"by": by}),
    ],
    ids=lambda value: None if isinstance(value, FunctionType) else str(value),
)
def test_schema_and_decoder_agree_on_names_wherever_they_stand(tp: object, place: Any) -> None:
    description = describe([tp], [tp])
    for schema in (*description.incoming, *description.outgoing):
        validator = Draft202012Validator({**schema, "components": {"schemas": description.definitions}})
        assert validator.is_valid(place(RIGHT))
        assert not validator.is_valid(place(WRONG))
    JSON.decoder(tp)(msgspec.json.encode(place(RIGHT)))
    with pytest.raises(InvalidMessage, match=r"^key of \$.*: invalid value 'green'; expected 'red' or 'blue'"):
        JSON.decoder(tp)(msgspec.json.encode(place(WRONG)))


@pytest.mark.parametrize(
    ("tp", "format"),
    [
        (datetime, "date-time"),
        (datetime | None, "date-time"),
        (Annotated[datetime, msgspec.Meta(description="when")], "date-time"),
        (Annotated[datetime, msgspec.Meta(tz=True)], "date-time"),
        (Annotated[datetime, msgspec.Meta(tz=False)], None),
        (time, "time"),
        (Annotated[time, msgspec.Meta(tz=True)], "time"),
        (Annotated[time, msgspec.Meta(tz=False)], "partial-time"),
        (str, None),
    ],
)
def test_times_say_their_format_with_a_zone_and_without(tp: Any, format: str | None) -> None:
    struct = msgspec.defstruct("At", [("at", tp)])
    at = describe([struct]).definitions["At"]["properties"]["at"]  # type: ignore[index]
    assert at.get("format", at.get("anyOf", [{}])[0].get("format")) == format
