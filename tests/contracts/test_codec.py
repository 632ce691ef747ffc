"""
One suite over every codec: what goes in comes out, what does not fit is refused with its place, and nothing that a
peer can send does anything else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar, cast
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apistar.exceptions import EncodeError, InvalidMessage, UnsupportedType
from apistar.messages import JSON, MSGPACK, Codec

T = TypeVar("T")
CODECS = (JSON, MSGPACK)
MIB = 1024 * 1024

each_codec = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: cast("Codec", codec).name)


class Say(msgspec.Struct, tag="say", frozen=True):
    text: str
    urgent: bool = False
    count: int = 0


class Leave(msgspec.Struct, tag="leave", frozen=True):
    pass


class Tree(msgspec.Struct):
    name: str
    children: list[Tree] = []


class Point(msgspec.Struct, array_like=True):
    x: int
    y: int


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Order:
    id: UUID
    price: Decimal
    placed: datetime
    lines: dict[str, int]


@attrs.define
class Seat:
    row: str
    number: int


class Filter(TypedDict):
    symbol: str
    depth: NotRequired[int]


class Span(NamedTuple):
    start: date
    length: timedelta


class Parcel(msgspec.Struct, rename="camel"):
    the_colours: list[Colour]
    says: Say | Leave | None = None


class Dot(msgspec.Struct, array_like=True, tag="dot"):
    x: int
    name: str = ""


class Boxed(msgspec.Struct, Generic[T]):
    value: T


class Login(pydantic.BaseModel):
    kind: Literal["login"] = "login"
    name: str = pydantic.Field(alias="userName")
    born: date


class Tea(pydantic.BaseModel):
    grams: int = pydantic.Field(gt=0)
    colour: Colour = Colour.RED
    cup: Literal["S", "M", "L"] = "M"


class Logout(pydantic.BaseModel):
    kind: Literal["logout"] = "logout"


Adult = Annotated[int, msgspec.Meta(ge=18)]
Session = Annotated[Login | Logout, pydantic.Field(discriminator="kind")]

# Both codecs carry 64 bits of integer; JSON more, MessagePack not.
integers = st.integers(min_value=-(2**63), max_value=2**64 - 1)
words = st.text()
says = st.builds(Say, words, st.booleans(), integers)
leaves = st.builds(Leave)
trees: st.SearchStrategy[Tree] = st.recursive(
    st.builds(Tree, words), lambda inner: st.builds(Tree, words, st.lists(inner, max_size=3)), max_leaves=8
)
moments = st.datetimes(timezones=st.just(UTC))
prices = st.decimals(allow_nan=False, allow_infinity=False, places=4)
logins = st.builds(lambda name, born: Login(userName=name, born=born), words, st.dates())

VALUES: dict[str, tuple[object, st.SearchStrategy[object]]] = {
    "bool": (bool, st.booleans()),
    "int": (int, integers),
    "float": (float, st.floats(allow_nan=False, allow_infinity=False)),
    "str": (str, words),
    "bytes": (bytes, st.binary()),
    "None": (None, st.none()),
    "datetime": (datetime, moments),
    "date": (date, st.dates()),
    "Decimal": (Decimal, prices),
    "UUID": (UUID, st.uuids()),
    "Enum": (Colour, st.sampled_from(Colour)),
    "Literal": (Literal["a", "b", 3], st.sampled_from(["a", "b", 3])),
    "constrained": (Adult, st.integers(18, 200)),
    "optional": (int | None, integers | st.none()),
    "list": (list[int], st.lists(integers)),
    "dict": (dict[str, list[bool]], st.dictionaries(words, st.lists(st.booleans()))),
    "dict with int keys": (dict[int, str], st.dictionaries(integers, words)),
    "set": (set[str], st.sets(words)),
    "tuple": (tuple[int, str], st.tuples(integers, words)),
    "Struct": (Say, says),
    "Struct, array_like": (Point, st.builds(Point, integers, integers)),
    "recursive Struct": (Tree, trees),
    "tagged union": (Say | Leave, says | leaves),
    "tagged union or None": (Say | Leave | None, says | leaves | st.none()),
    "list of a tagged union": (list[Say | Leave], st.lists(says | leaves)),
    "dataclass": (
        Order,
        st.builds(Order, id=st.uuids(), price=prices, placed=moments, lines=st.dictionaries(words, integers)),
    ),
    "attrs": (Seat, st.builds(Seat, words, integers)),
    "TypedDict": (Filter, st.fixed_dictionaries({"symbol": words}, optional={"depth": integers})),
    "NamedTuple": (Span, st.builds(Span, st.dates(), st.timedeltas(timedelta(-1000), timedelta(1000)))),
    "Any": (Any, st.recursive(st.none() | st.booleans() | words, st.lists, max_leaves=9)),
    "model": (Login, logins),
    "union of models": (Session, logins | st.builds(Logout)),
    "list of models": (list[Login], st.lists(logins)),
}


@each_codec
@pytest.mark.parametrize("name", VALUES)
def test_codec_round_trips_every_value(codec: Codec, name: str) -> None:
    tp, values = VALUES[name]
    encode, decode = codec.encoder(tp), codec.decoder(tp)

    @settings(max_examples=50, deadline=None)
    @given(values)
    def round_trip(value: object) -> None:
        data = encode(value)
        assert isinstance(data, bytes)
        assert decode(data) == value
        if codec.text:
            assert decode(data.decode()) == value

    round_trip()


# What does not fit


def message(codec: Codec, value: object) -> bytes:
    return codec.encoder(object)(value)


FAULTS: list[tuple[object, object, str, str, str]] = [
    (Say, {"type": "say", "text": 1}, "$.text: expected str, got int", "str", "int"),
    (Say, {"type": "say"}, "$.text: required field is missing", "a value", ""),
    (
        Say | Leave,
        {"type": "shout"},
        "$.type: unknown tag 'shout'; expected 'say' or 'leave'",
        "'say' or 'leave'",
        "'shout'",
    ),
    (Say | Leave, {}, "$.type: required field is missing", "a value", ""),
    (Say, [], "$: expected object, got array", "object", "array"),
    (list[Say], [{"type": "say", "text": None}], "$[0].text: expected str, got null", "str", "null"),
    (
        Tree,
        {"name": "a", "children": [{"name": "b"}, {}]},
        "$.children[1].name: required field is missing",
        "a value",
        "",
    ),
    (Adult, 17, "$: expected int >= 18", "int >= 18", ""),
    (dict[str, Adult], {"ann": 17}, "$[...]: expected int >= 18", "int >= 18", ""),
    (dict[int, str], {"x": "y"}, "key of $: expected int, got str", "int", "str"),
    (int | None, "x", "$: expected int | null, got str", "int | null", "str"),
    (Literal["a", "b"], "c", "$: invalid value 'c'; expected 'a' or 'b'", "'a' or 'b'", "'c'"),
    (Colour, "green", "$: invalid value 'green'; expected 'red' or 'blue'", "'red' or 'blue'", "'green'"),
    (Colour | int, "green", "$: invalid value 'green'; expected 'red' or 'blue'", "'red' or 'blue'", "'green'"),
    (
        list[dict[str, Colour]],
        [{"a": "green"}],
        "$[0][...]: invalid value 'green'; expected 'red' or 'blue'",
        "'red' or 'blue'",
        "'green'",
    ),
    (
        Parcel,
        {"theColours": ["red"], "says": {"type": "shout"}},
        "$.says.type: unknown tag 'shout'; expected 'say' or 'leave'",
        "'say' or 'leave'",
        "'shout'",
    ),
    (
        Parcel | None,
        {"theColours": ["red", "green"]},
        "$.theColours[1]: invalid value 'green'; expected 'red' or 'blue'",
        "'red' or 'blue'",
        "'green'",
    ),
    (Dot, ["spot", 1], "$[0]: unknown tag 'spot'; expected 'dot'", "'dot'", "'spot'"),
    (Dot, ["dot", 1, 2], "$[2]: expected str, got int", "str", "int"),
    (
        tuple[int, Colour],
        [1, "green"],
        "$[1]: invalid value 'green'; expected 'red' or 'blue'",
        "'red' or 'blue'",
        "'green'",
    ),
    (Boxed[Colour], {"value": 1}, "$.value: expected str, got int", "str", "int"),
    (tuple[int, str], [1, 2], "$[1]: expected str, got int", "str", "int"),
    (UUID, "x", "$: invalid UUID", "UUID", ""),
    (datetime, "x", "$: invalid RFC3339 encoded datetime", "RFC3339 encoded datetime", ""),
    (Decimal, "x", "$: invalid decimal string", "decimal string", ""),
    (Login, {"userName": "ann"}, "$.born: required field is missing", "a value", ""),
    (
        Session,
        {"kind": "login", "userName": 1, "born": "2000-01-01"},
        "$.userName: expected a valid string, got int",
        "a valid string",
        "int",
    ),
    (
        list[Login],
        [{"userName": "ann", "born": "x"}],
        "$[0].born: expected a valid date or datetime; input is too short",
        "a valid date or datetime",
        "str",
    ),
    (
        Session,
        {"kind": "shout"},
        "$.kind: unknown tag 'shout'; expected 'login' or 'logout'",
        "'login' or 'logout'",
        "'shout'",
    ),
    (Session, {"userName": "ann"}, "$.kind: required field is missing", "a value", ""),
    (
        list[Session],
        [{"kind": []}],
        "$[0].kind: unknown tag '[]'; expected 'login' or 'logout'",
        "'login' or 'logout'",
        "'[]'",
    ),
    (Tea, {"grams": 0}, "$.grams: expected a value greater than 0", "a value greater than 0", ""),
    (
        Tea,
        {"grams": 1, "colour": "x"},
        "$.colour: invalid value 'x'; expected 'red' or 'blue'",
        "'red' or 'blue'",
        "'x'",
    ),
    (Tea, {"grams": 1, "cup": "x"}, "$.cup: invalid value 'x'; expected 'S', 'M' or 'L'", "'S', 'M' or 'L'", "'x'"),
    (Tea, {"grams": 1, "cup": []}, "$.cup: invalid value list; expected 'S', 'M' or 'L'", "'S', 'M' or 'L'", "list"),
]


@each_codec
@pytest.mark.parametrize(("tp", "value", "detail", "expected", "got"), FAULTS, ids=[fault[2] for fault in FAULTS])
def test_codec_refuses_a_message_with_its_path(
    codec: Codec, tp: object, value: object, detail: str, expected: str, got: str
) -> None:
    with pytest.raises(InvalidMessage) as caught:
        codec.decoder(tp)(message(codec, value))
    assert caught.value.detail == detail
    assert caught.value.path == detail.partition(": ")[0]
    assert (caught.value.expected, caught.value.got) == (expected, got)
    assert caught.value.code == 1007


@each_codec
@settings(deadline=None)
@given(data=st.binary(max_size=200))
@pytest.mark.parametrize("tp", [Any, Say | Leave, Order, Session, dict[int, Filter], list[Span]])
def test_codec_meets_any_bytes_with_a_value_or_invalid_message(codec: Codec, tp: object, data: bytes) -> None:
    decode = _decoder(codec, tp)
    with contextlib.suppress(InvalidMessage):
        decode(data)


_built: dict[tuple[str, str], Callable[[bytes], object]] = {}


def _decoder(codec: Codec, tp: object) -> Callable[[bytes], object]:
    key = (codec.name, repr(tp))
    if key not in _built:
        _built[key] = codec.decoder(tp)
    return _built[key]


@each_codec
@pytest.mark.parametrize("tp", [Any, Tree, list[Any], dict[str, Any], Login], ids=str)
def test_codec_refuses_nesting_past_the_stack(codec: Codec, tp: object) -> None:
    deep = (b"[" if codec.text else b"\x91") * 200_000
    with pytest.raises(InvalidMessage):
        codec.decoder(tp)(deep)


@each_codec
def test_codec_says_that_a_message_is_nested_too_deeply(codec: Codec) -> None:
    deep = (b"[" if codec.text else b"\x91") * 200_000
    with pytest.raises(InvalidMessage, match=f"malformed {codec.title}: nested too deeply"):
        codec.decoder(Any)(deep)


@each_codec
def test_codec_keeps_what_a_peer_sent_out_of_the_log_but_for_a_piece(codec: Codec) -> None:
    tag = "\x1b[31m\n" + "x" * 100_000
    with pytest.raises(InvalidMessage) as caught:
        codec.decoder(Say | Leave)(message(codec, {"type": tag}))
    assert len(caught.value.detail) < 200
    assert caught.value.detail.isprintable()


@each_codec
def test_codec_decodes_one_mebibyte_in_a_moment(codec: Codec) -> None:
    many = [{"type": "say", "text": "x" * 100} for _ in range(MIB // 140)]
    data = message(codec, many)
    assert MIB // 2 < len(data) <= MIB
    started = time.process_time()
    assert len(codec.decoder(list[Say])(data)) == len(many)
    assert time.process_time() - started < 1


# What is not sent


@each_codec
@pytest.mark.parametrize(
    ("tp", "value"),
    [
        (Say, Leave()),
        (Say, {"type": "say", "text": "x"}),
        (Say, "x"),
        (Say, None),
        (Say | Leave, Point(1, 2)),
        (Say | None, Leave()),
        (str, b"x"),
        (int, True),
        (int, 1.0),
        (int, "1"),
        (bool, 1),
        (float, "1"),
        (None, 0),
        (Adult, 17),
        (list[Say], [Leave()]),
        (list[int], ["1"]),
        (list[int], 1),
        (dict[str, int], {"a": "b"}),
        (dict[str, int], Tree("a")),
        (Filter, {"depth": 1}),
        (Literal["a", "b"], "c"),
        (Colour, "red"),
        (Login, Logout()),
        (Login, {"userName": "ann", "born": "2000-01-01"}),
        (list[Login], [Logout()]),
        (tuple[int, str], (1, 2)),
        (Say, Say(cast("str", 1))),
        (Say, Say("x", count=cast("int", 1.5))),
        (Say, Say("x", cast("bool", 1))),
        (Say | Leave, Say(cast("str", None))),
        (Tree, Tree("a", [Tree(cast("str", 1))])),
        (Point, Point(1, cast("int", "2"))),
        (Seat, Seat("a", cast("int", None))),
        (Order, Order(UUID(int=0), cast("Decimal", []), datetime(2026, 1, 2), {})),
        (Span, Span(cast("date", "soon"), timedelta(1))),
        (list[Tree], [Tree(cast("str", 1))]),
    ],
    ids=repr,
)
def test_encoder_refuses_what_is_not_of_the_type(codec: Codec, tp: object, value: object) -> None:
    encode = codec.encoder(tp)
    with pytest.raises(EncodeError, match=r"^cannot (send|encode) a value"):
        encode(value)


@each_codec
def test_encoder_names_both_types_when_it_refuses(codec: Codec) -> None:
    with pytest.raises(EncodeError) as caught:
        codec.encoder(Say | None)(Leave())
    assert str(caught.value) == "cannot send a value of type Leave: the outgoing type is Say | None"


@each_codec
def test_encoder_says_what_to_make_of_a_dict(codec: Codec) -> None:
    for tp, wanted, remedy in (
        (Say | Leave, "Say | Leave", "; write Say(…) or Leave(…)"),
        (Login, "Login", "; write Login(…)"),
        (list[Say], "list[Say]", ""),
    ):
        with pytest.raises(EncodeError) as caught:
            codec.encoder(tp)({"text": "hello"})
        assert str(caught.value) == f"cannot send a value of type dict: the outgoing type is {wanted}{remedy}"


@each_codec
def test_encoder_says_which_field_does_not_fit(codec: Codec) -> None:
    with pytest.raises(EncodeError) as caught:
        codec.encoder(Tree)(Tree("a", [Tree("b"), Tree(cast("str", 7))]))
    assert str(caught.value) == "cannot send a value that is no Tree: $.children[1].name: expected str, got int"


@each_codec
def test_encoder_holds_values_to_the_constraints_of_the_type(codec: Codec) -> None:
    class Vote(msgspec.Struct):
        stars: Annotated[int, msgspec.Meta(ge=1, le=5)]

    with pytest.raises(EncodeError) as caught:
        codec.encoder(Vote)(Vote(6))
    assert str(caught.value) == "cannot send a value that is no Vote: $.stars: expected int <= 5"


@each_codec
def test_encoder_takes_what_is_a_value_of_the_type_in_all_but_its_class(codec: Codec) -> None:
    class Word(str):
        pass

    class Level(enum.IntEnum):
        HIGH = 3

    class Tone(enum.StrEnum):
        LOUD = "loud"

    assert codec.decoder(str)(codec.encoder(str)(Word("x"))) == "x"
    assert codec.decoder(int)(codec.encoder(int)(Level.HIGH)) == 3
    assert codec.decoder(str)(codec.encoder(str)(Tone.LOUD)) == "loud"
    assert codec.decoder(float)(codec.encoder(float)(3)) == 3
    assert codec.decoder(list[int])(codec.encoder(list[int])([Level.HIGH])) == [3]


def test_json_sends_no_number_that_it_cannot_say() -> None:
    class Price(msgspec.Struct):
        amount: float

    for tp, value in ((float, float("nan")), (Price, Price(float("inf")))):
        with pytest.raises(EncodeError, match="expected float, got null"):
            JSON.encoder(tp)(value)
    assert JSON.encoder(float | None)(float("nan")) == b"null"


@each_codec
def test_encoder_says_where_a_container_does_not_fit(codec: Codec) -> None:
    with pytest.raises(EncodeError) as caught:
        codec.encoder(dict[str, list[int]])({"a": [1, cast("int", "2")]})
    assert str(caught.value) == "cannot send a value that is no dict[str, list[int]]: $[...][1]: expected int, got str"


@each_codec
def test_encoder_refuses_what_no_codec_can_carry(codec: Codec) -> None:
    loop: list[object] = []
    loop.append(loop)
    values: list[object] = [object(), "\ud800", loop, {(1, 2): object()}]
    for value in values:
        with pytest.raises(EncodeError, match="cannot encode a value of type"):
            codec.encoder(object)(value)


@each_codec
def test_encoder_takes_a_subclass_that_reads_as_its_base(codec: Codec) -> None:
    class Shout(Say, tag="say", frozen=True):
        pass

    class Whisper(Say, tag="whisper", frozen=True):
        pass

    encode = codec.encoder(Say)
    assert codec.decoder(Say)(encode(Shout("x"))) == Say("x")
    with pytest.raises(EncodeError, match="unknown tag 'whisper'; expected 'say'"):
        encode(Whisper("x"))


# Types that no decoder reads


class Ping(msgspec.Struct):
    at: int


class Pong(msgspec.Struct):
    at: int


class Shout(msgspec.Struct, tag="say"):
    text: str


class Number(msgspec.Struct, tag=1):
    value: int


class Kinded(msgspec.Struct, tag="kinded", tag_field="kind"):
    pass


class Row(msgspec.Struct, tag="row", array_like=True):
    value: int


class Envelope(msgspec.Struct):
    bodies: list[Ping | Pong]


class Letter(msgspec.Struct):
    envelope: Envelope | None = None


class Lost(msgspec.Struct):
    where: Nowhere  # type: ignore[name-defined]  # noqa: F821  # there is none


class Odd(enum.Enum):
    ONE = 1
    TWO = "two"


class Thing:
    pass


UNSUPPORTED: list[tuple[object, str]] = [
    (
        Ping | Pong,
        "Ping | Pong cannot be told apart on the wire: Ping and Pong have no tag; "
        'write `class Ping(msgspec.Struct, tag="ping")` and likewise for each',
    ),
    (
        Ping | Say,
        'Ping | Say cannot be told apart on the wire: Ping has no tag; write `class Ping(msgspec.Struct, tag="ping")`',
    ),
    (
        Say | Shout,
        "Say | Shout cannot be told apart on the wire: Say has type='say', Shout has type='say'; "
        "give every Struct its own tag, all str or all int, in the same tag_field",
    ),
    (
        Ping | Filter,
        "Ping | Filter cannot be told apart on the wire: more than one of them is an object; "
        'make each a tagged Struct, as `class Ping(msgspec.Struct, tag="ping")`',
    ),
    (
        Say | Number,
        "Say | Number cannot be told apart on the wire: Say has type='say', Number has type=1; "
        "give every Struct its own tag, all str or all int, in the same tag_field",
    ),
    (
        Say | Kinded,
        "Say | Kinded cannot be told apart on the wire: Say has type='say', Kinded has kind='kinded'; "
        "give every Struct its own tag, all str or all int, in the same tag_field",
    ),
    (
        Say | Row,
        "Say | Row cannot be told apart on the wire: Row is array_like, the rest not; make all alike",
    ),
    (
        Order | Seat,
        "Order | Seat cannot be told apart on the wire: more than one of them is an object; "
        'make each a tagged Struct, as `class Order(msgspec.Struct, tag="order")`',
    ),
    (
        str | UUID,
        "str | UUID cannot be told apart on the wire: more than one of them is a string; "
        "keep one, or put each into a tagged Struct of its own",
    ),
    (
        list[int] | tuple[str, str],
        "list[int] | tuple[str, str] cannot be told apart on the wire: more than one of them is an array; "
        "keep one, or put each into a tagged Struct of its own",
    ),
    (
        Envelope,
        "Envelope.bodies: Ping | Pong cannot be told apart on the wire: Ping and Pong have no tag; "
        'write `class Ping(msgspec.Struct, tag="ping")` and likewise for each',
    ),
    (
        list[Letter] | None,
        "Envelope.bodies: Ping | Pong cannot be told apart on the wire: Ping and Pong have no tag; "
        'write `class Ping(msgspec.Struct, tag="ping")` and likewise for each',
    ),
    (
        Lost,
        "Lost cannot be decoded: name 'Nowhere' is not defined; "
        "define or import the name in the module of Lost, outside of `if TYPE_CHECKING`",
    ),
    (Odd, "Odd cannot be decoded: enums must contain either all str or all int values"),
    (Annotated[str, msgspec.Meta(ge=1)], "str cannot be decoded: can only set `ge` on a numeric type"),
    ("Say", "'Say' is a name that was not resolved; write the type itself"),
    (
        dict[str, Thing],
        "dict[str, Thing][...]: cannot decode Thing; use a msgspec.Struct, a dataclass, a TypedDict, "
        "a pydantic model or a builtin type",
    ),
    (
        list[complex],
        "list[complex][...]: cannot decode complex; use a msgspec.Struct, a dataclass, a TypedDict, "
        "a pydantic model or a builtin type",
    ),
    (set[list[int]], "an item of set[list[int]] has no hash; use a str, a number or a tuple"),
    (dict[Tree, int], "a key of dict[Tree, int] is a Tree, which has no hash; declare it with frozen=True"),
]


@each_codec
@pytest.mark.parametrize(("tp", "sentence"), UNSUPPORTED, ids=[sentence for _, sentence in UNSUPPORTED])
def test_codec_says_how_to_mend_a_type(codec: Codec, tp: object, sentence: str) -> None:
    for build in (codec.decoder, codec.encoder):
        with pytest.raises(UnsupportedType) as caught:
            build(tp)
        assert str(caught.value) == sentence


@each_codec
def test_codec_refuses_a_union_of_a_model_and_a_struct(codec: Codec) -> None:
    with pytest.raises(
        UnsupportedType, match=r"^Login \| Say mixes pydantic models .* use models only, or Structs only$"
    ):
        codec.decoder(Login | Say)
