"""
The proof by classes is as strict as the decoder: what it lets through, the decoder takes as it was.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apistar.exceptions import EncodeError
from apistar.messages import JSON, MSGPACK, Codec
from apistar.messages.exact import proofs
from apistar.messages.incoming import guard_decoder
from apistar.messages.outgoing import guard_encoder

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Name(str):
    __slots__ = ()


class Flat(msgspec.Struct, tag="flat", rename="camel", omit_defaults=True):
    some_text: str
    number: int
    size: float
    on: bool = False
    colour: Colour | None = None
    either: int | str | None = None


class Open(msgspec.Struct):
    number: int | msgspec.UnsetType = msgspec.UNSET


class Row(msgspec.Struct, array_like=True, tag="row"):
    text: str
    level: Level = Level.LOW


class Boxed(msgspec.Struct, Generic[T]):
    value: T


class Bounded(msgspec.Struct):
    number: Annotated[int, msgspec.Meta(ge=0)]


class Checked(msgspec.Struct):
    number: int

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("number must not be negative")


class Holder(msgspec.Struct):
    flat: Flat


class Listed(msgspec.Struct):
    texts: list[str]


class Dated(msgspec.Struct):
    at: datetime


class Flagged(msgspec.Struct):
    rights: Rights


class Watched(msgspec.Struct):
    text: str

    def __getattribute__(self, name: str) -> Any:
        return "text" if name == "text" else super().__getattribute__(name)


class Empty(msgspec.Struct):
    pass


KEYWORD = msgspec.defstruct("KEYWORD", [("class", str)])


class Loud(Flat, tag="loud"):
    pass


ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**64, -(2**63) - 1, 10**5000]),
    st.floats(),
    st.text(),
    st.sampled_from(["\ud800", Name("a"), b"x", Colour.RED, Level.LOW, Rights.READ | Rights.WRITE, msgspec.UNSET]),
    st.lists(st.integers(), max_size=2),
)
FLATS = st.one_of(
    st.builds(Flat, st.text(), st.integers(), st.floats()),
    st.builds(Flat, ODD, st.integers(), st.floats(), ODD),
    st.builds(Flat, st.text(), ODD, ODD, ODD, ODD, ODD),
    st.builds(Open, ODD),
    st.builds(Open),
    st.builds(Open, st.integers(0, 9)),
    st.builds(Row, ODD, ODD),
    st.builds(Row, st.text(), st.sampled_from(Level)),
    st.builds(Loud, st.text(), st.integers(), st.floats()),
)


def outcome(encode: Any, value: object) -> object:
    """The bytes or the sentence."""
    try:
        return encode(value)
    except EncodeError as error:
        return str(error)


@pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=["json", "msgpack"])
@pytest.mark.parametrize(
    ("tp", "right"),
    [
        (Flat, Flat("a", 1, 1.0)),
        (Row, Row("a")),
        (Flat | Loud, Flat("", 0, 0.5, True, Colour.RED, "x")),
        (Open, Open(1)),
    ],
    ids=["one", "row", "union", "unset"],
)
def test_proof_changes_no_verdict(codec: Codec, tp: object, right: object) -> None:
    quick = codec.encoder(tp)
    slow = guard_encoder(tp, codec.writer(), guard_decoder(codec, tp, codec.checker(tp)))
    decode = codec.decoder(tp)
    proof = proofs(tp)[type(right)]
    assert proof(right)

    @settings(max_examples=100, deadline=None)
    @given(FLATS)
    def same(value: object) -> None:
        found = outcome(quick, value)
        assert found == outcome(slow, value)
        if type(value) is type(right) and proof(value) and isinstance(found, bytes):
            assert decode(found) == value

    same()


@pytest.mark.parametrize(
    ("tp", "classes"),
    [
        (Flat, [Flat]),
        (Row, [Row]),
        (Flat | None, [Flat]),
        (Flat | Loud, [Flat, Loud]),
        (Annotated[Flat, msgspec.Meta(title="x")], [Flat]),
        (list[int] | Flat, [Flat]),
    ],
    ids=str,
)
def test_flat_structs_have_a_proof(tp: object, classes: list[type]) -> None:
    assert list(proofs(tp)) == classes


@pytest.mark.parametrize(
    "tp",
    [Boxed[int], Bounded, Checked, Holder, Listed, Dated, Flagged, Watched, Empty, KEYWORD, int, dict[str, int], Any],
    ids=str,
)
def test_other_types_are_left_to_the_decoder(tp: object) -> None:
    assert proofs(tp) == {}


def test_codec_of_ones_own_is_left_to_its_decoder() -> None:
    class Lossy(Codec):
        name = title = subprotocol = media_type = "lossy"
        text = False

        def reader(self, tp: object) -> Any:
            return lambda data: msgspec.convert(int(data), tp)

        def writer(self) -> Any:
            return lambda value: b"7"

    with pytest.raises(EncodeError, match="expected object, got int"):
        Lossy().encoder(Flat)(Flat("a", 1, 1.0))
