"""How a connection ends: one test per row of the table in the design."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from apistar import ASyncApp, Route, TestClient, WebSocket
from apistar.exceptions import (
    BrokerUnavailable,
    ConcurrentReceive,
    Forbidden,
    HTTPException,
    InvalidMessage,
    UsageError,
    WebSocketDisconnect,
    WebSocketNotConnected,
    WebSocketProtocolError,
)
from apistar.testing import WebSocketDenied
from apistar.types import Event, Scope


class Say(msgspec.Struct):
    text: str


def client_of(handler: Any) -> TestClient:
    return TestClient(ASyncApp([Route("/ws", handler=handler)]))


def ending_of(handler: Any) -> WebSocketDisconnect:
    """Connect, and say how the connection ended."""
    with client_of(handler) as client, client.websocket("/ws") as ws:
        with pytest.raises(WebSocketDisconnect) as ended:
            ws.receive()
        return ended.value


def denial_of(handler: Any) -> WebSocketDenied:
    with client_of(handler) as client, pytest.raises(WebSocketDenied) as denied, client.websocket("/ws"):
        pass
    return denied.value


def test_handler_that_returns_closes_with_1000(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.connect()

    with caplog.at_level(logging.INFO, "apistar"):
        end = ending_of(handler)
    assert (end.code, end.reason) == (1000, "")
    assert not caplog.records


def test_handler_that_returns_before_connect_is_a_403_and_an_info_line(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(ws: WebSocket) -> None:
        return None

    with caplog.at_level(logging.INFO, "apistar"):
        assert denial_of(handler).status_code == 403
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "handler (" in record.getMessage()
    assert "returned before connect(): refused with 403" in record.getMessage()


def test_http_exception_before_connect_is_its_response() -> None:
    async def handler(ws: WebSocket) -> None:
        raise HTTPException("not tonight", 429, {"Retry-After": "7"})

    denied = denial_of(handler)
    assert denied.status_code == 429
    assert denied.headers["retry-after"] == "7"
    assert denied.json() == {"title": "Too Many Requests", "status": 429, "detail": "not tonight"}


def test_http_exception_after_connect_closes_with_4000_and_the_status(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        raise Forbidden("secret reasons")

    with caplog.at_level(logging.INFO, "apistar"):
        end = ending_of(handler)
    assert (end.code, end.reason) == (4403, "Forbidden")
    assert [record.levelno for record in caplog.records] == [logging.INFO]


def test_protocol_error_closes_with_its_code_and_detail() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        raise WebSocketProtocolError("wrong version", 4001)

    end = ending_of(handler)
    assert (end.code, end.reason) == (4001, "wrong version")


def test_protocol_error_reason_is_cut_on_a_character_boundary() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        raise WebSocketProtocolError("é" * 100)

    end = ending_of(handler)
    assert (end.code, end.reason) == (1002, "é" * 61)


def test_protocol_error_before_connect_is_a_400_with_the_detail() -> None:
    async def handler(ws: WebSocket) -> None:
        raise WebSocketProtocolError("no token")

    denied = denial_of(handler)
    assert (denied.status_code, denied.json()["detail"]) == (400, "no token")


@pytest.mark.parametrize("code", [None, 1008, 4000])
def test_connect_with_close_refuses_with_403(code: int | None, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.connect(close=True, close_code=code)

    with caplog.at_level(logging.INFO, "apistar"):
        assert denial_of(handler).status_code == 403
    assert not caplog.records


def test_reject_sends_status_headers_and_body() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.reject(401, {"error": "who are you"}, {"WWW-Authenticate": "Bearer"})

    denied = denial_of(handler)
    assert (denied.status_code, denied.json()) == (401, {"error": "who are you"})
    assert denied.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("status", [101, 199, 600, 1000])
def test_reject_takes_the_status_of_an_answer_alone(status: int) -> None:
    says: list[str] = []

    async def handler(ws: WebSocket) -> None:
        try:
            await ws.reject(status)
        except UsageError as error:
            says.append(str(error))

    assert denial_of(handler).status_code == 403
    assert says == [f"status {status} is no answer to a handshake; use 200 to 599, such as 403"]


@pytest.mark.parametrize("connects", [True, False])
def test_broker_that_is_away_is_a_503_or_a_1013_and_one_traceback(
    connects: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(ws: WebSocket) -> None:
        if connects:
            await ws.connect()
        raise BrokerUnavailable("redis://db: no answer")

    def page() -> None:
        raise BrokerUnavailable("redis://db: no answer")

    app = ASyncApp([Route("/ws", handler=handler), Route("/page", handler=page)])
    client = TestClient(app, raise_server_exceptions=False)
    if connects:
        with client.websocket("/ws") as ws:
            ws.wait_closed()
            assert (ws.close_code, ws.close_reason) == (1013, "")
    else:
        with pytest.raises(WebSocketDenied) as denied, client.websocket("/ws"):
            pass
        assert denied.value.status_code == 503
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    answer = client.get("/page")
    assert (answer.status_code, answer.json()["detail"]) == (503, "Service Unavailable")


@pytest.mark.parametrize("scope", [{}, {"extensions": None}], ids=["without", "none"])
async def test_fault_on_a_server_without_extensions_is_answered_as_on_any_other(scope: Scope) -> None:
    def page() -> None:
        raise RuntimeError("the secret")

    sent: list[Event] = []

    async def receive() -> Event:
        return {"type": "http.request"}

    async def send(event: Event) -> None:
        sent.append(event)

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], **scope}
    await ASyncApp([Route("/", handler=page)])(scope, receive, send)
    assert [event.get("status") for event in sent] == [500, None]


def test_other_exception_after_connect_is_a_1011_and_one_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        raise RuntimeError("the secret")

    with (
        client_of(handler) as client,
        pytest.raises(RuntimeError, match="the secret"),
        client.websocket("/ws") as ws,
    ):
        with pytest.raises(WebSocketDisconnect) as ended:
            ws.receive()
        assert (ended.value.code, ended.value.reason) == (1011, "")
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "/ws" in record.getMessage()
    assert "handler (" in record.getMessage()


def test_fault_of_an_error_hook_is_reported_beside_the_fault_of_the_handler(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(ws: WebSocket) -> None:
        raise ValueError("the handler's")

    class Hook:
        def on_error(self, error: Exception) -> None:
            raise ValueError("the hook's")

    app = ASyncApp([Route("/ws", handler=handler)], event_hooks=[Hook])
    client = TestClient(app, raise_server_exceptions=False)
    with pytest.raises(WebSocketDenied), client.websocket("/ws"):
        pass
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["the hook's", "the handler's"]


def test_other_exception_before_connect_is_a_500_without_a_word_of_it() -> None:
    async def handler(ws: WebSocket) -> None:
        raise RuntimeError("the secret")

    client = TestClient(ASyncApp([Route("/ws", handler=handler)]), raise_server_exceptions=False)
    with client, pytest.raises(WebSocketDenied) as denied, client.websocket("/ws"):
        pass
    assert denied.value.status_code == 500
    assert b"secret" not in denied.value.body


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (4321, "bye")])
def test_receive_learns_the_peers_own_code(code: int, reason: str) -> None:
    seen: list[tuple[int, str]] = []

    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        try:
            await ws.receive()
        except WebSocketDisconnect as end:
            seen.append((end.code, end.reason))
        assert ws.closed
        assert [(ws.close_code, ws.close_reason)] == seen

    with client_of(handler) as client, client.websocket("/ws") as ws:
        ws.close(code, reason)
    assert seen == [(code, reason)]


def test_sender_learns_the_peers_own_code_at_its_next_send() -> None:
    seen: list[tuple[int, str]] = []

    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        try:
            while True:
                await ws.send("tick")
                await asyncio.sleep(0)
        except WebSocketDisconnect as end:
            seen.append((end.code, end.reason))

    with client_of(handler) as client, client.websocket("/ws") as ws:
        assert ws.receive() == "tick"
        ws.close(4321, "bye")
    assert seen == [(4321, "bye")]


def test_waiter_learns_the_peers_own_code() -> None:
    seen: list[int | None] = []

    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        await ws.wait_closed()
        seen.append(ws.close_code)

    with client_of(handler) as client, client.websocket("/ws") as ws:
        ws.close(4001)
    assert seen == [4001]


def test_disconnect_that_leaves_the_handler_is_the_normal_end(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        while True:
            await ws.receive()

    with caplog.at_level(logging.INFO, "apistar"), client_of(handler) as client, client.websocket("/ws"):
        pass
    assert not caplog.records


@pytest.mark.parametrize("operation", ["send", "receive"])
def test_send_and_receive_before_connect_say_to_connect(operation: str) -> None:
    async def handler(ws: WebSocket) -> None:
        with pytest.raises(WebSocketNotConnected, match=rf"cannot {operation} .* call `await ws\.connect\(\)` first"):
            await (ws.send("x") if operation == "send" else ws.receive())
        await ws.connect()

    assert ending_of(handler).code == 1000


def test_second_task_in_receive_is_refused() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        first = asyncio.ensure_future(ws.receive())
        await asyncio.sleep(0)
        with pytest.raises(ConcurrentReceive):
            await ws.receive()
        await ws.send("refused")
        await ws.send(await first)

    with client_of(handler) as client, client.websocket("/ws") as ws:
        assert ws.receive() == "refused"
        ws.send("hello")
        assert ws.receive() == "hello"


def test_message_of_another_kind_closes_with_1003() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        with pytest.raises(WebSocketProtocolError, match="expected a text message, got binary"):
            await ws.receive_text()

    with client_of(handler) as client, client.websocket("/ws") as ws:
        ws.send(b"\x00")
        with pytest.raises(WebSocketDisconnect) as ended:
            ws.receive()
    assert ended.value.code == 1003


def test_text_that_is_not_json_closes_with_1007() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        with pytest.raises(InvalidMessage):
            await ws.receive_json()

    with client_of(handler) as client, client.websocket("/ws") as ws:
        ws.send("{")
        with pytest.raises(WebSocketDisconnect) as ended:
            ws.receive()
    assert ended.value.code == 1007


def test_message_over_the_limit_closes_with_1009() -> None:
    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        with pytest.raises(WebSocketDisconnect) as ended:
            await ws.receive()
        assert ended.value.code == 1009

    with client_of(handler) as client, client.websocket("/ws") as ws:
        ws.send("x" * (1024 * 1024 + 1))
        with pytest.raises(WebSocketDisconnect) as ended:
            ws.receive()
    assert ended.value.code == 1009
    assert "message of 1048577 bytes exceeds max_message_bytes of 1048576" in ended.value.reason


def test_typed_message_that_does_not_decode_can_be_caught() -> None:
    async def handler(ws: WebSocket[Say, Say]) -> None:
        await ws.connect()
        with pytest.raises(InvalidMessage) as invalid:
            await ws.receive()
        assert (invalid.value.path, invalid.value.expected, invalid.value.got) == ("$.text", "str", "int")
        await ws.send(await ws.receive())

    with client_of(handler) as client, client.websocket("/ws") as ws:
        ws.send_json({"text": 1})
        ws.send_json({"text": "fine"})
        assert ws.receive_json() == {"text": "fine"}


def test_typed_message_that_does_not_decode_closes_with_1007_and_the_path() -> None:
    async def handler(ws: WebSocket[Say, Say]) -> None:
        await ws.connect()
        await ws.receive()

    with client_of(handler) as client, client.websocket("/ws") as ws:
        ws.send_json({"text": 1})
        with pytest.raises(WebSocketDisconnect) as ended:
            ws.receive()
    assert (ended.value.code, ended.value.reason) == (1007, "$.text: expected str, got int")


def test_handler_is_not_cancelled_because_its_client_left() -> None:
    done: list[str] = []

    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        async for _ in ws:
            pass
        await asyncio.sleep(0)
        done.append("after the loop")

    with client_of(handler) as client, client.websocket("/ws"):
        pass
    assert done == ["after the loop"]


def test_loop_raises_for_an_ending_that_is_not_normal() -> None:
    seen: list[int] = []

    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        try:
            async for _ in ws:
                pass
        except WebSocketDisconnect as end:
            seen.append(end.code)

    with client_of(handler) as client, client.websocket("/ws") as ws:
        ws.close(4000)
    assert seen == [4000]


def test_task_group_is_cancelled_with_the_socket() -> None:
    log: list[str] = []

    async def handler(ws: WebSocket, tasks: asyncio.TaskGroup) -> None:
        await ws.connect()

        async def tick() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                log.append("task over")

        tasks.create_task(tick())
        await asyncio.sleep(0)
        async for _ in ws:
            pass
        log.append("handler over")

    with client_of(handler) as client, client.websocket("/ws"):
        pass
    assert sorted(log) == ["handler over", "task over"]


def test_task_that_fails_ends_the_socket_with_1011() -> None:
    async def handler(ws: WebSocket, tasks: asyncio.TaskGroup) -> None:
        await ws.connect()

        async def fail() -> None:
            raise ValueError("in a task")

        tasks.create_task(fail())
        await ws.receive()

    client = TestClient(ASyncApp([Route("/ws", handler=handler)]), raise_server_exceptions=False)
    with client, client.websocket("/ws") as ws, pytest.raises(WebSocketDisconnect) as ended:
        ws.receive()
    assert ended.value.code == 1011


def test_async_generator_sends_its_values_and_is_closed_when_the_peer_leaves() -> None:
    log: list[str] = []

    async def ticks() -> AsyncIterator[Say]:
        try:
            yield Say("one")
            yield Say("two")
            await asyncio.Event().wait()
        finally:
            log.append("closed")

    with client_of(ticks) as client, client.websocket("/ws") as ws:
        assert [ws.receive_json(), ws.receive_json()] == [{"text": "one"}, {"text": "two"}]
    assert log == ["closed"]


def test_async_generator_that_ends_closes_with_1000() -> None:
    async def once() -> AsyncIterator[str]:
        yield "only"

    with client_of(once) as client, client.websocket("/ws") as ws:
        assert ws.receive() == "only"
        with pytest.raises(WebSocketDisconnect) as ended:
            ws.receive()
    assert ended.value.code == 1000


def test_task_that_is_cancelled_before_its_first_step_leaves_no_warning() -> None:
    async def handler(ws: WebSocket, tasks: asyncio.TaskGroup) -> None:
        await ws.connect()
        await ws.wait_closed()
        tasks.create_task(asyncio.sleep(1))

    with client_of(handler) as client, client.websocket("/ws") as ws:
        ws.close()
    gc.collect()  # a coroutine that was never awaited says so when it is collected, and warnings are errors
