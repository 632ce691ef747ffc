"""`App`, the WSGI face."""

from __future__ import annotations

import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import httpx
import pytest

from apistar import App, Component, Route, WebSocket, http
from apistar.exceptions import ConfigurationError


class User:
    pass


def hello(name: str, user_agent: http.Header) -> dict[str, str]:
    return {"hello": name, "agent": user_agent}


def test_app_serves_the_same_routes_over_wsgi() -> None:
    app = App([Route("/hello/{name}", "GET", hello)])
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://test") as client:
        assert client.get("/hello/ada", headers={"user-agent": "me"}).json() == {"hello": "ada", "agent": "me"}
        assert client.get("/nothing").status_code == 404


def test_head_of_the_answer_is_out_when_the_application_returns() -> None:
    heads: list[str] = []
    environ: dict[str, object] = {}
    setup_testing_defaults(environ)
    app = App([Route("/", "POST", hello)])
    answer = app(environ, lambda status, headers, exc_info=None: heads.append(status))
    assert heads == ["405 Method Not Allowed"]
    assert b"".join(answer).startswith(b'{"title":"Method Not Allowed"')


def test_app_refuses_a_websocket() -> None:
    async def handler(ws: WebSocket) -> None:
        return None

    with pytest.raises(
        ConfigurationError, match=r"handler .* takes a WebSocket, which WSGI does not have; use ASyncApp"
    ):
        App([Route("/", handler=handler)])


def test_app_refuses_async_work_with_its_chain() -> None:
    async def handler() -> str:
        return ""

    with pytest.raises(ConfigurationError, match=r"handler .* is async; an App runs sync handlers"):
        App([Route("/", "GET", handler)])

    class Users(Component):
        async def resolve(self) -> User:
            return User()

    def sync(user: User) -> str:
        return ""

    with pytest.raises(ConfigurationError, match=r"sync .* → User .* is async; an App runs sync components"):
        App([Route("/", "GET", sync)], [Users()])


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def rows() -> http.StreamingResponse:
    return http.StreamingResponse((f"{number}\n" * 1000 for number in range(5)), media_type="text/plain")


def same(body: http.Body[bytes]) -> bytes:
    return body


def fails() -> None:
    raise ValueError("secret")


def nothing() -> None:
    return None


def test_app_runs_on_a_wsgi_server_that_checks_every_rule() -> None:
    app = App(
        [
            Route("/rows", "GET", rows),
            Route("/same", "POST", same),
            Route("/hello/{name}", "GET", hello),
            Route("/fails", "GET", fails),
            Route("/nothing", "GET", nothing),
        ]
    )
    with make_server("127.0.0.1", 0, validator(app), handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", timeout=30) as client:
                assert client.get("/rows").text == "".join(f"{number}\n" * 1000 for number in range(5))
                assert client.post("/same", content=b"x" * 100_000).content == b"x" * 100_000
                assert client.get("/hello/Zo%C3%AB").json()["hello"] == "Zoë"
                assert client.head("/hello/ada").headers["content-type"] == "application/json"
                assert client.get("/hello/a%2fb").status_code == 404
                answer = client.get("/fails")
                assert (answer.status_code, "secret" in answer.text) == (500, False)
                assert client.get("/nothing").status_code == 204
                assert client.delete("/nothing").status_code == 405
        finally:
            server.shutdown()
            thread.join()
