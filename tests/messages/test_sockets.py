"""
Typed sockets from end to end: what a route declares is what its client may say, in the codec that it asks for.
"""

from __future__ import annotations

import dataclasses
import enum
import plistlib
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    TypedDict,
    TypeVar,
    Union,
    cast,
)
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest

from apistar import ASyncApp, Route, TestClient, WebSocket
from apistar.exceptions import ConfigurationError, EncodeError, InvalidMessage, WebSocketDisconnect
from apistar.messages import JSON, MSGPACK, Codec

T = TypeVar("T")


class Say(msgspec.Struct, tag="say"):
    text: str


class Leave(msgspec.Struct, tag="leave"):
    pass


class Said(msgspec.Struct, tag="said"):
    text: str


class PlistCodec(Codec):
    name = "plist"
    title = "a property list"
    subprotocol = "plist"
    text = False
    media_type = "application/x-plist"

    def reader(self, tp: object) -> Callable[[Any], object]:
        return lambda data: msgspec.convert(plistlib.loads(data, fmt=plistlib.FMT_BINARY), tp)

    def writer(self) -> Callable[[object], bytes]:
        return lambda value: plistlib.dumps(msgspec.to_builtins(value), fmt=plistlib.FMT_BINARY)


async def echo(ws: WebSocket[Say | Leave, Said]) -> None:
    await ws.connect()
    async for message in ws:
        match message:
            case Say(text):
                await ws.send(Said(text))
            case Leave():
                break


def client_of(handler: Any, **options: Any) -> TestClient:
    return TestClient(ASyncApp([Route("/", handler=handler, **options)]), timeout_s=10)


# Codecs

PLIST = PlistCodec()
ENCODED: dict[str, tuple[Codec, Callable[[Any], str | bytes], Callable[[Any], Any]]] = {
    "json": (JSON, lambda value: msgspec.json.encode(value).decode(), msgspec.json.decode),
    "msgpack": (MSGPACK, msgspec.msgpack.encode, msgspec.msgpack.decode),
    "plist": (PLIST, lambda value: plistlib.dumps(value, fmt=plistlib.FMT_BINARY), plistlib.loads),
}


@pytest.mark.parametrize("name", ENCODED)
def test_client_chooses_a_codec_by_subprotocol(name: str) -> None:
    codec, encode, decode = ENCODED[name]
    with client_of(echo, codecs=["json", "msgpack", PLIST]).websocket("/", subprotocols=["v9", name]) as ws:
        assert ws.subprotocol == name
        ws.send(encode({"type": "say", "text": "hello"}))
        answer = ws.receive()
        assert isinstance(answer, str) is codec.text
        assert decode(answer) == {"type": "said", "text": "hello"}


def test_client_that_asks_for_no_codec_gets_the_first() -> None:
    with client_of(echo, codecs=[MSGPACK, JSON]).websocket("/") as ws:
        assert ws.subprotocol is None
        ws.send(msgspec.msgpack.encode({"type": "say", "text": "hello"}))
        assert msgspec.msgpack.decode(ws.receive_bytes()) == {"type": "said", "text": "hello"}


def test_client_gets_the_first_that_it_offers() -> None:
    with client_of(echo, codecs=["json", "msgpack"]).websocket("/", subprotocols=["msgpack", "json"]) as ws:
        assert ws.subprotocol == "msgpack"


def test_client_cannot_ask_for_a_codec_that_the_route_does_not_allow() -> None:
    with client_of(echo).websocket("/", subprotocols=["msgpack"]) as ws:
        assert ws.subprotocol is None
        ws.send_json({"type": "say", "text": "hello"})
        assert ws.receive_json() == {"type": "said", "text": "hello"}


def test_handler_that_chooses_a_subprotocol_chooses_its_codec() -> None:
    async def talk(ws: WebSocket[Say, Said]) -> None:
        await ws.connect(subprotocol=ws.subprotocols[0])
        await ws.send(Said("hello"))

    with client_of(talk, codecs=["json", "msgpack"]).websocket("/", subprotocols=["chat.v2", "msgpack"]) as ws:
        assert ws.subprotocol == "chat.v2"
        assert ws.receive_json() == {"type": "said", "text": "hello"}
    with client_of(talk, codecs=["json", "msgpack"]).websocket("/", subprotocols=["msgpack"]) as ws:
        assert msgspec.msgpack.decode(ws.receive_bytes()) == {"type": "said", "text": "hello"}


def test_raw_socket_has_no_codec_to_choose() -> None:
    async def talk(ws: WebSocket[str, str]) -> None:
        await ws.connect()

    with client_of(talk, codecs=["json", "msgpack"]).websocket("/", subprotocols=["msgpack"]) as ws:
        assert ws.subprotocol is None


@pytest.mark.parametrize("name", ENCODED)
def test_frame_of_the_wrong_kind_closes_with_1003(name: str) -> None:
    codec, _, _ = ENCODED[name]
    with client_of(echo, codecs=[codec]).websocket("/") as ws:
        ws.send(b"\x00" if codec.text else "text")
        ws.wait_closed()
        expected = "expected a text message, got binary" if codec.text else "expected a binary message, got text"
        assert (ws.close_code, ws.close_reason) == (1003, f"$: {expected}")


def test_decoder_outside_of_a_socket_takes_what_its_codec_can_read() -> None:
    assert JSON.decoder(Say)(b'{"type":"say","text":"a"}') == JSON.decoder(Say)('{"type":"say","text":"a"}')
    with pytest.raises(InvalidMessage, match="expected a binary message, got text") as refused:
        MSGPACK.decoder(Say)("text")
    assert refused.value.code == 1003


@pytest.mark.parametrize("name", ENCODED)
def test_message_that_is_nonsense_in_its_codec_closes_with_1007(name: str) -> None:
    codec, _, _ = ENCODED[name]
    with client_of(echo, codecs=[codec]).websocket("/") as ws:
        ws.send("nonsense" if codec.text else b"nonsense")
        ws.wait_closed()
        assert ws.close_code == 1007
        assert ws.close_reason is not None
        assert ws.close_reason.startswith("$: ")


@pytest.mark.parametrize(
    ("codecs", "sentence"),
    [
        (["yaml"], "allows codec 'yaml'; known are 'json', 'msgpack', and instances of Codec"),
        ([], "allows no codec; leave `codecs` out for JSON"),
        ([PLIST, PlistCodec()], "a property list and a property list have one subprotocol, 'plist'"),
    ],
    ids=["unknown", "none", "twice"],
)
def test_codecs_that_cannot_be_are_refused_at_start_up(codecs: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        client_of(echo, codecs=codecs)


# Annotations


def test_types_may_be_named_before_they_exist() -> None:
    async def early(ws: WebSocket[Say, Said]) -> None:
        await ws.connect()
        await ws.send(Said((await ws.receive()).text))

    early.__annotations__ = {"ws": WebSocket["Say", "Said"], "return": None}  # as without the __future__ import
    with client_of(early).websocket("/") as ws:
        ws.send_json({"type": "say", "text": "hello"})
        assert ws.receive_json() == {"type": "said", "text": "hello"}


def test_types_of_a_socket_may_stand_behind_an_alias_or_a_note() -> None:
    async def talk(ws: Annotated[WebSocket[Say, Said], "where they talk"]) -> None:
        await ws.connect()
        await ws.send(Said((await ws.receive()).text))

    with client_of(talk).websocket("/") as ws:
        ws.send_json({"type": "say", "text": "hello"})
        assert ws.receive_json() == {"type": "said", "text": "hello"}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type X = …` is Python 3.12's")
def test_types_may_be_named_by_the_statement_of_python_3_12() -> None:
    namespace: dict[str, Any] = {"Say": Say, "Leave": Leave, "Said": Said, "WebSocket": WebSocket}
    exec(
        "type Heard = Say | Leave\n"
        "type Socket = WebSocket[Heard, Said]\n"
        "async def talk(ws: Socket):\n"
        "    await ws.connect()\n"
        "    await ws.send(Said((await ws.receive()).text))\n",
        namespace,
    )
    app = ASyncApp([Route("/", handler=namespace["talk"])])
    [channel] = app.reference().channels
    assert [message.name for message in channel.incoming] == ["Say", "Leave"]
    with TestClient(app).websocket("/") as ws:
        ws.send_json({"type": "say", "text": "hello"})
        assert ws.receive_json() == {"type": "said", "text": "hello"}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type X = …` is Python 3.12's")
def test_alias_that_contains_itself_is_refused_at_start_up() -> None:
    namespace: dict[str, Any] = {}
    exec("type Tree = dict[str, Tree] | int\n", namespace)

    async def talk(ws: Any) -> None: ...

    def socket(incoming: Any) -> Any:
        return WebSocket[incoming, str]

    talk.__annotations__ = {"ws": socket(namespace["Tree"])}
    with pytest.raises(
        ConfigurationError, match="Tree cannot be decoded: it is an alias that contains itself; use a S"
    ):
        client_of(talk)


# All spellings are tested.
@pytest.mark.parametrize("annotation", [str | bytes, Union[str, bytes], Union[bytes, str]], ids=str)  # noqa: UP007
def test_text_or_bytes_travel_as_they_are(annotation: Any) -> None:
    async def talk(ws: Any) -> None:
        await ws.connect()
        async for message in ws:
            await ws.send(message)

    talk.__annotations__ = {"ws": WebSocket[annotation, annotation]}
    with client_of(talk).websocket("/") as ws:
        for message in ("text", b"binary"):
            ws.send(message)
            assert ws.receive() == message


def test_optional_message_may_be_null() -> None:
    received = []

    async def talk(ws: WebSocket[Optional[Say], Said | None]) -> None:  # noqa: UP045  # both spellings are tested
        await ws.connect()
        async for message in ws:
            received.append(message)
            await ws.send(None)

    with client_of(talk).websocket("/") as ws:
        ws.send("null")
        assert ws.receive_text() == "null"
    assert received == [None]


def test_raw_socket_in_one_direction_only() -> None:
    async def talk(ws: WebSocket[Say, bytes]) -> None:
        await ws.connect()
        await ws.send((await ws.receive()).text.encode())
        with pytest.raises(EncodeError, match="this WebSocket sends bytes, got str"):
            await ws.send("text")  # type: ignore[arg-type]  # the mistake that is tested

    with client_of(talk).websocket("/") as ws:
        ws.send_json({"type": "say", "text": "hello"})
        assert ws.receive() == b"hello"


# What is refused


def test_handler_may_catch_an_invalid_message_and_go_on() -> None:
    faults: list[tuple[str, str, str, str]] = []

    async def patient(ws: WebSocket[Say, Said]) -> None:
        await ws.connect()
        while True:
            try:
                await ws.send(Said((await ws.receive()).text))
            except InvalidMessage as fault:
                faults.append((fault.path, fault.expected, fault.got, fault.detail))

    with client_of(patient).websocket("/") as ws:
        ws.send('{"type": "say", "text": 1}')
        ws.send('{"type": "say"}')
        ws.send("{")
        ws.send_json({"type": "say", "text": "hello"})
        assert ws.receive_json() == {"type": "said", "text": "hello"}
    assert faults == [
        ("$.text", "str", "int", "$.text: expected str, got int"),
        ("$.text", "a value", "", "$.text: required field is missing"),
        ("$", "JSON", "", "$: malformed JSON: it ends early (byte 1)"),
    ]


@pytest.mark.parametrize(
    "value",
    [Say("x"), None, "text", {"type": "said", "text": "x"}, Said(cast("str", 1)), [Said("x")]],
    ids=repr,
)
@pytest.mark.parametrize("method", ["send", "send_nowait"])
def test_value_of_another_type_is_refused_before_a_byte_is_queued(value: Any, method: str) -> None:
    async def talk(ws: WebSocket[Say, Said]) -> None:
        await ws.connect()
        with pytest.raises(EncodeError):
            if method == "send":
                await ws.send(value)
            else:
                ws.send_nowait(value)
        await ws.send(Said("only this"))

    with client_of(talk).websocket("/") as ws:
        assert ws.receive_json() == {"type": "said", "text": "only this"}
        with pytest.raises(WebSocketDisconnect):
            ws.receive()
        assert ws.close_code == 1000


def test_two_types_for_one_socket_are_refused_at_start_up() -> None:
    async def talk(ws: WebSocket[Say, Said], again: WebSocket[Leave, Said]) -> None: ...

    with pytest.raises(ConfigurationError, match=r"one WebSocket is declared as \[Say, Said\] and as \[Leave, Said\]"):
        client_of(talk)


# Every kind of type, as its client writes it


class Box(msgspec.Struct, Generic[T]):
    value: T


class Node(msgspec.Struct):
    name: str
    children: list[Node] = []


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


@attrs.define
class Seat:
    row: str


class Filter(TypedDict):
    symbol: str
    depth: NotRequired[int]


class Span(NamedTuple):
    first: int
    last: int


class Colour(enum.Enum):
    RED = "red"


class Login(pydantic.BaseModel):
    kind: Literal["login"] = "login"
    name: str = pydantic.Field(min_length=1)


class Logout(pydantic.BaseModel):
    kind: Literal["logout"] = "logout"


class Page(pydantic.BaseModel, Generic[T]):
    items: list[T]


UserId = NewType("UserId", int)
Session = Annotated[Login | Logout, pydantic.Field(discriminator="kind")]

KINDS: list[tuple[Any, Any, str]] = [
    (Say | Leave, Say("hi"), '{"type":"say","text":"hi"}'),
    (list[Say | Leave], [Leave()], '[{"type":"leave"}]'),
    (Box[int], Box(1), '{"value":1}'),
    (Box[Say | None], Box(None), '{"value":null}'),
    (Node, Node("a", [Node("b")]), '{"name":"a","children":[{"name":"b","children":[]}]}'),
    (Point, Point(1, 2), '{"x":1,"y":2}'),
    (Seat, Seat("a"), '{"row":"a"}'),
    (Filter, {"symbol": "x"}, '{"symbol":"x"}'),
    (Span, Span(1, 2), "[1,2]"),
    (Literal["on", "off"], "on", '"on"'),
    (Colour, Colour.RED, '"red"'),
    (Annotated[int, msgspec.Meta(ge=0)], 0, "0"),
    (UserId, 7, "7"),
    (int | str | None, "x", '"x"'),
    (datetime, datetime(2020, 1, 1, tzinfo=UTC), '"2020-01-01T00:00:00Z"'),
    (UUID, UUID(int=0), '"00000000-0000-0000-0000-000000000000"'),
    (Decimal, Decimal("1.10"), '"1.10"'),
    (list[bytes], [b"\xff"], '["/w=="]'),
    (dict[str, bytes], {"a": b"\xff"}, '{"a":"/w=="}'),
    (Login, Login(name="ann"), '{"kind":"login","name":"ann"}'),
    (Session, Logout(), '{"kind":"logout"}'),
    (Login | Logout, Logout(), '{"kind":"logout"}'),
    (Page[Login], Page[Login](items=[Login(name="ann")]), '{"items":[{"kind":"login","name":"ann"}]}'),
    (Box[Login], Box(Login(name="ann")), '{"value":{"kind":"login","name":"ann"}}'),
    (Any, [1, None], "[1,null]"),
]


@pytest.mark.parametrize(("tp", "value", "text"), KINDS, ids=[str(kind[0]) for kind in KINDS])
def test_socket_carries_every_kind_of_type(tp: Any, value: Any, text: str) -> None:
    received = []

    async def talk(ws: Any) -> None:
        await ws.connect()
        async for message in ws:
            received.append(message)
            await ws.send(message)

    talk.__annotations__ = {"ws": WebSocket[tp, tp]}
    with client_of(talk).websocket("/") as ws:
        ws.send(text)
        assert ws.receive() == text
        if tp is not Any:
            ws.send("{]")
            ws.wait_closed()
            assert ws.close_code == 1007
    assert received == [value]
