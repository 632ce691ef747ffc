"""Faults, answers and endings in task groups: the one that is injected, and one of the handler's own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from apistar import ASyncApp, Component, Route, TestClient, WebSocket, http
from apistar.components.websocket import ConnectionTasks
from apistar.exceptions import BrokerUnavailable, Forbidden, WebSocketProtocolError
from apistar.testing import WebSocketDenied
from apistar.types import Event


class Say(msgspec.Struct):
    text: str


async def forever(log: list[str] | None = None) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        if log is not None:
            log.append("cancelled")


async def fail(error: Exception) -> None:
    raise error


def client_of(
    handler: Callable[..., Any], raises: bool = True, components: list[Component] | None = None
) -> TestClient:
    app = ASyncApp([Route("/", handler=handler)], components or [])
    return TestClient(app, raise_server_exceptions=raises)


def levels(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.levelname for record in caplog.records if record.name == "apistar"]


@pytest.fixture(autouse=True)
def every_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "apistar")


# The handler fails; its group has tasks


def test_answer_of_a_handler_with_tasks_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    log: list[str] = []

    async def before(ws: WebSocket, tasks: asyncio.TaskGroup) -> None:
        tasks.create_task(forever(log))
        await asyncio.sleep(0)
        raise Forbidden("no")

    async def after(ws: WebSocket, tasks: asyncio.TaskGroup) -> None:
        await ws.connect()
        await before(ws, tasks)

    with client_of(before) as client, pytest.raises(WebSocketDenied) as denied, client.websocket("/"):
        pass
    assert denied.value.status_code == 403
    with client_of(after) as client, client.websocket("/") as ws:
        ws.wait_closed()
        assert ws.close_code == 4403
    assert log == ["cancelled", "cancelled"]
    assert levels(caplog) == ["INFO", "INFO"]


def test_disconnect_that_leaves_a_handler_with_tasks_is_the_normal_end(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(ws: WebSocket, tasks: asyncio.TaskGroup) -> None:
        await ws.connect()
        tasks.create_task(forever())
        while True:
            await ws.receive()

    with client_of(handler) as client, client.websocket("/"):
        pass
    assert levels(caplog) == []


def test_fault_of_a_handler_with_tasks_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(ws: WebSocket, tasks: asyncio.TaskGroup) -> None:
        await ws.connect()
        tasks.create_task(forever())
        raise ValueError("boom")

    with client_of(handler, raises=False) as client, client.websocket("/") as ws:
        ws.wait_closed()
        assert ws.close_code == 1011
    assert levels(caplog) == ["ERROR"]


def test_http_handler_with_tasks_answers_and_fails_as_without() -> None:
    log: list[str] = []

    async def answers(tasks: asyncio.TaskGroup) -> None:
        tasks.create_task(forever(log))
        await asyncio.sleep(0)
        raise Forbidden("no")

    async def works(tasks: asyncio.TaskGroup) -> str:
        async def work() -> None:
            log.append("worked")

        tasks.create_task(work())
        return "done"

    with client_of(answers) as client:
        assert client.get("/").json()["detail"] == "no"
    with client_of(works) as client:
        assert client.get("/").text == "done"
    assert log == ["cancelled", "worked"]


# A task fails


@pytest.mark.parametrize("own", [False, True], ids=["injected", "own"])
@pytest.mark.parametrize(
    ("error", "code", "reason", "level"),
    [
        (ValueError("boom"), 1011, "", "ERROR"),
        (BrokerUnavailable("boom"), 1013, "", "ERROR"),
        (Forbidden("no"), 4403, "Forbidden", "INFO"),
        (WebSocketProtocolError("wrong", 4001), 4001, "wrong", "INFO"),
    ],
)
def test_task_that_fails_ends_the_socket_as_the_handler_would(
    caplog: pytest.LogCaptureFixture, own: bool, error: Exception, code: int, reason: str, level: str
) -> None:
    cleaned: list[str] = []

    class Sessions(Component):
        async def resolve(self) -> AsyncIterator[Say]:
            try:
                yield Say("session")
            finally:
                cleaned.append("cleaned")

    async def injected(ws: WebSocket, session: Say, tasks: asyncio.TaskGroup) -> None:
        await ws.connect()
        tasks.create_task(fail(error))
        await ws.receive()

    async def own_group(ws: WebSocket, session: Say) -> None:
        await ws.connect()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail(error))
            tasks.create_task(forever())
            await ws.receive()

    with (
        client_of(own_group if own else injected, raises=False, components=[Sessions()]) as client,
        client.websocket("/") as ws,
    ):
        ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (code, reason)
    assert levels(caplog) == [level]
    assert cleaned == ["cleaned"]


@pytest.mark.parametrize("own", [False, True], ids=["injected", "own"])
def test_invalid_message_in_a_task_closes_with_its_path(own: bool) -> None:
    async def read(ws: WebSocket[Say, Say]) -> None:
        async for _ in ws:
            pass

    async def injected(ws: WebSocket[Say, Say], tasks: asyncio.TaskGroup) -> None:
        await ws.connect()
        tasks.create_task(read(ws))
        await ws.wait_closed()

    async def own_group(ws: WebSocket[Say, Say]) -> None:
        await ws.connect()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read(ws))
            tasks.create_task(ws.wait_closed())

    with client_of(own_group if own else injected) as client, client.websocket("/") as ws:
        ws.send('{"text": 3}')
        ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (1007, "$.text: expected str, got int")


def test_reader_and_writer_in_a_group_of_their_own_end_with_the_client(caplog: pytest.LogCaptureFixture) -> None:
    async def read(ws: WebSocket) -> None:
        while True:
            await ws.receive()

    async def write(ws: WebSocket) -> None:
        while True:
            await ws.send("tick")
            await asyncio.sleep(0)

    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read(ws))
            tasks.create_task(write(ws))

    with client_of(handler) as client, client.websocket("/") as ws:
        assert ws.receive() == "tick"
    assert levels(caplog) == []


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("boom"), 500), (BrokerUnavailable("boom"), 503), (Forbidden("no"), 403)]
)
@pytest.mark.parametrize("own", [False, True], ids=["injected", "own"])
def test_task_of_an_http_handler_that_fails_is_answered_as_the_handler_would(
    caplog: pytest.LogCaptureFixture, own: bool, error: Exception, status: int
) -> None:
    async def injected(tasks: asyncio.TaskGroup) -> None:
        tasks.create_task(fail(error))
        await asyncio.Event().wait()

    async def own_group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail(error))
            await asyncio.Event().wait()

    with client_of(own_group if own else injected, raises=False) as client:
        answer = client.get("/")
    assert answer.status_code == status
    assert "boom" not in answer.text
    assert levels(caplog) == (["ERROR"] if status >= 500 else [])


@pytest.mark.parametrize("own", [False, True], ids=["injected", "own"])
async def test_client_that_leaves_while_a_task_reads_its_body_is_no_fault(
    caplog: pytest.LogCaptureFixture, own: bool
) -> None:
    async def injected(request: http.Request, tasks: asyncio.TaskGroup) -> None:
        tasks.create_task(request.body())
        await asyncio.Event().wait()

    async def own_group(request: http.Request) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(request.body())

    sent: list[Event] = []
    events: list[Event] = [{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Event:
        return events.pop(0)

    async def send(event: Event) -> None:
        sent.append(event)

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": [], "http_version": "1.1"}
    await ASyncApp([Route("/", "POST", own_group if own else injected)])(scope, receive, send)
    assert (sent, levels(caplog)) == ([], [])


async def test_task_that_is_created_after_the_connection_is_over_is_cancelled() -> None:
    log: list[str] = []
    async with ConnectionTasks() as tasks:
        running = tasks.create_task(forever(log))
        await asyncio.sleep(0)
        tasks.cancel_all()
        late = tasks.create_task(forever(log))
    assert (running.cancelled(), late.cancelled()) == (True, True)
    assert log == ["cancelled"]  # the late one never began
