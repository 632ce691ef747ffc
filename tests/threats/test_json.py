"""
JSON that is meant to hurt (row 26): deep nesting, huge numbers, doubled keys, one MiB of each.

The answer is 1007 on a socket and 400 over HTTP, never a `RecursionError`, and never a loop that stands still.
"""

from __future__ import annotations

import contextlib
import time
import tracemalloc
from decimal import Decimal
from typing import Any, Final

import msgspec
import pydantic
import pytest

from apistar import ASyncApp, Limits, Route, TestClient, WebSocket, http
from apistar.exceptions import InvalidMessage
from apistar.messages import JSON

MIB: Final = 1024 * 1024
BUDGET_S: Final = 1.0
"""Of CPU, for one MiB; the slowest that is taken needs a tenth of it."""


class Anything(msgspec.Struct):
    value: Any


class Node(msgspec.Struct):
    node: Node | None = None


class Number(msgspec.Struct):
    value: int


class Amount(msgspec.Struct):
    value: Decimal


class Reading(msgspec.Struct):
    value: float


class Model(pydantic.BaseModel):
    value: int


TYPES: Final = {tp.__name__: tp for tp in (Anything, Node, Number, Amount, Reading, Model)}

REFUSED: Final = {
    "200,000 brackets": "[" * 200_000,
    "200,000 brackets and their ends": "[" * 200_000 + "]" * 200_000,
    "a MiB of brackets": "[" * MIB,
    "200,000 objects": '{"value":' * 200_000,
    "200,000 nodes": '{"node":' * 200_000 + "{}" + "}" * 200_000,
    "nesting in a field": '{"value":' + "[" * 200_000,
    "nesting in a field that nobody knows": '{"other":' + "[" * 200_000,
    "an exponent past every range": '{"value":1e999999999}',
    "a number of a MiB": '{"value":' + "9" * MIB + "}",
    "NaN": '{"value":NaN}',
    "Infinity": '{"value":-Infinity}',
}


def client_of(tp: Any) -> TestClient:
    async def socket(ws: Any) -> None:
        await ws.connect()
        async for _ in ws:
            await ws.send(b"taken")

    async def body(body: Any) -> str:
        return "taken"

    socket.__annotations__ = {"ws": WebSocket[tp, bytes]}
    body.__annotations__ = {"body": http.Body[tp], "return": str}  # type: ignore[misc]  # a type made at run time
    limits = Limits(max_message_bytes=2 * MIB)
    return TestClient(ASyncApp([Route("/", handler=socket), Route("/", "POST", body)], limits=limits), timeout_s=20)


TAKEN: Final = {
    ("Amount", "an exponent past every range"),  # a Decimal has that range, and as many digits
    ("Amount", "a number of a MiB"),
    ("Node", "an exponent past every range"),  # a field that the type does not have is skipped, not read
    ("Node", "a number of a MiB"),
}


@pytest.mark.parametrize(
    ("name", "attack"), [(name, attack) for name in TYPES for attack in REFUSED if (name, attack) not in TAKEN]
)
def test_json_that_is_meant_to_hurt_is_refused(name: str, attack: str) -> None:
    client, text = client_of(TYPES[name]), REFUSED[attack]
    with client.websocket("/") as ws:
        ws.send(text)
        ws.wait_closed()
        assert ws.close_code == 1007
    assert client.post("/", content=text, headers={"content-type": "application/json"}).status_code == 400


def test_receive_json_refuses_deep_nesting() -> None:
    async def socket(ws: WebSocket) -> None:
        await ws.connect()
        await ws.receive_json()

    with TestClient(ASyncApp([Route("/", handler=socket)])).websocket("/") as ws:
        ws.send("[" * 200_000)
        ws.wait_closed()
        assert ws.close_code == 1007


MANY: Final = {
    "doubled keys": "{" + ",".join(['"value":1'] * (MIB // 11)) + "}",
    "unknown keys": "{" + ",".join(f'"{n:07}":1' for n in range(MIB // 13)) + "}",
    "many numbers": '{"value":[' + ",".join(["1e-9"] * (MIB // 6)) + "]}",
    "many objects beside a number past every range": '{"other":1e999,"list":['
    + ",".join(['{"a":1}'] * (MIB // 8))
    + "]}",
    "many escaped colons": '{"value":"' + "\\u003a" * (MIB // 7) + '","other":":"}',
    "many doubled keys, each in its object": '{"list":[' + ",".join(['{"a":1,"a":1}'] * (MIB // 14)) + "]}",
    "many digits": '{"value":' + "9" * 4300 + "}",
    "a long fraction": '{"value":0.' + "9" * MIB + "}",
    "a long exponent": '{"value":1' + "0" * MIB + "e-1048576}",
    "many escapes": '{"value":"' + "\\u0001" * (MIB // 7) + '"}',
    **REFUSED,
}


@pytest.mark.parametrize("attack", MANY)
@pytest.mark.parametrize("name", TYPES)
def test_json_that_is_meant_to_hurt_takes_no_time(name: str, attack: str) -> None:
    decode = JSON.decoder(TYPES[name])
    started = time.process_time()
    with contextlib.suppress(InvalidMessage):
        decode(MANY[attack])
    assert time.process_time() - started < BUDGET_S


def test_doubled_key_below_many_others_fills_no_memory() -> None:
    """Its place is looked for through 14,000 lists, each of them 300 levels deep."""
    depth, key = 300, "k" * 60
    text = (
        '{"other":1e999,"value":1,'
        + f'"{key}":{{' * depth
        + '"list":['
        + "[]," * 14_000
        + '{"a":1,"a":2}]'
        + "}" * (depth + 1)
    )
    tracemalloc.start()
    try:
        with pytest.raises(InvalidMessage, match="key is doubled"):
            JSON.decoder(Number)(text)
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()
