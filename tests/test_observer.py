"""What an observer is told, on each transport, and what happens when it raises."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from apistar import ASyncApp, Limits, Route, TestClient, WebSocket
from apistar.exceptions import HTTPException, OutboxFull
from apistar.observer import Guarded, Observer, guarded
from apistar.transports.asgi import ASGITransport
from tests.handlers import echo


class Recorder(Observer):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def __getattribute__(self, name: str) -> Any:
        if name not in vars(Observer):
            return super().__getattribute__(name)
        return lambda *values: self.events.append((name, *values))


class Raising(Observer):
    """Raises whatever it is told."""

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_"):
            return super().__getattribute__(name)

        def fail(*values: object) -> None:
            raise ValueError(f"{name} failed")

        return fail


async def refuse(ws: WebSocket) -> None:
    raise HTTPException(status_code=401)


def application(observer: Observer) -> ASyncApp:
    return ASyncApp([Route("/echo", handler=echo), Route("/refuse", handler=refuse)], observer=observer)


def test_observer_sees_a_connection_by_its_route_and_in_bytes() -> None:
    recorder = Recorder()
    with TestClient(application(recorder)).websocket("/echo") as ws:
        for message in ("é", b"ab"):
            ws.send(message)
            assert ws.receive() == message
    assert recorder.events == [
        ("opened", "/echo"),
        ("received", "/echo", 2),
        ("sent", "/echo", 2),
        ("received", "/echo", 2),
        ("sent", "/echo", 2),
        ("closed", "/echo", 1000),
    ]


def test_observer_sees_refusals_with_and_without_a_route() -> None:
    recorder = Recorder()
    client = TestClient(application(recorder))
    for path in ("/refuse", "/nowhere"):
        with pytest.raises(Exception, match="40"), client.websocket(path):
            pass
    assert recorder.events == [("refused", "/refuse", 401), ("refused", "", 404)]


async def test_outbox_of_an_asgi_server_is_told_when_a_message_waits() -> None:
    recorder = Recorder()
    writable = asyncio.Event()

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(event: Any) -> None:
        if event["type"] == "websocket.send":
            await writable.wait()

    transport = ASGITransport({"type": "websocket", "extensions": {}}, receive, send)
    transport.bind(lambda _: None, Limits(outbox_bytes=4), recorder, "/")
    await transport.accept(None, ())
    waiting = transport.send("é", True)
    assert waiting is not None
    first = asyncio.ensure_future(waiting)
    await asyncio.sleep(0)
    transport.send_nowait(b"abc", False)
    with pytest.raises(OutboxFull):
        transport.send_nowait(b"de", False)
    transport.abort()
    writable.set()
    await first
    assert recorder.events == [
        ("opened", "/"),
        ("sent", "/", 2),
        ("sent", "/", 3),
        ("outbox", "/", 3),
        ("dropped", "/", 1),
        ("dropped", "/", 1),
        ("closed", "/", 1006),
    ]


def test_observer_that_raises_disturbs_nothing_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()
    app = application(Guarded(Raising(), recorder))
    with caplog.at_level(logging.ERROR, "apistar"), TestClient(app).websocket("/echo") as ws:
        for _ in range(3):
            ws.send("a")
            assert ws.receive() == "a"
    assert [event[0] for event in recorder.events] == ["opened", *["received", "sent"] * 3, "closed"]
    assert [record.getMessage() for record in caplog.records] == [
        f"observer Raising.{method}() raised; it is called on, and what it raises is not told again"
        for method in ("opened", "received", "sent", "closed")
    ]


@pytest.mark.parametrize("method", [name for name in vars(Observer) if not name.startswith("_")])
def test_every_method_is_guarded(method: str, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder()
    both = Guarded(Raising(), recorder)
    values = ("/", 1)[: {"tls_crowded_out": 0, "opened": 1}.get(method, 2)]
    for _ in range(2):
        getattr(both, method)(*values)
    assert recorder.events == [(method, *values)] * 2
    assert len(caplog.records) == 1


def test_guard_is_put_on_once() -> None:
    assert guarded(None) is None
    first = guarded(Recorder())
    assert guarded(first) is first
