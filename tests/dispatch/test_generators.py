"""
Async generators as WebSocket handlers: their values are what is sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec
import pytest

from apistar import ASyncApp, Component, Route, TestClient, WebSocket, http
from apistar.exceptions import ConfigurationError, NotFound, Unauthorized, WebSocketDisconnect
from apistar.testing import WebSocketDenied


class Tick(msgspec.Struct):
    price: int


class Key(str):
    pass


def client_of(*handlers: Any, components: tuple[Component, ...] = ()) -> TestClient:
    routes = [Route(f"/{handler.__name__}", handler=handler) for handler in handlers]
    return TestClient(ASyncApp(routes, components), raise_server_exceptions=False, timeout_s=10)


def ending_of(client: TestClient, path: str) -> tuple[list[Any], int, str]:
    """What a socket carries, and how it ends."""
    values = []
    with client.websocket(path) as ws:
        try:
            while True:
                values.append(ws.receive_json())
        except WebSocketDisconnect as end:
            return values, end.code, end.reason


def test_generator_sends_what_it_yields_and_closes_normally() -> None:
    async def ticks(count: int) -> AsyncIterator[Tick]:
        for price in range(count):
            yield Tick(price)

    client = client_of(ticks)
    assert ending_of(client, "/ticks?count=3") == ([{"price": 0}, {"price": 1}, {"price": 2}], 1000, "")
    assert ending_of(client, "/ticks?count=0") == ([], 1000, "")


def test_generator_is_stopped_where_it_waits_when_the_peer_leaves() -> None:
    log: list[str] = []

    async def ticks() -> AsyncIterator[Tick]:
        try:
            yield Tick(1)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # clean-up may wait
            log.append("closed")

    with client_of(ticks) as client, client.websocket("/ticks") as ws:
        ws.receive_json()
    assert log == ["closed"]


def test_generator_is_stopped_at_its_yield_when_the_peer_leaves() -> None:
    log: list[str] = []

    async def ticks() -> AsyncGenerator[Tick, None]:
        try:
            while True:
                yield Tick(1)
                await asyncio.sleep(0)
        finally:
            log.append("closed")

    with client_of(ticks) as client, client.websocket("/ticks") as ws:
        ws.receive_json()
    assert log == ["closed"]


def test_generator_that_fails_closes_with_1011_at_once(caplog: pytest.LogCaptureFixture) -> None:
    async def ticks() -> AsyncIterator[Tick]:
        yield Tick(1)
        raise ValueError("secret")

    with caplog.at_level(logging.ERROR):
        assert ending_of(client_of(ticks), "/ticks") == ([{"price": 1}], 1011, "")
    assert "ValueError: secret" in caplog.text


def test_generator_that_yields_another_type_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    async def ticks() -> AsyncIterator[Tick]:
        yield "one"  # type: ignore[misc]  # the mistake that is tested

    assert ending_of(client_of(ticks), "/ticks")[1] == 1011
    assert "cannot send a value of type str: the outgoing type is Tick" in caplog.text


def test_generator_may_end_with_a_status() -> None:
    async def ticks() -> AsyncIterator[Tick]:
        yield Tick(1)
        raise NotFound("no such symbol")

    assert ending_of(client_of(ticks), "/ticks") == ([{"price": 1}], 4404, "Not Found")


def test_generator_is_connected_before_its_first_value() -> None:
    async def ticks() -> AsyncIterator[Tick]:
        await asyncio.Event().wait()
        yield Tick(1)

    with client_of(ticks) as client, client.websocket("/ticks") as ws:
        assert ws.close_code is None


def test_generator_lets_clients_talk_and_listens_to_nothing() -> None:
    ready = asyncio.Event()

    async def ticks() -> AsyncIterator[Tick]:
        yield Tick(1)
        await ready.wait()
        yield Tick(2)

    async def start() -> None:
        ready.set()

    with client_of(ticks, start) as client, client.websocket("/ticks") as ws:
        assert ws.receive_json() == {"price": 1}
        for _ in range(100):  # more than an inbox holds
            ws.send("hello?")
            ws.send(b"\xff")
        client.get("/start")
        assert ws.receive_json() == {"price": 2}


def test_generator_that_takes_the_socket_may_complete_the_handshake_itself() -> None:
    async def ticks(ws: WebSocket) -> AsyncIterator[Tick]:
        await ws.connect(subprotocol="v2", headers={"X-Feed": "live"})
        yield Tick(1)

    client = client_of(ticks)
    with client.websocket("/ticks", subprotocols=["v1", "v2"]) as ws:
        assert (ws.subprotocol, ws.headers["x-feed"]) == ("v2", "live")
        assert ws.receive_json() == {"price": 1}


def test_generator_that_takes_the_socket_is_connected_with_its_first_value() -> None:
    async def ticks(ws: WebSocket) -> AsyncIterator[Tick]:
        assert ws.connecting
        yield Tick(1)
        assert ws.connected
        yield Tick(2)

    assert ending_of(client_of(ticks), "/ticks") == ([{"price": 1}, {"price": 2}], 1000, "")


def test_generator_that_takes_the_socket_may_refuse() -> None:
    async def ticks(ws: WebSocket) -> AsyncIterator[Tick]:
        if "key" not in ws.cookies:
            raise Unauthorized("bring a key")
        yield Tick(1)

    with pytest.raises(WebSocketDenied) as denied, client_of(ticks).websocket("/ticks"):
        pass
    assert denied.value.status_code == 401


def test_generator_is_kept_out_by_a_component_before_the_handshake() -> None:
    class KeyComponent(Component):
        def resolve(self, cookies: http.Cookies) -> Key:
            raise Unauthorized("bring a key")

    async def ticks(key: Key) -> AsyncIterator[Tick]:
        yield Tick(1)

    client = client_of(ticks, components=(KeyComponent(),))
    with pytest.raises(WebSocketDenied) as denied, client.websocket("/ticks"):
        pass
    assert denied.value.status_code == 401


def test_generator_takes_no_typed_socket() -> None:
    async def ticks(ws: WebSocket[Tick, Tick]) -> AsyncIterator[Tick]:
        yield Tick(1)

    with pytest.raises(ConfigurationError) as caught:
        client_of(ticks)
    assert str(caught.value).partition("): ")[2] == (
        "the values of an async generator are what its socket sends; it may take a `WebSocket` without types, for the "
        "handshake. To receive messages, write a handler that receives and sends"
    )


def test_generator_that_says_it_returns_a_value_is_refused() -> None:
    async def ticks() -> Tick:  # type: ignore[misc]  # the mistake that is tested
        yield Tick(1)

    with pytest.raises(ConfigurationError, match=r"yields, and says .* Tick; write `-> AsyncIterator\[Tick\]`$"):
        client_of(ticks)


def test_generator_without_an_annotation_sends_what_can_be_encoded() -> None:
    async def ticks():  # type: ignore[no-untyped-def]  # without an annotation anything may be sent
        yield {"any": "thing"}

    assert ending_of(client_of(ticks), "/ticks")[0] == [{"any": "thing"}]
