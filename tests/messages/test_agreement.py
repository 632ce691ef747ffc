"""
What is sent fits the schema that is published, and what fits neither is refused: codec and document are one truth.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec import UNSET, Meta, Struct, UnsetType, field

from apistar.exceptions import InvalidMessage
from apistar.messages import JSON
from apistar.messages.description import describe
from tests.contracts.test_codec import VALUES


class Renamed(Struct, rename="kebab"):
    my_field: int
    other: int = field(name="OTHER", default=2)


class Strict(Struct, forbid_unknown_fields=True):
    value: int


class Sparse(Struct, omit_defaults=True):
    value: int = 1
    values: list[int] = []


class Absent(Struct):
    nothing: int | None
    unset: int | UnsetType = UNSET


class Row(Struct, array_like=True):
    x: int
    name: str = ""
    y: int | None = None


class TaggedRow(Struct, array_like=True, tag="row"):
    x: int


class Base(Struct, tag_field="kind", kw_only=True, frozen=True):
    id: int = 0


class Circle(Base, tag="circle", frozen=True):
    radius: Annotated[float, Meta(gt=0)]


class Square(Base, tag="square", frozen=True):
    side: Annotated[int, Meta(ge=1, le=9, multiple_of=1)]


class Named(Struct, tag=True):
    name: Annotated[str, Meta(min_length=1, max_length=3, pattern="^[a-z]*$")]


class Checked(Struct):
    value: int

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError("value must not be negative")


OPTIONS: dict[str, tuple[object, st.SearchStrategy[object]]] = {
    "rename=": (Renamed, st.builds(Renamed, st.integers())),
    "forbid_unknown_fields": (Strict, st.builds(Strict, st.integers())),
    "omit_defaults": (Sparse, st.builds(Sparse, st.integers(), st.lists(st.integers(), max_size=2))),
    "UNSET": (Absent, st.builds(Absent, st.none() | st.integers(), st.just(UNSET) | st.integers())),
    "array_like": (Row, st.builds(Row, st.integers(), st.text(), st.none() | st.integers())),
    "array_like with a tag": (TaggedRow, st.builds(TaggedRow, st.integers())),
    "inheritance and tag_field": (
        Circle | Square,
        st.builds(Circle, radius=st.floats(0.1, 9), id=st.integers()) | st.builds(Square, side=st.integers(1, 9)),
    ),
    "tag=True": (Named, st.builds(Named, st.sampled_from(["a", "abc"]))),
    "__post_init__": (Checked, st.builds(Checked, st.integers(0))),
}
ALL = {**VALUES, **OPTIONS}


def validator_of(tp: object, incoming: bool) -> Any:
    description = describe([tp], [tp])
    [schema] = description.incoming if incoming else description.outgoing
    return Draft202012Validator({**schema, "components": {"schemas": description.definitions}})


@pytest.mark.parametrize("name", ALL)
def test_what_is_sent_fits_the_schema(name: str) -> None:
    tp, values = ALL[name]
    encode, decode = JSON.encoder(tp), JSON.decoder(tp)
    outgoing, incoming = validator_of(tp, incoming=False), validator_of(tp, incoming=True)

    @settings(max_examples=25, deadline=None)
    @given(values)
    def fits(value: object) -> None:
        data = encode(value)
        outgoing.validate(json.loads(data))
        incoming.validate(json.loads(data))
        assert decode(data) == value

    fits()


@pytest.mark.parametrize(
    ("tp", "text", "detail"),
    [
        (Renamed, '{"my_field":1}', "$.my-field: required field is missing"),
        (Renamed, '{"my-field":"x"}', "$.my-field: expected int, got str"),
        (Renamed, '{"my-field":1,"OTHER":null}', "$.OTHER: expected int, got null"),
        (Strict, '{"value":1,"other":2}', "$.other: unknown field"),
        (Absent, "{}", "$.nothing: required field is missing"),
        (Absent, '{"nothing":1,"unset":null}', "$.unset: expected int, got null"),
        (Row, "[]", "$: expected array of at least length 1, got 0"),
        (Row, "[1,2]", "$[1]: expected str, got int"),
        (Row, "{}", "$: expected array, got object"),
        (TaggedRow, '["line",1]', "$[0]: unknown tag 'line'; expected 'row'"),
        (Circle | Square, '{"kind":"line"}', "$.kind: unknown tag 'line'; expected 'circle' or 'square'"),
        (Circle | Square, '{"radius":1}', "$.kind: required field is missing"),
        (Circle | Square, '{"kind":"circle","radius":0}', "$.radius: expected float > 0.0"),
        (Circle | Square, '{"kind":"square","side":1.5}', "$.side: expected int, got float"),
        (Circle | Square, '{"kind":"square","side":true}', "$.side: expected int, got bool"),
        (Named, '{"type":"Named","name":"ABC"}', "$.name: expected str matching regex '^[a-z]*$'"),
        (Named, '{"type":"named","name":"abc"}', "$.type: unknown tag 'named'; expected 'Named'"),
        (Checked, '{"value":-1}', "$: value must not be negative"),
    ],
)
def test_what_does_not_fit_is_refused(tp: object, text: str, detail: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        JSON.decoder(tp)(text)
    assert caught.value.detail == detail
    if tp is not Checked:  # no schema says what only a function knows
        assert not validator_of(tp, incoming=True).is_valid(json.loads(text))


def test_unknown_fields_are_ignored_where_nothing_else_is_said() -> None:
    text = '{"my-field":1,"other":[1]}'
    assert JSON.decoder(Renamed)(text) == Renamed(1)
    assert validator_of(Renamed, incoming=True).is_valid(json.loads(text))


def test_tag_may_be_left_out_where_there_is_one_type_only() -> None:
    assert JSON.decoder(Square)('{"side":1}') == Square(side=1)
    with pytest.raises(InvalidMessage, match=r"^\$\.kind: required field is missing"):
        JSON.decoder(Circle | Square)('{"side":1}')


def test_integer_is_a_float_and_no_float_is_an_integer() -> None:
    class Both(Struct):
        whole: int
        real: float

    decoded = JSON.decoder(Both)('{"whole":1,"real":2}')
    assert (decoded.whole, decoded.real) == (1, 2.0)
    assert type(decoded.real) is float
    with pytest.raises(InvalidMessage, match="expected int, got float"):
        JSON.decoder(Both)('{"whole":1.0,"real":2}')


def test_time_keeps_its_zone_and_may_have_to_have_one() -> None:
    class At(Struct):
        at: Annotated[datetime, Meta(tz=True)]
        local: datetime | None = None

    decode = JSON.decoder(At)
    found = decode('{"at":"2020-01-01T12:00:00+02:00","local":"2020-01-01T12:00:00"}')
    assert found.at.utcoffset() == timedelta(hours=2)
    assert found.local is not None
    assert found.local.tzinfo is None
    with pytest.raises(InvalidMessage, match=r"^\$\.at: expected datetime with a timezone component"):
        decode('{"at":"2020-01-01T12:00:00"}')
    assert msgspec.json.decode(JSON.encoder(At)(found))["at"] == "2020-01-01T12:00:00+02:00"
