"""
What is proved by writing a value again is what the parser that shows all keys finds.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from datetime import datetime
from typing import Any, Generic, NotRequired, TypedDict, TypeVar

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apistar.exceptions import InvalidMessage
from apistar.messages import JSON, models
from apistar.messages.rewriting import adds_nothing

T = TypeVar("T")


class Item(msgspec.Struct):
    a: int
    b: str


class Sparse(msgspec.Struct, omit_defaults=True):
    a: int = 0
    b: str = "b:"
    c: list[Item] = []
    d: dict[str, Sparse] = {}


class Open(msgspec.Struct):
    a: int
    b: str | msgspec.UnsetType = msgspec.UNSET


class Full(msgspec.Struct, tag="full"):
    a: int
    c: list[Item]
    d: Any


class Other(msgspec.Struct, tag="other"):
    a: int


class Table(TypedDict):
    a: int
    c: NotRequired[list[Table]]


class Page(msgspec.Struct, Generic[T]):
    c: T


class Default(msgspec.Struct):
    a: int
    b: str = ""


class Factory(msgspec.Struct, omit_defaults=True):
    a: int
    b: str = msgspec.field(default_factory=lambda: "b")


class Holder(msgspec.Struct):
    a: int
    d: Other


class Dated(msgspec.Struct):
    a: int
    b: datetime


class Checked(msgspec.Struct):
    a: int

    def __post_init__(self) -> None: ...


class Row(msgspec.Struct, array_like=True):
    a: Item


class Model(pydantic.BaseModel):
    a: int


class Modelled(msgspec.Struct):
    a: int
    d: Model


class Raw(msgspec.Struct):
    a: int
    d: msgspec.Raw


class Colon(enum.Enum):
    TIME = "b:"


class Choice(msgspec.Struct):
    a: int
    b: Colon


@dataclasses.dataclass
class Data:
    a: int
    b: str = ""


PLAIN = [Item, Sparse, Open, Full, Full | Other, Table, Page[list[Item]], dict[str, Item], list[Full | Other], Any]
WARY = [Default, Factory, Holder, Dated, Checked, Row, Modelled, Raw, Choice, Data, list[Other], Page[Default]]


@pytest.mark.parametrize("tp", PLAIN, ids=str)
def test_type_whose_values_are_written_as_they_came(tp: object) -> None:
    assert adds_nothing(tp)


@pytest.mark.parametrize("tp", WARY, ids=str)
def test_type_whose_writing_may_add_a_key_or_a_colon(tp: object) -> None:
    assert not adds_nothing(tp)


def test_lone_struct_may_have_come_without_its_tag() -> None:
    assert not adds_nothing(Full, tag_may_be_missing=True)
    assert not adds_nothing(Full | None)


TEXTS = st.sampled_from(["", "b:", "a", "full", "other", ":", "2020-01-01T00:00:00+0100", "{\\u003a", "\\\\u003a"])
KEYS = st.sampled_from(["a", "b", "c", "d", "type", "x", "b:"])


def quoted(text: str) -> str:
    return f'"{text}"'


def member(pair: tuple[str, str]) -> str:
    return f'"{pair[0]}":{pair[1]}'


def objects(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """An object as JSON; the fields often fit one of the types above, and come twice now and then."""
    fitting = {"a": st.just("1"), "b": TEXTS.map(quoted), "c": arrays(inner), "d": inner}
    tags = st.sampled_from(['"type":"full"', '"type":"other"'])
    fields = [st.tuples(st.just(key), value).map(member) for key, value in fitting.items()]
    chosen = st.sampled_from([[0], [0, 1], [0, 1, 2, 3], [0, 2, 3], [2], [0, 3], [0, 0], [0, 1, 1], [0, 2, 3, 0]])
    members = chosen.flatmap(lambda picks: st.tuples(*(fields[pick] for pick in picks)))
    extra = st.lists(tags | st.tuples(KEYS, inner).map(member), max_size=1)
    return st.tuples(extra, members, extra).map(lambda parts: "{" + ",".join([*parts[0], *parts[1], *parts[2]]) + "}")


def arrays(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(inner, max_size=2).map(lambda items: "[" + ",".join(items) + "]")


MESSAGES = st.recursive(
    st.sampled_from(["1", "null"]) | TEXTS.map(quoted), lambda inner: objects(inner) | arrays(inner), max_leaves=6
)


def is_doubled(text: str) -> bool:
    found = False

    def look(pairs: list[tuple[str, object]]) -> None:
        nonlocal found
        found |= len(dict(pairs)) != len(pairs)

    json.loads(text, object_pairs_hook=look)
    return found


@pytest.mark.parametrize("tp", [*PLAIN, *WARY], ids=str)
def test_doubled_keys_are_found_whatever_the_type(tp: object) -> None:
    decode, lenient = JSON.decoder(tp), msgspec.json.Decoder(tp, dec_hook=models.load).decode

    @settings(max_examples=60, deadline=None)
    @given(objects(MESSAGES))
    def found(text: str) -> None:
        try:
            lenient(text)
        except ValueError:
            return
        if is_doubled(text):
            with pytest.raises(InvalidMessage, match="key is doubled"):
                decode(text)
        else:
            decode(text)

    found()
