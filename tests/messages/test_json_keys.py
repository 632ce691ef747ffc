"""
Doubled keys in JSON: an object that has one is refused, whatever stands around it, and no other is.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apistar import ASyncApp, Route, TestClient, WebSocket, http
from apistar.exceptions import InvalidMessage
from apistar.messages import JSON
from apistar.messages.json_keys import LOCATED_BYTES

T = TypeVar("T")


class Item(msgspec.Struct):
    id: int
    note: str = ""


class Say(msgspec.Struct, tag="say", rename="camel"):
    the_text: str
    items: list[Item] = []
    extra: Any = None


class Leave(msgspec.Struct, tag="leave"):
    pass


class Page(msgspec.Struct, Generic[T]):
    items: T


class Price(msgspec.Struct):
    value: Decimal
    note: str = ""


class Row(msgspec.Struct, array_like=True):
    item: Item


class Model(pydantic.BaseModel):
    text: str
    items: list[dict[str, int]] = []


class Holder(msgspec.Struct):
    model: Model


REFUSED: dict[str, tuple[object, str, str]] = {
    "a required field": (Item, '{"id":1,"id":2}', "$.id"),
    "the same value twice": (Item, '{"id":1,"id":1}', "$.id"),
    "an optional field": (Item, '{"id":1,"note":"a","note":"b"}', "$.note"),
    "a tag": (Say, '{"type":"say","type":"say","theText":"a"}', "$.type"),
    "a field beside a tag": (Say, '{"type":"say","theText":"a","theText":"b"}', "$.theText"),
    "a field in place of a tag": (Say, '{"theText":"a","theText":"b"}', "$.theText"),
    "a field whose text looks like a tag": (Say, '{"theText":"{\\"type\\":","theText":"b"}', "$.theText"),
    "a field in a union": (Say | Leave, '{"theText":"a","type":"say","theText":"b"}', "$.theText"),
    "a field that nobody knows": (Leave | Say, '{"type":"leave","x":1,"x":2}', "$.x"),
    "in a list": (Say, '{"theText":"a","items":[{"id":1},{"id":2,"id":3}]}', "$.items[1].id"),
    "in an unknown field": (Item, '{"id":1,"other":[{"a":{"b":1,"b":2}}]}', "$.other[0].a.b"),
    "in a value that is lost": (Item, '{"id":1,"a":{"b":1,"b":2},"a":1}', "$.a"),
    "in what may be anything": (Say, '{"theText":"a","extra":{"a":1,"a":2}}', "$.extra.a"),
    "in a list beside a Struct": (Item | list[Any], '[{"id":1,"id":2}]', "$[0].id"),
    "in a generic Struct": (Page[dict[str, int]], '{"items":{"a":1,"a":2}}', "$.items.a"),
    "in an array": (Row, '[{"id":1,"id":2}]', "$[0].id"),
    "in a dict": (dict[str, int], '{"a":1,"a":2}', "$.a"),
    "of a model": (Model, '{"text":"a","text":"b"}', "$.text"),
    "in a model": (Model, '{"text":"a","items":[{"x":1,"x":2}]}', "$.items[0].x"),
    "of a model in a Struct": (Holder, '{"model":{"text":"a","text":"b"}}', "$.model.text"),
    "behind a note": (Annotated[Item, msgspec.Meta(description="one")], '{"id":1,"id":2}', "$.id"),
    "written otherwise": (Item, '{"id":1,"\\u0069d":2}', "$.id"),
    "with spaces": (Item, '{ "id" : 1 , "id" : 2 }', "$.id"),
    "hidden behind an escaped colon": (Item, '{"id":1,"id":2,"note":"\\u003a"}', "$.id"),
    "hidden behind a great one": (Item, '{"id":1,"id":2,"note":"\\u003A"}', "$.id"),
    "hidden behind what is none": (Item, '{"id":1,"id":2,"note":"\\\\u003a"}', "$.id"),
    "beside a number for a Decimal only": (Price, '{"value":1e999,"note":"a","note":"b"}', "$.note"),
    "untyped": (Any, '{"a":{"b":1,"b":2}}', "$.a.b"),
    "an empty name": (Any, '{"":1,"":2}', "$."),
}


@pytest.mark.parametrize("data", [str, str.encode], ids=["text", "bytes"])
@pytest.mark.parametrize("name", REFUSED)
def test_doubled_key_is_refused_with_its_path(name: str, data: Any) -> None:
    tp, text, path = REFUSED[name]
    with pytest.raises(InvalidMessage) as caught:
        JSON.decoder(tp)(data(text))
    assert (caught.value.detail, caught.value.path) == (f"{path}: key is doubled", path)
    assert caught.value.code == 1007


@pytest.mark.parametrize("data", [str, str.encode], ids=["text", "bytes"])
@pytest.mark.parametrize(
    ("tp", "text"),
    [
        (Item, '{"note":"a: b: c","id":1}'),
        (Item, '{"id":1,"note":"\\u003a \\u003A \\\\u003a \\\\\\u003a \\u003b"}'),
        (Item, '{"id":1,"a:b":{"id":2},"list":[{"id":3},{"id":3}]}'),
        (Say | None, '{"theText":"a"}'),
        (Say | None, "null"),
        (Say | Leave, '{"theText":"a","type":"say"}'),
        (Say, '{"theText":"{\\"type\\":","extra":{"theText":1}}'),
        (Price, '{"value":1e999,"note":"at 10:30"}'),
        (Price, '{"value":' + "9" * 5000 + ',"note":"at 10:30"}'),
        (Item, '{"id":1,"other":' + "9" * 5000 + "}"),
        (Row, '[{"id":1}]'),
        (Model, '{"text":"a:b","items":[{"x":1},{"x":1}]}'),
        (dict[str, Any], "{}"),
        (Any, '"a:b"'),
    ],
)
def test_message_without_a_doubled_key_is_taken(tp: object, text: str, data: Any) -> None:
    JSON.decoder(tp)(data(text))


TREES = st.recursive(
    st.none() | st.integers(-(2**70), 2**70) | st.text(':\\"u003aA{}é', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(st.sampled_from(["id", "note", ":", "é"]), inner)),
    max_leaves=12,
)


def written(tree: object, escape: bool) -> tuple[str, bool]:
    """A tree as JSON, where a list of pairs is an object; and whether a key is doubled in it."""
    if not isinstance(tree, list):
        return json.dumps(tree, ensure_ascii=escape), False
    pairs = bool(tree) and all(isinstance(item, tuple) for item in tree)
    values = [written(item[1] if isinstance(item, tuple) else item, escape) for item in tree]
    doubled = any(found for _, found in values)
    if not pairs:
        return "[" + ",".join(text for text, _ in values) + "]", doubled
    keys = [key for key, _ in tree]
    members = (json.dumps(key, ensure_ascii=escape) + ":" + text for key, (text, _) in zip(keys, values, strict=True))
    return "{" + ",".join(members) + "}", doubled or len(set(keys)) < len(keys)


@settings(max_examples=200, deadline=None)
@given(TREES, st.booleans(), st.booleans())
def test_doubled_keys_are_found_and_no_others(tree: object, escape: bool, colons: bool) -> None:
    inner, doubled = written(tree, escape)
    if colons:
        inner = inner.replace("A", "\\u003a")
    text = f'{{"type":"say","theText":"","extra":{inner}}}'
    for tp in (Say, Say | Leave, Any):
        if doubled:
            with pytest.raises(InvalidMessage, match="key is doubled"):
                JSON.decoder(tp)(text)
        else:
            JSON.decoder(tp)(text)


def test_place_of_a_doubled_key_is_not_looked_for_in_a_long_message() -> None:
    text = json.dumps({"id": 1, "note": "x" * LOCATED_BYTES})[:-1] + ',"id":2}'
    with pytest.raises(InvalidMessage, match=r"^\$: a key is doubled \(close code 1007\)$"):
        JSON.decoder(Item)(text)


def test_doubled_key_is_answered_1007_on_a_socket_and_400_over_http() -> None:
    async def typed(ws: WebSocket[Item, Item]) -> None:
        await ws.connect()
        async for item in ws:
            await ws.send(item)

    async def raw(ws: WebSocket) -> None:
        await ws.connect()
        await ws.receive_json()

    async def body(item: http.Body[Item]) -> Item:
        return item

    client = TestClient(ASyncApp([Route("/t", handler=typed), Route("/r", handler=raw), Route("/t", "POST", body)]))
    for path in ("/t", "/r"):
        with client.websocket(path) as ws:
            ws.send('{"id":1,"id":2}')
            ws.wait_closed()
            assert (ws.close_code, ws.close_reason) == (1007, "$.id: key is doubled")
    response = client.post("/t", content='{"id":1,"id":2}', headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["detail"] == "$.id: key is doubled"
