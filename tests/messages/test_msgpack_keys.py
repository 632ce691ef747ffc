"""
Doubled keys in MessagePack: a map that has one is refused, however its values are written, and no other is.

Messages are written here byte by byte, since no library writes what must be refused.
"""

from __future__ import annotations

import struct
import sys
import time
from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apistar import ASyncApp, Route, TestClient, WebSocket, http
from apistar.exceptions import InvalidMessage
from apistar.messages import MSGPACK

T = TypeVar("T")
MIB: Final = 1 << 20
BUDGET_S: Final = 1.5 if "coverage" not in sys.modules else 15.0
"""
Of CPU, for a quarter of a MiB; the slowest needs a tenth of it, the collector in a large process as much again. A
tracer multiplies it.
"""


class Item(msgspec.Struct):
    id: int
    note: str = ""


class Say(msgspec.Struct, tag="say"):
    text: str


class Leave(msgspec.Struct, tag="leave"):
    at: datetime | None = None


class Held(msgspec.Struct):
    item: Item
    extra: Any = None


class Page(msgspec.Struct, Generic[T]):
    items: T


class Row(msgspec.Struct, array_like=True):
    item: Item


class Place(msgspec.Struct, frozen=True):
    x: int


Large = msgspec.defstruct("Large", [(f"f{number}", int) for number in range(0x5E)])
"""As many fields as make the head of a message with one more look like that of a map with so many."""


class Model(pydantic.BaseModel):
    text: str
    items: list[dict[str, int]] = []


def pairs(*entries: tuple[bytes, bytes]) -> bytes:
    """A map of up to 15 entries that are written already."""
    return bytes([0x80 | len(entries)]) + b"".join(key + value for key, value in entries)


def text(written: str) -> bytes:
    return bytes([0xA0 | len(written)]) + written.encode()


ID, NOTE, TEXT, TYPE = text("id"), text("note"), text("text"), text("type")
LONG_ID = b"\xd9\x02id"
DOUBLED = pairs((ID, b"\x01"), (ID, b"\x02"))

REFUSED: dict[str, tuple[object, bytes, str]] = {
    "a required field": (Item, DOUBLED, "$.id"),
    "the same value twice": (Item, pairs((ID, b"\x01"), (ID, b"\x01")), "$.id"),
    "an optional field": (Item, pairs((ID, b"\x01"), (NOTE, text("a")), (NOTE, text("b"))), "$.note"),
    "a tag": (Say, pairs((TYPE, text("say")), (TYPE, text("say")), (TEXT, text("a"))), "$.type"),
    "a field beside a tag": (Say, pairs((TYPE, text("say")), (TEXT, text("a")), (TEXT, text("b"))), "$.text"),
    "a field in place of a tag": (Say, pairs((TEXT, text("a")), (TEXT, text("b"))), "$.text"),
    "a field in a union": (Say | Leave, pairs((TEXT, text("a")), (TYPE, text("say")), (TEXT, text("b"))), "$.text"),
    "a field that nobody knows": (
        Leave | Say,
        pairs((TYPE, text("leave")), (ID, b"\x01"), (ID, b"\x02")),
        "$.id",
    ),
    "in an unknown field": (Item, pairs((ID, b"\x01"), (TEXT, b"\x92\x01" + DOUBLED)), "$.text[1].id"),
    "in a value that is lost": (
        Item,
        pairs((ID, b"\x01"), (TEXT, pairs((ID, DOUBLED))), (TEXT, b"\x01")),
        "$.text.id.id",
    ),
    "in a field": (Held, pairs((text("item"), DOUBLED)), "$.item.id"),
    "in what may be anything": (
        Held,
        pairs((text("item"), pairs((ID, b"\x01"))), (text("extra"), DOUBLED)),
        "$.extra.id",
    ),
    "in a generic Struct": (Page[dict[str, int]], pairs((text("items"), DOUBLED)), "$.items.id"),
    "in an array": (Row, b"\x91" + DOUBLED, "$[0].id"),
    "in a dict": (dict[str, int], DOUBLED, "$.id"),
    "of a model": (Model, pairs((TEXT, text("a")), (TEXT, text("b"))), "$.text"),
    "in a model": (Model, pairs((TEXT, text("a")), (text("items"), b"\x91" + DOUBLED)), "$.items[0].id"),
    "behind a note": (Annotated[Item, msgspec.Meta(description="one")], DOUBLED, "$.id"),
    "written otherwise": (Item, pairs((ID, b"\x01"), (LONG_ID, b"\x02")), "$.id"),
    "behind a longer head": (Item, b"\xde\x00\x02" + DOUBLED[1:], "$.id"),
    "behind the longest head": (Item, b"\xdf\x00\x00\x00\x02" + DOUBLED[1:], "$.id"),
    "hidden by a float that is short": (Any, b"\x92\xca\x3f\x80\x00\x00" + DOUBLED, "$[1].id"),
    "hidden by a time that is rounded": (
        Any,
        # It is five bytes longer when written again, and so is what was lost.
        b"\x92\xd7\xff"
        + ((999_999_999 << 34) | (1 << 34) - 1).to_bytes(8, "big")
        + pairs((ID, b"\xcc\x80"), (ID, b"\xcc\x81")),
        "$[1].id",
    ),
    "beside a key that is a map": (
        Item,
        pairs((ID, b"\x01"), (TEXT, pairs((b"\x80", b"\x01"), (b"\x80", b"\x02")))),
        "$.text.b'\\x80'",
    ),
    "behind a key that is a map": (
        Item,
        pairs((ID, b"\x01"), (TEXT, pairs((pairs((ID, b"\x01")), b"\x01"), (ID, b"\x01"), (ID, b"\x02")))),
        "$.text.id",
    ),
    "a number": (dict[int, int], pairs((b"\x01", b"\x01"), (b"\xcc\x01", b"\x02")), "$.1"),
    "bytes": (Any, pairs((b"\xc4\x01a", b"\x01"), (b"\xc5\x00\x01a", b"\x02")), "$.b'a'"),
    "in the many of a large one": (
        Large,
        b"\xde\x00\x5f" + text("f0") + b"\x01" + b"".join(text(f"f{number}") + b"\x01" for number in range(0x5E)),
        "$.f0",
    ),
    "untyped": (Any, DOUBLED, "$.id"),
    "an empty name": (Any, pairs((b"\xa0", b"\x01"), (b"\xa0", b"\x02")), "$."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_doubled_key_is_refused_with_its_path(name: str) -> None:
    tp, data, path = REFUSED[name]
    with pytest.raises(InvalidMessage) as caught:
        MSGPACK.decoder(tp)(data)
    assert (caught.value.detail, caught.value.path) == (f"{path}: key is doubled", path)
    assert caught.value.code == 1007


@pytest.mark.parametrize(
    ("tp", "data"),
    [
        (Item, pairs((ID, b"\xd3" + bytes(7) + b"\x01"), (NOTE, b"\xdb\x00\x00\x00\x01a"))),
        (Item, pairs((NOTE, text("a")), (ID, b"\x01"))),
        (Item, pairs((ID, b"\x01"), (TEXT, pairs((b"\x80", b"\x01"))))),
        (Item, pairs((ID, b"\x01"), (TEXT, pairs((b"\xd4\x05\x00", b"\x01"), (b"\xd4\x05\x01", b"\x01"))))),
        (Held, pairs((text("item"), pairs((ID, b"\x01"))), (text("extra"), pairs((ID, b"\x01"))))),
        (Say, pairs((TEXT, text("a")))),
        (Say | Leave, pairs((TEXT, text("a")), (TYPE, text("say")))),
        (Say | None, b"\xc0"),
        (Row, b"\x91" + pairs((ID, b"\x01"))),
        (Model, pairs((TEXT, text("a")), (text("items"), b"\x92" + pairs((ID, b"\x01")) * 2))),
        (dict[Place, int], pairs((pairs((text("x"), b"\x01")), b"\x01"), (pairs((text("x"), b"\x02")), b"\x02"))),
        (dict[bytes, int], pairs((b"\xc4\x01a", b"\x01"), (b"\xc4\x01b", b"\x01"))),
        (Any, pairs((b"\x01", b"\x01"), (b"\xcb\x3f\xf0" + bytes(6), b"\x02"), (b"\xc3", b"\x03"))),
        (Any, pairs((text("a"), b"\x01"), (b"\xc4\x01a", b"\x01"))),
        (Any, b"\xc7\x03\x05abc"),
        (Any, b"\x80"),
    ],
)
def test_message_without_a_doubled_key_is_taken(tp: object, data: bytes) -> None:
    MSGPACK.decoder(tp)(data)


def length(first: int, count: int, width: int) -> bytes:
    """The head of something: its short form, and its length in one, two or four bytes."""
    return bytes([first]) + count.to_bytes(width, "big")


def written_text(value: str, form: int) -> bytes:
    raw = value.encode()
    heads = [length(0xD9, len(raw), 1), length(0xDA, len(raw), 2), length(0xDB, len(raw), 4)]
    return (heads[form - 1] if form else bytes([0xA0 | len(raw)])) + raw


def written_number(value: int, form: int) -> bytes:
    """A number between 0 and 127."""
    code = "BHIQbhiq"[form % 8]
    return bytes([0xCC + form % 8]) + struct.pack(f">{code}", value) if form else bytes([value])


SCALARS = st.one_of(
    st.tuples(st.just("text"), st.text("aé", max_size=4), st.integers(0, 3)),
    st.tuples(st.just("number"), st.integers(0, 127), st.integers(0, 8)),
    st.tuples(
        st.just("raw"),
        st.sampled_from(
            [
                b"\xc0",
                b"\xc2",
                b"\xe5",
                b"\xca?\x80\x00\x00",
                b"\xcb?\xf0" + bytes(6),
                b"\xc4\x01a",
                b"\xc5\x00\x00",
                b"\xc6\x00\x00\x00\x02ab",
                b"\xd4\x05a",
                b"\xd8\x05" + bytes(16),
                b"\xc8\x00\x01\x05a",
                b"\xd6\xff\x00\x00\x00\x01",
                b"\xd7\xff" + bytes(7) + b"\x01",
                b"\xc7\x0c\xff" + bytes(12),
            ]
        ),
        st.none(),
    ),
)
KEYS = st.one_of(
    st.tuples(st.just("text"), st.sampled_from(["", "a", "é", "id"]), st.integers(0, 3)),
    st.tuples(st.just("number"), st.integers(2, 4), st.integers(0, 8)),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.tuples(st.just("array"), st.lists(inner, max_size=4), st.integers(0, 2))
        | st.tuples(st.just("map"), st.lists(st.tuples(KEYS, inner), max_size=4), st.integers(0, 2))
    ),
    max_leaves=15,
)


def written(tree: Any) -> tuple[bytes, bool]:
    """A tree as MessagePack, and whether a key is doubled in it."""
    kind, value, form = tree
    if kind == "text":
        return written_text(value, form), False
    if kind == "number":
        return written_number(value, form), False
    if kind == "raw":
        return value, False
    short, long = (0x90, 0xDC) if kind == "array" else (0x80, 0xDE)
    data = [bytes([short | len(value)]), length(long, len(value), 2), length(long + 1, len(value), 4)][form]
    doubled = kind == "map" and len({key[:2] for key, _ in value}) < len(value)
    for item in value:
        for part in item if kind == "map" else (item,):
            inner, inside = written(part)
            data, doubled = data + inner, doubled or inside
    return data, doubled


@settings(max_examples=500, deadline=None)
@given(TREES)
def test_doubled_keys_are_found_and_no_others(tree: Any) -> None:
    inner, doubled = written(tree)
    data = pairs((text("item"), pairs((ID, b"\x01"))), (text("extra"), inner))
    for tp in (Held, Any, Item | Any, dict[str, Any]):
        if doubled:
            with pytest.raises(InvalidMessage, match="key is doubled"):
                MSGPACK.decoder(tp)(data)
        else:
            assert MSGPACK.decoder(tp)(data) == msgspec.msgpack.decode(data, type=tp)


@pytest.mark.parametrize(
    "data",
    [
        b"\xdd\x00\x04\x00\x00" + b"\x01" * (MIB // 4),
        b"\xdd\x00\x02\x00\x00" + b"\x91\x01" * (MIB // 8),
        b"\xdd\x00\x01\x00\x00" + b"\x81\x01\x01" * (MIB // 16),
        b"\xdd\x00\x02\x00\x00" + b"\xd9\x00" * (MIB // 8),
        b"\xdf\x00\x00\x80\x00" + b"".join(b"\xd9\x04%04x\x01" % key for key in range(MIB // 32)),
    ],
    ids=["numbers", "arrays", "maps", "texts", "keys"],
)
def test_large_message_that_must_be_walked_takes_no_time(data: bytes) -> None:
    begin = time.process_time()
    with pytest.raises(InvalidMessage, match="key is doubled"):
        MSGPACK.decoder(Any)(b"\x92" + data + DOUBLED)
    assert time.process_time() - begin < BUDGET_S


def test_message_as_msgspec_writes_it_is_never_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of 64-bit floats look like heads of 32-bit ones: of random ones, three in a hundred."""
    monkeypatch.setattr("apistar.messages.msgpack_keys.check_keys", None)
    floats = [struct.unpack(">d", bytes([64, byte, 0xCA, byte, 0xD7, 0xFF, byte, 1]))[0] for byte in range(256)]
    for tp, value in (
        (Any, floats),
        (dict[str, list[float]], {"floats": floats}),
        (list[Held], [Held(Item(1), floats)]),
    ):
        assert MSGPACK.decoder(tp)(MSGPACK.encoder(tp)(value)) == value


@pytest.mark.parametrize(
    ("tp", "value"),
    [
        (list[float], [1.5]),
        (list[list[int]], [[1]]),
        (tuple[int, str], (1, "a")),
        (tuple[int, ...], (1, 2)),
        (set[str] | None, {"a"}),
        (Annotated[list[int], msgspec.Meta(max_length=9)], [1]),
        (bytes, b"x"),
    ],
)
def test_type_that_holds_no_map_is_not_looked_at(monkeypatch: pytest.MonkeyPatch, tp: object, value: object) -> None:
    monkeypatch.setattr("apistar.messages.msgpack_keys._check", None)
    assert MSGPACK.decoder(tp)(msgspec.msgpack.encode(value)) == value


@pytest.mark.parametrize("tp", [list[Any], list[dict[str, int]], tuple[int, Any], list[Row], Row, list[Item]])
def test_type_that_may_hold_a_map_is_looked_at(tp: object) -> None:
    doubled = pairs((text("id"), b"\1"), (text("id"), b"\2"))
    shapes: dict[object, bytes] = {tuple[int, Any]: b"\x92\1" + doubled, list[Row]: b"\x91\x91" + doubled}
    with pytest.raises(InvalidMessage, match="key is doubled"):
        MSGPACK.decoder(tp)(shapes.get(tp, b"\x91" + doubled))


def keys_of_one_place(bits: int, count: int) -> list[int]:
    """
    Numbers that a `dict` of Python, of 2^bits places, looks long for a place for.

    It tries 5 i + 1 + p, where p is what is left of the hash. Most of these keys lie one behind the other on the way
    that is tried for p = 0; those at the end get onto it at its beginning, and must go all of it.
    """
    size = 1 << bits
    filled = size * 3 // 5
    keys, order, place = [], [0] * size, 0
    for number in range(size):
        order[place] = number
        keys.append(place)
        place = (5 * place + 1) % size
    del keys[filled:]
    key = size
    while len(keys) < filled + count:
        place, rest = key % size, key
        while rest and order[place] < filled:
            rest >>= 5
            place = (5 * place + rest + 1) % size
        if order[place] < filled // 3:
            keys.append(key)
        key += 1
    return keys


def as_map(keys: list[int]) -> bytes:
    return b"\xdf" + len(keys).to_bytes(4, "big") + b"".join(msgspec.msgpack.encode(key) + b"\x01" for key in keys)


def as_keys_of_pairs(count: int) -> bytes:
    """Keys that hold others."""
    pair = (b"\x92" + msgspec.msgpack.encode(number) + b"\x01\x01" for number in range(count))
    return b"\xdf" + count.to_bytes(4, "big") + b"".join(pair)


COSTLY: Final = as_map(keys_of_one_place(17, 8600))
"""380 KB that Python needs seconds for, and a MiB of them half a minute."""


@pytest.mark.parametrize(
    ("tp", "data", "path"),
    [
        (Any, COSTLY, "$"),
        (dict[int, int], COSTLY, "$"),
        (Item, pairs((ID, b"\x01"), (TEXT, b"\x91" + COSTLY)), "$.text[0]"),
        (Say | Leave, pairs((TYPE, text("say")), (TEXT, text("a")), (ID, COSTLY)), "$.id"),
        (Held, pairs((text("item"), pairs((ID, b"\x01"))), (text("extra"), COSTLY)), "$.extra"),
        (Any, as_keys_of_pairs(5000), "$"),
    ],
    ids=["untyped", "typed", "in an unknown field", "in a union", "in a field of any type", "pairs"],
)
def test_keys_that_were_chosen_to_have_one_place_take_no_time(tp: object, data: bytes, path: str) -> None:
    decode = MSGPACK.decoder(tp)
    begin = time.process_time()
    with pytest.raises(InvalidMessage) as caught:
        decode(data)
    assert time.process_time() - begin < BUDGET_S / 5
    assert caught.value.detail == f"{path}: too many keys that are no text; 4096 numbers may be"


@pytest.mark.parametrize(
    "value",
    [
        dict.fromkeys(range(4096), "text"),
        {number.to_bytes(2, "big"): "bytes" for number in range(5000)},
        {f"key {number}": {"a": number} for number in range(5000)},
        {"a": b"\xdf" * 20_000},
    ],
    ids=["numbers", "bytes", "texts", "none"],
)
def test_large_map_with_sound_keys_is_taken(value: object) -> None:
    assert MSGPACK.decoder(Any)(msgspec.msgpack.encode(value)) == value


@pytest.mark.parametrize(
    "data",
    [b"\x91" * 20_000 + b"\xdf", b"\xdf\xff\xff\xff\xff" + b"\x01" * 20_000, b"\xdf" * 20_000, b"\xa1\xff" * 20_000],
)
def test_large_message_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidMessage, match=r"nested too deeply|key is doubled|malformed"):
        MSGPACK.decoder(Any)(data)


@pytest.mark.parametrize(("one", "other"), [(0.0, -0.0), (1.0, 1.0)])
def test_float_that_is_written_otherwise_is_the_same_key(one: float, other: float) -> None:
    written = [b"\xcb" + struct.pack(">d", one), b"\xca" + struct.pack(">f", other)]
    with pytest.raises(InvalidMessage, match="key is doubled"):
        MSGPACK.decoder(Any)(pairs((written[0], b"\x01"), (written[1], b"\x01")))


def test_doubled_key_is_answered_1007_on_a_socket_and_400_over_http() -> None:
    async def typed(ws: WebSocket[Item, Item]) -> None:
        await ws.connect()
        async for item in ws:
            await ws.send(item)

    async def body(item: http.Body[Item]) -> Item:
        return item

    routes = [Route("/", handler=typed, codecs=["msgpack"]), Route("/", "POST", body)]
    client = TestClient(ASyncApp(routes))
    with client.websocket("/", subprotocols=["msgpack"]) as ws:
        ws.send(DOUBLED)
        ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (1007, "$.id: key is doubled")
    answer = client.post("/", content=DOUBLED, headers={"content-type": "application/msgpack"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "$.id: key is doubled")
