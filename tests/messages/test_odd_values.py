"""
Values at the edges: not a number, too large, half a character, without a zone, nothing at all, and more than one thing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, cast

import msgspec
import pydantic
import pytest

from apistar import ASyncApp, Route, TestClient, WebSocket
from apistar.exceptions import EncodeError, InvalidMessage, UnsupportedType
from apistar.messages import JSON, MSGPACK, Codec

NAN = float("nan")
INF = float("inf")
Zoned = Annotated[datetime, msgspec.Meta(tz=True)]


class Say(msgspec.Struct, tag="say"):
    text: str


class Shout(Say, tag="shout"):
    pass


class Louder(Say):
    """A subclass that brings its own fields, under the tag that it inherited."""

    volume: int = 11


class Leave(msgspec.Struct, tag="leave"):
    pass


class Model(pydantic.BaseModel):
    text: str


class Other(pydantic.BaseModel):
    number: int


class Either(pydantic.RootModel[Model | Other]):
    pass


class Confused(msgspec.Struct):
    model: Model | Other


class Mended(msgspec.Struct):
    model: Either


def pack(value: object) -> bytes:
    return msgspec.msgpack.encode(value)


def named(parameter: object) -> str:
    if isinstance(parameter, Codec):
        return parameter.name
    return "" if callable(parameter) and not isinstance(parameter, type) else repr(parameter)[:40]


TAKEN: list[tuple[Codec, object, str | bytes, object]] = [
    (JSON, float, "1e-400", 0.0),
    (JSON, int, "-0", 0),
    (JSON, int, str(2**80), 2**80),
    (JSON, Any, str(-(2**80)), -(2**80)),
    (JSON, Decimal, "1e400", Decimal("1E+400")),
    (JSON, Decimal, '"Infinity"', Decimal("Infinity")),
    (JSON, str, '"\\ud83d\\ude00\\u0000"', "😀\0"),
    (JSON, datetime, '"2020-01-01T00:00:00"', datetime(2020, 1, 1)),
    (JSON, Say, ' \t\r\n{"text" : "a"}\n ', Say("a")),
    (MSGPACK, float, pack(INF), INF),
    (MSGPACK, int, pack(2**64 - 1), 2**64 - 1),
]


@pytest.mark.parametrize(("codec", "tp", "data", "value"), TAKEN, ids=named)
def test_odd_value_is_taken(codec: Codec, tp: object, data: str | bytes, value: object) -> None:
    assert codec.decoder(tp)(data) == value


REFUSED: list[tuple[Codec, object, str | bytes, str]] = [
    (JSON, float, "NaN", "$: malformed JSON: invalid character (byte 0)"),
    (JSON, float, "1e400", "$: number out of range"),
    (JSON, float, '"NaN"', "$: expected float, got str"),
    (JSON, int, "1e2", "$: expected int, got float"),
    (JSON, int, "01", "$: malformed JSON: invalid number (byte 1)"),
    (JSON, str, '"é\\ud800"', "$: malformed JSON: a surrogate without its pair (byte 3)"),
    (JSON, str, '"\\ud800 and more"', "$: malformed JSON: unexpected end of escaped utf-16 surrogate pair (byte 7)"),
    (JSON, str, '"\\udc00"', "$: malformed JSON: invalid utf-16 surrogate pair (byte 7)"),
    (JSON, str, '"\\ud800', "$: malformed JSON: it ends early (byte 7)"),
    (JSON, Zoned, '"2020-01-01T00:00:00"', "$: expected datetime with a timezone component"),
    (JSON, datetime, '"2020-01-01T23:59:60Z"', "$: invalid RFC3339 encoded datetime"),
    (JSON, Say, "", "$: malformed JSON: it is empty"),
    (JSON, Model, "", "$: malformed JSON: it is empty"),
    (JSON, Any, " ", "$: malformed JSON: it ends early (byte 1)"),
    (JSON, Say, '\ufeff{"text":"a"}', "$: malformed JSON: a byte order mark (byte 0)"),
    (JSON, Model, '\ufeff{"text":"a"}', "$: malformed JSON: a byte order mark (byte 0)"),
    (JSON, Say, '\xa0{"text":"a"}', "$: malformed JSON: invalid character (byte 0)"),
    (JSON, Say, '{"text":"a"}{"text":"a"}', "$: malformed JSON: trailing characters (byte 13)"),
    (JSON, Say, '{"text":"a",}', "$: malformed JSON: trailing comma in object (byte 12)"),
    (MSGPACK, Say, b"", "$: malformed MessagePack: it is empty"),
    (MSGPACK, Say, pack({"text": "a"}) + b"\0", "$: malformed MessagePack: trailing characters (byte 8)"),
    (MSGPACK, Say, b"\x81\xa4text\xa3\xed\xa0\x80", "$: malformed MessagePack: invalid UTF-8"),
    (MSGPACK, Any, b"\x81\x80\x01", "$: malformed MessagePack: map keys must be hashable (byte 3)"),
    (MSGPACK, Any, b"\xef\xbb\xbf\xc1", "$: malformed MessagePack: trailing characters (byte 1)"),
]


@pytest.mark.parametrize(("codec", "tp", "data", "detail"), REFUSED, ids=named)
def test_odd_value_is_refused_with_its_reason(codec: Codec, tp: object, data: str | bytes, detail: str) -> None:
    for form in (data, data.encode()) if isinstance(data, str) else (data,):
        with pytest.raises(InvalidMessage) as caught:
            codec.decoder(tp)(form)
        assert (caught.value.detail, caught.value.code) == (detail, 1007)


UNSENT: list[tuple[Codec, object, Callable[[], object], str]] = [
    (JSON, float, lambda: NAN, "no float: $: expected float, got null"),
    (JSON, dict[str, float], lambda: {"a": INF}, "no dict[str, float]: $[...]: expected float, got null"),
    (MSGPACK, int, lambda: 2**64, "cannot encode a value of type int: can't serialize ints"),
    (JSON, Say, lambda: Say("\ud800"), "cannot encode a value of type Say: 'utf-8' codec can't encode"),
    (MSGPACK, list[str], lambda: ["\ud800"], "cannot encode a value of type list: 'utf-8' codec can't encode"),
    (JSON, Zoned, lambda: datetime(2020, 1, 1), "$: expected datetime with a timezone component"),
    (MSGPACK, datetime, lambda: datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), "date value out of range"),
    (JSON, Say, lambda: Shout("a"), "no Say: $.type: unknown tag 'shout'; expected 'say'"),
    (JSON, Say | Leave, lambda: Shout("a"), "no Say | Leave: $.type: unknown tag 'shout'"),
    (JSON, Say, Leave, "a value of type Leave: the outgoing type is Say"),
    (JSON, Say, lambda: Say, "a value of type StructMeta: the outgoing type is Say"),
    (JSON, Say, lambda: (say for say in [Say("a")]), "a value of type generator: the outgoing type is Say"),
    (JSON, list[int], lambda: (n for n in [1]), "a value of type generator: the outgoing type is list[int]"),
    (JSON, list[int], lambda: (1, 2), "a value of type tuple: the outgoing type is list[int]"),
    (JSON, Any, lambda: (n for n in [1]), "cannot encode a value of type generator; use a msgspec.Struct"),
    (JSON, int, lambda: True, "no int: $: expected int, got bool"),
    (JSON, Model, lambda: Other(number=1), "cannot send a value of type Other: the outgoing type is Model"),
]


@pytest.mark.parametrize(("codec", "tp", "make", "sentence"), UNSENT, ids=named)
def test_odd_value_is_not_sent(codec: Codec, tp: Any, make: Callable[[], object], sentence: str) -> None:
    said: list[str] = []

    async def talk(ws: Any) -> None:
        await ws.connect()
        with pytest.raises(EncodeError) as caught:
            await ws.send(make())
        said.append(str(caught.value))
        with pytest.raises(EncodeError):
            ws.send_nowait(make())
        await ws.send_text("over")

    talk.__annotations__ = {"ws": WebSocket[Say, tp]}
    with TestClient(ASyncApp([Route("/", handler=talk, codecs=[codec])])).websocket("/") as ws:
        assert ws.receive() == "over"
    assert sentence in said[0]


def test_subclass_under_the_tag_of_its_base_is_sent_whole() -> None:
    assert JSON.encoder(Say)(cast("Say", Louder("a"))) == b'{"type":"say","text":"a","volume":11}'
    assert JSON.decoder(Say)(JSON.encoder(Say)(Louder("a"))) == Say("a")


def test_models_in_a_union_inside_of_a_struct_are_refused_with_the_way_out() -> None:
    with pytest.raises(UnsupportedType, match=r"write `class AnyModel\(pydantic\.RootModel\[Model \| Other\]\)`"):
        JSON.decoder(Confused)
    value = Mended(Either(Other(number=1)))
    assert JSON.encoder(Mended)(value) == b'{"model":{"number":1}}'
    assert JSON.decoder(Mended)(b'{"model":{"number":1}}') == value
