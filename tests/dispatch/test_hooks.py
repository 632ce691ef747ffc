"""Event hooks: which run, in which order, and what they may do."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.exceptions import HTTPException as StarletteHTTPException

from apistar import ASyncApp, Component, Route, TestClient, WebSocket, http
from apistar.exceptions import ConfigurationError, Conflict, Forbidden, WebSocketDisconnect
from apistar.testing import WebSocketDenied


def hook(name: str, log: list[str]) -> type:
    class Hook:
        def __init__(self) -> None:
            self.requests = 0

        def on_request(self) -> None:
            self.requests += 1
            log.append(f"{name} request {self.requests}")

        async def on_response(self, response: http.Response) -> None:
            log.append(f"{name} response {self.requests} {response.status_code}")

        def on_error(self, error: Exception, response: http.Response) -> None:
            log.append(f"{name} error {error} {response.status_code}")

    return Hook


def test_hooks_run_in_order_and_back_with_one_instance_per_request() -> None:
    log: list[str] = []

    def handler() -> str:
        log.append("handler")
        return "ok"

    with TestClient(ASyncApp([Route("/", "GET", handler)], event_hooks=[hook("a", log), hook("b", log)])) as client:
        for _ in range(2):
            assert client.get("/").status_code == 200
            assert log == ["a request 1", "b request 1", "handler", "b response 1 200", "a response 1 200"]
            log.clear()


@pytest.mark.parametrize("status", [204, 304])
def test_hook_may_say_that_there_is_no_content(status: int) -> None:
    class NoContent:
        def on_response(self, response: http.Response) -> None:
            response.status_code = status

    with TestClient(ASyncApp([Route("/", "GET", lambda: "content")], event_hooks=[NoContent])) as client:
        answer = client.get("/")
        assert (answer.status_code, answer.content) == (status, b"")
        assert "content-length" not in answer.headers  # uvicorn takes a body that is shorter for a fault


def test_on_error_runs_in_reverse_for_an_exception_that_nobody_handled() -> None:
    log: list[str] = []

    def handler() -> str:
        raise ValueError("boom")

    app = ASyncApp([Route("/", "GET", handler)], event_hooks=[hook("a", log), hook("b", log)])
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/").status_code == 500
    assert log[2:] == ["b error boom 500", "a error boom 500"]


class OutOfStock(Exception):
    """An exception of the application's own, that knows nothing of HTTP."""


class Raises:
    def on_error(self, error: Exception) -> None:
        if isinstance(error, OutOfStock):
            raise Conflict(f"no {error} left")


class Returns:
    def on_error(self, error: Exception) -> http.Response | None:
        return http.JSONResponse({"missing": str(error)}, 409) if isinstance(error, OutOfStock) else None


@pytest.mark.parametrize(("answers", "key", "says"), [(Raises, "detail", "no tea left"), (Returns, "missing", "tea")])
def test_on_error_may_answer_in_place_of_the_500(
    answers: type, key: str, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "apistar")

    def buy(name: str) -> None:
        raise OutOfStock(name) if name else ZeroDivisionError

    with TestClient(ASyncApp([Route("/", "POST", buy)], event_hooks=[answers])) as client:
        answer = client.post("/?name=tea")
        assert (answer.status_code, answer.json()[key]) == (409, says)
        [record] = caplog.records
        assert (record.levelname, record.exc_info) == ("INFO", None)
        assert "raised OutOfStock, which on_error answered with 409" in record.getMessage()
        with pytest.raises(ZeroDivisionError):
            client.post("/?name=")


def test_answer_of_on_error_that_is_a_500_leaves_the_traceback_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Apologizes:
        def on_error(self, error: Exception) -> http.Response:
            return http.JSONResponse({"sorry": True}, 500)

    def handler() -> None:
        raise ZeroDivisionError

    app = ASyncApp([Route("/", "GET", handler)], event_hooks=[Apologizes])
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/").json() == {"sorry": True}
    assert [record.exc_info is not None for record in caplog.records] == [True]


@pytest.mark.parametrize("starlettes", [False, True])
def test_on_error_may_raise_how_a_websocket_ends(starlettes: bool, caplog: pytest.LogCaptureFixture) -> None:
    class Translates:
        def on_error(self, error: Exception) -> None:
            if isinstance(error, OutOfStock):
                raise StarletteHTTPException(409, str(error)) if starlettes else Conflict(str(error))

    async def handler(ws: WebSocket, late: bool = False) -> None:
        if late:
            await ws.connect()
        raise OutOfStock("tea")

    with TestClient(ASyncApp([Route("/", handler=handler)], event_hooks=[Translates])) as client:
        with pytest.raises(WebSocketDenied) as denied, client.websocket("/"):
            pass
        assert (denied.value.status_code, denied.value.json()["detail"]) == (409, "tea")
        with client.websocket("/?late=true") as ws:
            ws.wait_closed()
            assert (ws.close_code, ws.close_reason) == (4409, "Conflict")
    assert [record for record in caplog.records if record.exc_info] == []


def test_on_error_that_fails_is_reported_and_so_is_what_it_was_told(caplog: pytest.LogCaptureFixture) -> None:
    class Fails:
        def on_error(self, error: Exception) -> None:
            raise KeyError("hook")

    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        raise ZeroDivisionError

    app = ASyncApp([Route("/", handler=handler)], event_hooks=[Fails])
    with TestClient(app, raise_server_exceptions=False) as client, client.websocket("/") as ws:
        ws.wait_closed()
        assert ws.close_code == 1011
    kinds = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert kinds == [KeyError, ZeroDivisionError]


def test_http_exception_and_404_pass_on_response() -> None:
    log: list[str] = []

    def handler() -> str:
        raise Forbidden

    app = ASyncApp([Route("/", "GET", handler)], event_hooks=[hook("a", log)])
    with TestClient(app) as client:
        assert client.get("/").status_code == 403
        assert client.get("/nothing").status_code == 404
    assert log == ["a request 1", "a response 1 403", "a request 1", "a response 1 404"]


def test_hook_may_refuse_before_the_components_of_the_handler() -> None:
    class User:
        pass

    class UserComponent(Component):
        def resolve(self) -> User:
            raise AssertionError("resolved before the hook")

    class Guard:
        def on_request(self) -> None:
            raise Forbidden("closed")

    def handler(user: User) -> str:
        return "never"

    app = ASyncApp([Route("/", "GET", handler)], [UserComponent()], [Guard])
    with TestClient(app) as client:
        assert client.get("/").json()["detail"] == "closed"


def test_hook_may_change_or_replace_the_response() -> None:
    class Stamp:
        def on_response(self, response: http.Response) -> None:
            response.headers["X-Stamp"] = "yes"

    class Replace:
        def on_response(self, response: http.Response) -> http.Response:
            return http.JSONResponse({"replaced": response.status_code})

    with TestClient(ASyncApp([Route("/", "GET", lambda: "x")], event_hooks=[Stamp, Replace])) as client:
        answer = client.get("/")
    assert (answer.json(), answer.headers["x-stamp"]) == ({"replaced": 200}, "yes")


def test_hook_may_connect_for_the_websocket_and_send_after_it() -> None:
    class Greeter:
        async def on_request(self, ws: WebSocket) -> None:
            await ws.connect()
            await ws.send("hello")

        async def on_response(self, ws: WebSocket) -> None:
            await ws.send("goodbye")

    async def handler(ws: WebSocket) -> None:
        await ws.connect()
        await ws.send(await ws.receive())

    with (
        TestClient(ASyncApp([Route("/", handler=handler)], event_hooks=[Greeter])) as client,
        client.websocket("/") as ws,
    ):
        assert ws.receive() == "hello"
        ws.send("x")
        assert [ws.receive(), ws.receive()] == ["x", "goodbye"]
        with pytest.raises(WebSocketDisconnect) as ended:
            ws.receive()
    assert ended.value.code == 1000


def test_hook_that_refuses_a_websocket_denies_it() -> None:
    class Guard:
        def on_request(self, ws: WebSocket | None) -> None:
            if ws is not None:
                raise Forbidden("no sockets")

    async def handler(ws: WebSocket) -> None:
        raise AssertionError

    app = ASyncApp([Route("/ws", handler=handler), Route("/", "GET", lambda: "page")], event_hooks=[Guard])
    with TestClient(app) as client:
        assert client.get("/").text == "page"
        with pytest.raises(WebSocketDenied) as denied, client.websocket("/ws"):
            pass
    assert denied.value.status_code == 403


def test_hook_method_concerns_the_routes_that_have_what_it_asks_for() -> None:
    log: list[str] = []

    class Both:
        def on_request(self, ws: WebSocket | None) -> None:
            log.append("both")

    class Sockets:
        def on_request(self, ws: WebSocket) -> None:
            log.append("sockets")

    class Pages:
        def on_request(self, request: http.Request) -> None:
            log.append("pages")

    async def handler(ws: WebSocket) -> None:
        await ws.connect()

    app = ASyncApp(
        [Route("/ws", handler=handler), Route("/", "GET", lambda: "page")], event_hooks=[Both, Sockets, Pages]
    )
    with TestClient(app) as client:
        client.get("/")
        assert log == ["both", "pages"]
        log.clear()
        with client.websocket("/ws"):
            pass
        assert log == ["both", "sockets"]


def test_hook_shares_what_was_resolved_with_the_handler() -> None:
    made: list[object] = []

    class User:
        pass

    class UserComponent(Component):
        def resolve(self) -> User:
            made.append(object())
            return User()

    class Hook:
        def on_request(self, user: User) -> None:
            self.user = user

        def on_response(self, user: User, response: http.Response) -> None:
            response.headers["X-Same"] = str(user is self.user)

    def handler(user: User) -> str:
        return "x"

    with TestClient(ASyncApp([Route("/", "GET", handler)], [UserComponent()], [Hook])) as client:
        assert client.get("/").headers["x-same"] == "True"
    assert len(made) == 1


@pytest.mark.parametrize("wrong", [object, 1])
def test_hook_without_methods_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="has none of on_request, on_response, on_error"):
        ASyncApp([], event_hooks=[wrong])
