"""The test clients, over applications that are not ours: what they show, what they limit, what they raise."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from apistar import AsyncTestClient, TestClient
from apistar.exceptions import WebSocketDisconnect
from apistar.testing import WebSocketDenied, WebSocketTimeout
from apistar.testing.loop import LoopBlocked
from apistar.types import Receive, Scope, Send


async def show(request: Request) -> JSONResponse:
    return JSONResponse(
        {
            "path": request.url.path,
            "query": request.url.query,
            "host": request.headers["host"],
            "body": (await request.body()).decode(),
            "client": request.client and request.client.host,
            "state": getattr(request.state, "answer", None),
            "cookie": request.cookies.get("c"),
        }
    )


async def stream(request: Request) -> StreamingResponse:
    async def rows() -> AsyncIterator[str]:
        for row in "abc":
            yield row

    return StreamingResponse(rows())


async def boom(request: Request) -> JSONResponse:
    raise ValueError("boom")


async def slow(request: Request) -> JSONResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def echo(ws: WebSocket) -> None:
    await ws.accept(ws.scope["subprotocols"][0] if ws.scope["subprotocols"] else None, headers=[(b"x-a", b"b")])
    async for text in ws.iter_text():
        await ws.send_text(f"{text} from {ws.headers.get('origin')} with {ws.cookies.get('c')}")


async def silent(ws: WebSocket) -> None:
    await ws.accept()
    async for _ in ws.iter_text():
        pass


async def never_accepts(ws: WebSocket) -> None:
    await asyncio.Event().wait()


async def never_returns(ws: WebSocket) -> None:
    await ws.accept()
    await asyncio.Event().wait()


async def fails(ws: WebSocket) -> None:
    await ws.accept()
    await ws.receive_text()
    raise ValueError("in the handler")


async def denies(ws: WebSocket) -> None:
    await ws.send_denial_response(JSONResponse({"why": "no"}, 401, {"x-a": "b"}))


async def closes(ws: WebSocket) -> None:
    await ws.accept()
    await ws.send_text("last")
    await ws.close(4001, "enough")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    log.append("up")
    yield {"answer": 42}
    log.append("down")


log: list[str] = []
app = Starlette(
    routes=[
        Route("/stream", stream),
        Route("/boom", boom),
        Route("/slow", slow),
        WebSocketRoute("/echo", echo),
        WebSocketRoute("/silent", silent),
        WebSocketRoute("/never-accepts", never_accepts),
        WebSocketRoute("/never-returns", never_returns),
        WebSocketRoute("/fails", fails),
        WebSocketRoute("/denies", denies),
        WebSocketRoute("/closes", closes),
        Route("/{path:path}", show, methods=["GET", "POST"]),
    ],
    lifespan=lifespan,
)


@pytest.fixture(autouse=True)
def fresh_log() -> None:
    log.clear()


def test_client_speaks_http_through_httpx() -> None:
    with TestClient(app) as client:
        client.cookies.set("c", "cookie")
        answer = client.post("/a?b=c", content="body")
        assert client.get("/stream").text == "abc"
    assert answer.json() == {
        "path": "/a", "query": "b=c", "host": "testserver", "body": "body", "client": "testclient", "state": 42,
        "cookie": "cookie",
    }  # fmt: skip
    assert log == ["up", "down"]


async def test_async_client_does_the_same_in_the_loop_of_the_test() -> None:
    async with AsyncTestClient(app) as client:
        assert (await client.get("/x")).json()["state"] == 42
        async with client.websocket("/echo", origin="http://o", cookies={"c": "d"}) as ws:
            await ws.send("hi")
            assert await ws.receive() == "hi from http://o with d"
    assert log == ["up", "down"]


def test_client_without_with_starts_with_its_first_use_and_leaves_no_thread() -> None:
    before = threading.active_count()
    client = TestClient(app)
    assert log == []
    assert client.get("/x").status_code == 200
    assert log == ["up"]
    client.close()
    assert log == ["up", "down"]
    assert threading.active_count() == before


def test_client_that_is_dropped_shuts_its_application_down() -> None:
    client = TestClient(app)
    client.get("/x")
    del client
    assert log == ["up", "down"]


def test_fault_of_a_handler_is_raised_or_seen_as_500() -> None:
    with TestClient(app) as client, pytest.raises(ValueError, match="boom"):
        client.get("/boom")
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/boom").status_code == 500


def test_response_that_never_comes_has_a_limit() -> None:
    with TestClient(app, timeout_s=0.05) as client, pytest.raises(AssertionError, match=r"waited 0.05 s .* GET /slow"):
        client.get("/slow")


def test_websocket_shows_the_handshake() -> None:
    with TestClient(app) as client, client.websocket("/echo?q=1", subprotocols=["a", "b"]) as ws:
        assert ws.subprotocol == "a"
        assert ws.headers["x-a"] == "b"
        assert ws.close_code is None
        assert ws.scope["query_string"] == b"q=1"
        ws.send("x")
        assert ws.receive_text() == "x from None with None"


async def _query(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "websocket"
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": scope["query_string"].decode()})


async def test_parameters_of_a_handshake_are_given_as_those_of_a_request() -> None:
    with TestClient(_query).websocket("/q", params={"room": "a b", "page": 2, "tag": ["x", "y"]}) as ws:
        assert ws.receive() == "room=a+b&page=2&tag=x&tag=y"
    async with AsyncTestClient(_query) as client, client.websocket("/q?a=1", params=[("b", "é")]) as second:
        assert await second.receive() == "b=%C3%A9"


def test_denial_shows_status_headers_and_body() -> None:
    with TestClient(app) as client, pytest.raises(WebSocketDenied) as denied, client.websocket("/denies"):
        pass
    assert (denied.value.status_code, denied.value.headers["x-a"], denied.value.json()) == (401, "b", {"why": "no"})
    assert "refused with HTTP 401" in str(denied.value)
    assert '{"why":"no"}' in str(denied.value)


def test_close_of_the_application_is_raised_after_its_last_message() -> None:
    with TestClient(app) as client, client.websocket("/closes") as ws:
        assert ws.receive() == "last"
        with pytest.raises(WebSocketDisconnect) as ended:
            ws.receive()
        assert (ended.value.code, ended.value.reason) == (4001, "enough")
        assert (ws.close_code, ws.close_reason) == (4001, "enough")
        ws.wait_closed()
        with pytest.raises(WebSocketDisconnect):
            ws.send("too late")


def test_wait_for_a_message_has_a_limit_and_says_what_it_waited_for() -> None:
    with TestClient(app) as client, client.websocket("/silent") as ws:
        ws.send("x")
        with pytest.raises(
            WebSocketTimeout, match=r"waited 0.05 s for a message on /silent: .* neither sent nor closed"
        ):
            ws.receive(timeout=0.05)


def test_handler_that_never_connects_is_named() -> None:
    with (
        TestClient(app, timeout_s=0.05) as client,
        pytest.raises(WebSocketTimeout, match=r"waited 0.05 s for connect\(\) or reject\(\) on /never-accepts"),
        client.websocket("/never-accepts"),
    ):
        pass


def test_handler_that_never_returns_fails_the_test() -> None:
    with (
        TestClient(app, timeout_s=0.05) as client,
        pytest.raises(
            WebSocketTimeout, match=r"for the handler to return .* on /never-returns: it was cancelled; .* in a task of"
        ),
        client.websocket("/never-returns"),
    ):
        pass


def test_handler_that_never_returns_does_not_hide_the_failure_of_the_test() -> None:
    with TestClient(app, timeout_s=0.05) as client, pytest.raises(KeyError), client.websocket("/never-returns"):
        raise KeyError


def test_fault_of_a_websocket_handler_surfaces_on_leaving() -> None:
    with TestClient(app) as client, pytest.raises(ValueError, match="in the handler"), client.websocket("/fails") as ws:
        ws.send("x")
        with pytest.raises(WebSocketDisconnect):
            ws.receive()


def test_handler_that_blocks_the_loop_is_named() -> None:
    release = threading.Event()

    async def blocking(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            release.wait(10)

    client = TestClient(blocking, timeout_s=0.01)
    try:
        with pytest.raises(AssertionError, match=r"did not answer .* a handler blocks it"):
            client.get("/")
    finally:
        release.set()
        client.close()


async def test_requests_in_a_loop_leave_others_their_turn() -> None:
    """A test that asks until something has happened, with an application that waits for nothing."""
    happened = False

    async def happen() -> None:
        nonlocal happened
        happened = True

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    async with AsyncTestClient(answer) as client:
        task = asyncio.create_task(happen())
        for _ in range(10):
            await client.get("/")
            if happened:
                break
    assert happened
    await task


async def test_application_that_breaks_the_rules_of_asgi_learns_it() -> None:
    errors: list[str] = []

    async def rude(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return
        try:
            await send({"type": "websocket.send", "text": "before accept"})
        except RuntimeError as error:
            errors.append(str(error))
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})
        try:
            await send({"type": "websocket.send", "text": "after close"})
        except OSError as error:
            errors.append(type(error).__name__)

    async with AsyncTestClient(rude) as client, client.websocket("/"):
        pass
    assert errors == ["ASGI event 'websocket.send' came while the connection is connecting", "ClientDisconnected"]


async def test_unread_messages_make_the_application_wait() -> None:
    sent = 0

    async def pushy(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        if scope["type"] != "websocket":
            return
        await send({"type": "websocket.accept"})
        try:
            while True:
                await send({"type": "websocket.send", "text": "x"})
                sent += 1
        except OSError:
            pass

    async with AsyncTestClient(pushy) as client, client.websocket("/") as ws:
        for _ in range(10):
            await asyncio.sleep(0)
        assert sent == 1024
        for _ in range(10):
            await ws.receive()
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert sent >= 1033


def test_client_can_be_used_from_several_threads() -> None:
    with TestClient(app) as client:
        answers: list[str] = []

        def talk(name: str) -> None:
            with client.websocket("/echo") as ws:
                for _ in range(10):
                    ws.send(name)
                    answers.append(ws.receive_text())

        threads = [threading.Thread(target=talk, args=(str(number),)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(answers) == sorted(f"{number} from None with None" for number in range(4) for _ in range(10))


def test_wait_does_not_take_longer_than_it_must() -> None:
    for _ in range(5):  # a machine that is busy with other things gets more rounds
        started = time.monotonic()
        with TestClient(app) as client:
            for _ in range(20):
                with client.websocket("/echo") as ws:
                    ws.send("x")
                    ws.receive()
        if time.monotonic() - started < 4:
            return
    pytest.fail("twenty sessions took four seconds and more, five times")


def test_loop_that_was_found_blocked_does_not_hold_up_the_end(recwarn: pytest.WarningsRecorder) -> None:
    async def blocks(ws: WebSocket) -> None:
        await ws.accept()
        released.wait(timeout=30)

    released = threading.Event()
    client = TestClient(Starlette(routes=[WebSocketRoute("/", blocks)]), timeout_s=30)
    try:
        with pytest.raises(LoopBlocked), client.websocket("/", timeout=0.05) as ws:
            ws.receive()
        begin = time.monotonic()
        client.close()
        assert time.monotonic() - begin < 10
    finally:
        released.set()


def test_session_speaks_text_bytes_and_json_and_says_what_it_cannot() -> None:
    async def mirrors(ws: WebSocket) -> None:
        await ws.accept()
        while (event := await ws.receive())["type"] == "websocket.receive":
            await ws.send({**event, "type": "websocket.send"})

    with TestClient(Starlette(routes=[WebSocketRoute("/", mirrors)])) as client, client.websocket("/") as ws:
        ws.send_text("text")
        assert ws.receive_text() == "text"
        ws.send_bytes(bytearray(b"bytes"))
        assert ws.receive_bytes() == b"bytes"
        ws.send_json({"a": [1]})
        assert ws.receive_json() == {"a": [1]}
        with pytest.raises(TypeError, match=r"send\(\) takes str or bytes, got dict; use send_json\(\)"):
            ws.send({"a": 1})  # type: ignore[arg-type]  # the mistake that is tested
        ws.send("no json")
        with pytest.raises(AssertionError, match="expected JSON, got 'no json'"):
            ws.receive_json()
        ws.send(b"binary")
        with pytest.raises(AssertionError, match="expected a text message, got binary"):
            ws.receive_text()


def test_headers_and_cookies_of_the_client_go_with_the_handshake() -> None:
    async def shows(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_json([[name, value] for name, value in ws.headers.items()])
        await ws.close()

    inner = Starlette(routes=[WebSocketRoute("/", shows), Route("/login", login)])
    with TestClient(inner, base_url="https://api.test", headers={"X-Token": "t", "Authorization": "a"}) as client:
        client.get("/login")
        with client.websocket("/", headers={"authorization": "own"}) as ws:
            sent = ws.receive_json()
    names = [name for name, _ in sent]
    assert ["x-token", "t"] in sent
    assert ["authorization", "own"] in sent
    assert ["cookie", "sid=42"] in sent
    assert ["host", "api.test"] in sent
    assert len(names) == len(set(names))
    assert not {"accept", "accept-encoding"} & set(names)


async def login(request: Request) -> JSONResponse:
    response = JSONResponse({})
    response.set_cookie("sid", "42", secure=True)
    return response


async def test_sync_client_works_inside_a_running_loop() -> None:
    with TestClient(app) as client, client.websocket("/echo") as ws:
        assert client.get("/").status_code == 200
        ws.send("x")
        assert ws.receive() == "x from None with None"


async def test_several_sessions_at_once() -> None:
    async def talk(client: AsyncTestClient, text: str) -> object:
        async with client.websocket("/echo") as ws:
            await ws.send(text)
            return await ws.receive()

    async with AsyncTestClient(app) as client:
        said = await asyncio.gather(*(talk(client, str(number)) for number in range(20)))
    assert said == [f"{number} from None with None" for number in range(20)]
