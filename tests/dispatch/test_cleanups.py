"""Clean-ups that fail, and clean-ups after failures: each runs once, each fault is told once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from apistar import ASyncApp, Component, Route, TestClient, WebSocket
from apistar.testing import WebSocketDenied
from apistar.types import Event


class Outer:
    pass


class Inner:
    pass


log: list[str] = []


class OuterComponent(Component):
    async def resolve(self) -> AsyncIterator[Outer]:
        try:
            yield Outer()
        except BaseException as error:
            log.append(f"outer saw {type(error).__name__}")
            raise
        finally:
            log.append("outer")


class FailingInner(Component):
    """Its clean-up fails."""

    def resolve(self, outer: Outer) -> Iterator[Inner]:
        try:
            yield Inner()
        finally:
            log.append("inner")
            raise OSError("clean-up")


class BrokenInner(Component):
    """It cannot be made."""

    def resolve(self, outer: Outer) -> Inner:
        raise OSError("resolve")


async def over_websocket(ws: WebSocket, inner: Inner) -> None:
    await ws.connect()


async def over_http(inner: Inner) -> str:
    return "done"


async def fails_over_websocket(ws: WebSocket, inner: Inner) -> None:
    await ws.connect()
    raise ValueError("handler")


async def fails_over_http(inner: Inner) -> None:
    raise ValueError("handler")


@pytest.fixture(autouse=True)
def fresh(caplog: pytest.LogCaptureFixture) -> None:
    log.clear()
    caplog.set_level(logging.INFO, "apistar")


def client_of(http: Any, socket: Any, inner: Component) -> TestClient:
    app = ASyncApp([Route("/", "GET", http), Route("/", handler=socket)], [OuterComponent(), inner])
    return TestClient(app, raise_server_exceptions=False)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    records = [record for record in caplog.records if record.name == "apistar" and record.exc_info]
    return [str(record.exc_info[1]) for record in records if record.exc_info]


def test_clean_up_that_fails_changes_no_answer_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with client_of(over_http, over_websocket, FailingInner()) as client:
        assert client.get("/").text == "done"
        assert (told(caplog), log) == (["clean-up"], ["inner", "outer saw OSError", "outer"])
        caplog.clear()
        log.clear()
        with client.websocket("/") as ws:
            ws.wait_closed()
            assert ws.close_code == 1000
    assert (told(caplog), log) == (["clean-up"], ["inner", "outer saw OSError", "outer"])


def test_handler_and_clean_up_that_fail_are_told_once_each(caplog: pytest.LogCaptureFixture) -> None:
    with client_of(fails_over_http, fails_over_websocket, FailingInner()) as client:
        assert client.get("/").status_code == 500
        assert (told(caplog), log) == (["handler", "clean-up"], ["inner", "outer saw OSError", "outer"])
        caplog.clear()
        with client.websocket("/") as ws:
            ws.wait_closed()
            assert ws.close_code == 1011
    assert told(caplog) == ["handler", "clean-up"]


def test_component_that_cannot_be_made_is_a_500_and_those_before_it_are_cleaned_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with client_of(over_http, over_websocket, BrokenInner()) as client:
        assert client.get("/").status_code == 500
        assert (told(caplog), log) == (["resolve"], ["outer saw OSError", "outer"])
        with pytest.raises(WebSocketDenied) as denied, client.websocket("/"):
            pass
    assert denied.value.status_code == 500
    assert told(caplog) == ["resolve", "resolve"]
    assert log == ["outer saw OSError", "outer"] * 2


async def test_connection_that_the_server_cancels_is_cleaned_up_and_told_1012(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def waits(ws: WebSocket, outer: Outer) -> None:
        await ws.connect()
        connected.set()
        await asyncio.Event().wait()

    connected = asyncio.Event()
    app = ASyncApp([Route("/", handler=waits)], [OuterComponent()], schema_url=None)
    sent: list[Event] = []
    events: asyncio.Queue[Event] = asyncio.Queue()
    events.put_nowait({"type": "websocket.connect"})

    async def send(event: Event) -> None:
        sent.append(event)

    scope: dict[str, Any] = {
        "type": "websocket", "path": "/", "root_path": "", "scheme": "ws", "headers": [], "query_string": b"",
        "subprotocols": [], "client": None, "extensions": {},
    }  # fmt: skip
    serving = asyncio.ensure_future(app(scope, events.get, send))
    await asyncio.wait_for(connected.wait(), 5)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert [(event["type"], event.get("code")) for event in sent] == [
        ("websocket.accept", None),
        ("websocket.close", 1012),
    ]
    assert log == ["outer saw CancelledError", "outer"]
    assert told(caplog) == []
