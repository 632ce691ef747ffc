"""Starlette's users: their middleware, their applications in ours, and ours in theirs."""

from __future__ import annotations

import functools
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi import WebSocket as FastAPIWebSocket
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount as StarletteMount
from starlette.routing import Route as StarletteRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocketDisconnect as StarletteDisconnect

from apistar import App, ASyncApp, Component, Lifetime, Mount, Route, TestClient, WebSocket, http
from apistar.exceptions import Unauthorized
from apistar.testing import WebSocketDenied
from apistar.types import ASGIApp, Event, Receive, Scope, Send
from tests.handlers import echo


def hello(name: str = "you") -> dict[str, str]:
    return {"hello": name}


class Pool:
    pass


class PoolComponent(Component):
    lifetime = Lifetime.APP

    def __init__(self) -> None:
        self.log: list[str] = []

    async def resolve(self) -> AsyncIterator[Pool]:
        self.log.append("up")
        yield Pool()
        self.log.append("down")


def pooled(pool: Pool) -> str:
    return type(pool).__name__


# Middleware


def test_session_is_kept_for_http_and_seen_by_a_websocket() -> None:
    def count(request: http.Request) -> int:
        request.session["count"] = request.session.get("count", 0) + 1
        return int(request.session["count"])

    async def show(ws: WebSocket, scope: Scope) -> None:
        await ws.connect()
        await ws.send_json(scope["session"])

    app = ASyncApp(
        [Route("/", "GET", count), Route("/ws", handler=show)],
        middleware=[Middleware(SessionMiddleware, secret_key="secret")],
    )
    with TestClient(app) as client:
        assert [client.get("/").json() for _ in range(3)] == [1, 2, 3]
        with client.websocket("/ws") as ws:
            assert ws.receive_json() == {"count": 3}


def test_cors_host_and_compression_do_their_work() -> None:
    app = ASyncApp(
        [Route("/", "GET", hello), Route("/big", "GET", lambda: "x" * 5000), Route("/ws", handler=echo)],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["testserver"]),
            Middleware(CORSMiddleware, allow_origins=["https://a.test"], allow_methods=["*"]),
            Middleware(GZipMiddleware),
        ],
    )
    origin = {"origin": "https://a.test"}
    with TestClient(app) as client:
        assert client.get("/", headers=origin).headers["access-control-allow-origin"] == "https://a.test"
        preflight = client.options("/", headers={**origin, "access-control-request-method": "PUT"})
        assert preflight.status_code == 200
        answer = client.get("/big")
        assert (answer.headers["content-encoding"], len(answer.text)) == ("gzip", 5000)
        assert client.get("/", headers={"host": "evil.test"}).status_code == 400
        with client.websocket("/ws") as ws:
            ws.send("x")
            assert ws.receive() == "x"
        with pytest.raises(WebSocketDenied), client.websocket("/ws", headers={"host": "evil.test"}):
            pass


def test_authentication_is_seen_in_the_request() -> None:
    class Backend(AuthenticationBackend):
        async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser]:
            return AuthCredentials(["read"]), SimpleUser(conn.headers["x-user"])

    def me(request: http.Request) -> str:
        return str(request.user.username)

    app = ASyncApp([Route("/", "GET", me)], middleware=[Middleware(AuthenticationMiddleware, backend=Backend())])
    with TestClient(app) as client:
        assert client.get("/", headers={"x-user": "tom"}).text == "tom"


class Stamp(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["x-stamp"] = "1"
        return response


def test_base_http_middleware_leaves_websockets_alone() -> None:
    def fails() -> None:
        raise ValueError("secret")

    app = ASyncApp(
        [Route("/", "GET", hello), Route("/fails", "GET", fails), Route("/ws", handler=echo)],
        middleware=[Middleware(Stamp)],
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/").headers["x-stamp"] == "1"
        assert client.get("/fails").status_code == 500
        with client.websocket("/ws") as ws:
            ws.send("x")
            assert ws.receive() == "x"


class Recorder:
    """A pure ASGI middleware that wraps `receive` and `send`."""

    def __init__(self, app: ASGIApp, log: list[str], name: str = "") -> None:
        self.app, self.log, self.name = app, log, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def received() -> Event:
            event = await receive()
            self.log.append(f"{self.name}in {event['type']}")
            return event

        async def sent(event: Event) -> None:
            self.log.append(f"{self.name}out {event['type']}")
            await send(event)

        await self.app(scope, received, sent)


def test_pure_middleware_sees_every_message() -> None:
    log: list[str] = []
    app = ASyncApp([Route("/ws", handler=echo)], middleware=[Middleware(Recorder, log)])
    with TestClient(app) as client, client.websocket("/ws") as ws:
        ws.send("x")
        assert ws.receive() == "x"
    assert log == [
        "in websocket.connect", "out websocket.accept", "in websocket.receive", "out websocket.send",
        "in websocket.disconnect",
    ]  # fmt: skip


def test_middleware_is_given_in_any_spelling_outermost_first() -> None:
    log: list[str] = []
    app = ASyncApp(
        [Route("/", "GET", lambda: None)],
        middleware=[
            Middleware(Recorder, log, "a "),
            Middleware(Recorder, log=log, name="b "),
            functools.partial(Recorder, log=log, name="c "),
            lambda inner: Recorder(inner, log, "d "),
        ],
    )
    with TestClient(app) as client:
        assert client.get("/").status_code == 204
    assert [line for line in log if "start" in line] == [f"{name} out http.response.start" for name in "dcba"]


# Lifespan


def test_state_of_the_lifespan_reaches_handlers() -> None:
    @asynccontextmanager
    async def lifespan(app: ASyncApp) -> AsyncIterator[Mapping[str, Any]]:
        yield {"answer": 42}

    async def over_http(request: http.Request) -> int:
        return int(request.state.answer)

    async def over_websocket(ws: WebSocket, scope: Scope) -> None:
        await ws.connect()
        await ws.send_json(scope["state"]["answer"])

    app = ASyncApp([Route("/", "GET", over_http), Route("/ws", handler=over_websocket)], lifespan=lifespan)
    with TestClient(app) as client:
        assert client.get("/").json() == 42
        with client.websocket("/ws") as ws:
            assert ws.receive_json() == 42


# Theirs in ours


def test_fastapi_is_mounted_with_its_documents_and_websockets() -> None:
    api = FastAPI()

    @api.get("/items/{item}")
    def item(item: int) -> dict[str, int]:
        return {"item": item}

    @api.websocket("/ws")
    async def socket(websocket: FastAPIWebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        await websocket.close(4001, "enough")

    with TestClient(ASyncApp([Mount("/api", api), Route("/", "GET", hello)])) as client:
        assert client.get("/").json() == {"hello": "you"}
        assert client.get("/api/items/3").json() == {"item": 3}
        assert client.get("/api/items/x").status_code == 422
        assert client.get("/api/nothing").json() == {"detail": "Not Found"}
        assert client.get("/api/openapi.json").json()["servers"] == [{"url": "/api"}]
        with client.websocket("/api/ws") as ws:
            ws.send("x")
            assert ws.receive() == "x"
            ws.wait_closed()
            assert (ws.close_code, ws.close_reason) == (4001, "enough")
        with pytest.raises(WebSocketDenied), client.websocket("/api/nothing"):
            pass


def test_urls_of_a_mounted_application_are_below_its_mount() -> None:
    api = FastAPI()

    @api.get("/items/{item}")
    def item(item: int, request: Request) -> str:
        return str(request.url_for("item", item=item + 1))

    ours = ASyncApp([Mount("/api", api)])
    for app, prefix in (ours, ""), (Starlette(routes=[StarletteMount("/ours", app=ours)]), "/ours"):
        with TestClient(app) as client:
            assert client.get(f"{prefix}/api/items/3").json() == f"http://testserver{prefix}/api/items/4"


@pytest.mark.parametrize("url", ["/", ""])
def test_application_mounted_at_the_root_gets_what_no_route_takes(url: str) -> None:
    inner = Starlette(routes=[StarletteRoute("/theirs", lambda request: PlainTextResponse("theirs"))])
    with TestClient(ASyncApp([Mount(url, inner), Route("/ours", "GET", hello)])) as client:
        assert client.get("/ours").json() == {"hello": "you"}
        assert client.get("/theirs").text == "theirs"


def test_static_files_and_a_wsgi_face_can_be_mounted(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("page")
    app = ASyncApp(
        [Mount("/static", StaticFiles(directory=tmp_path, html=True)), Mount("/old", App([Route("/", "GET", hello)]))],
        schema_url=None,
    )
    with TestClient(app) as client:
        assert client.get("/static/").text == "page"
        assert client.get("/static/none").status_code == 404
        assert client.get("/old/").json() == {"hello": "you"}


def test_mounted_application_is_started_shut_down_and_sees_its_own_state() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def theirs(app: Starlette) -> AsyncIterator[dict[str, str]]:
        log.append("theirs up")
        yield {"who": "theirs"}
        log.append("theirs down")

    @asynccontextmanager
    async def ours(app: ASyncApp) -> AsyncIterator[dict[str, str]]:
        log.append("ours up")
        yield {"who": "ours", "more": "more"}
        log.append("ours down")

    def show(request: Request) -> JSONResponse:
        return JSONResponse([request.state.who, request.state.more])

    def own(request: http.Request) -> list[str]:
        return [request.state.who, request.state.more]

    inner = Starlette(routes=[StarletteRoute("/", show)], lifespan=theirs)
    app = ASyncApp([Mount("/a", inner), Mount("/b", inner), Route("/", "GET", own)], lifespan=ours)
    with TestClient(app) as client:
        assert client.get("/a/").json() == client.get("/b/").json() == ["theirs", "more"]
        assert client.get("/").json() == ["ours", "more"]
    assert log == ["theirs up", "ours up", "ours down", "theirs down"]


def test_mounted_application_that_does_not_start_fails_the_start_of_all() -> None:
    class NoDatabase(PoolComponent):
        async def resolve(self) -> AsyncIterator[Pool]:
            if not self.log:
                raise RuntimeError("no database")
            yield Pool()

    app = ASyncApp([Mount("/inner", ASyncApp(components=[NoDatabase()]))])
    with pytest.raises(AssertionError, match=r"(?s)startup of /inner failed.*no database"), TestClient(app):
        pass


async def raises_for_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await PlainTextResponse("inner")(scope, receive, send)


async def answers_whatever_it_is(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("inner")(scope, receive, send)


async def returns_for_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await PlainTextResponse("inner")(scope, receive, send)


@pytest.mark.parametrize("inner", [raises_for_lifespan, answers_whatever_it_is, returns_for_lifespan])
def test_application_without_lifespan_is_mounted_all_the_same(inner: ASGIApp) -> None:
    with TestClient(ASyncApp([Mount("/inner", inner)])) as client:
        assert client.get("/inner/x").text == "inner"


def test_application_of_ours_is_mounted_in_ours() -> None:
    pools = PoolComponent()
    inner = ASyncApp([Route("/pool", "GET", pooled), Route("/ws", handler=echo)], [pools])
    with TestClient(ASyncApp([Mount("/inner", inner)])) as client:
        assert pools.log == ["up"]
        assert client.get("/inner/pool").text == "Pool"
        assert client.get("/inner/nothing").status_code == 404
        assert client.get("/inner/pool/", follow_redirects=True).text == "Pool"
        with client.websocket("/inner/ws", origin="http://testserver") as ws:
            ws.send("x")
            assert ws.receive() == "x"
        with pytest.raises(WebSocketDenied), client.websocket("/inner/ws", origin="http://evil.test"):
            pass
    assert pools.log == ["up", "down"]


# Ours in theirs


def test_starlette_starts_ours_with_its_first_connection() -> None:
    """Starlette's `Mount` runs no lifespan of what it mounts, so nothing tells ours when to end."""
    pools = PoolComponent()
    inner = ASyncApp([Route("/pool", "GET", pooled), Route("/ws", handler=echo)], [pools])
    with TestClient(Starlette(routes=[StarletteMount("/inner", app=inner)])) as client:
        assert pools.log == []
        assert client.get("/inner/pool").text == "Pool"
        with client.websocket("/inner/ws") as ws:
            ws.send("x")
            assert ws.receive() == "x"
        assert client.get("/inner/nothing").json()["detail"] == "nothing is at /nothing"
    assert pools.log == ["up"]


def test_starlette_runs_the_lifespan_of_ours_when_it_is_told_to() -> None:
    pools = PoolComponent()
    inner = ASyncApp([Route("/pool", "GET", pooled)], [pools])

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with inner.running():
            yield

    with TestClient(Starlette(routes=[StarletteMount("/inner", app=inner)], lifespan=lifespan)) as client:
        assert pools.log == ["up"]
        assert client.get("/inner/pool").text == "Pool"
    assert pools.log == ["up", "down"]


# Their test client


def test_starlettes_test_client_drives_ours() -> None:
    async def talks(ws: WebSocket) -> None:
        await ws.connect(ws.subprotocols[0])
        async for message in ws:
            await ws.send(message)

    async def denies(ws: WebSocket) -> None:
        raise Unauthorized("who are you?", headers={"WWW-Authenticate": "Bearer"})

    async def closes(ws: WebSocket) -> None:
        await ws.connect()
        await ws.close(4001, "enough")

    app = ASyncApp(
        [
            Route("/", "GET", hello),
            Route("/talks", handler=talks),
            Route("/denies", handler=denies),
            Route("/closes", handler=closes),
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it recommends another HTTP client
        from starlette import testclient
    with testclient.TestClient(app) as client:
        assert client.get("/?name=tom").json() == {"hello": "tom"}
        with client.websocket_connect("/talks", subprotocols=["a", "b"]) as ws:
            assert str(ws.accepted_subprotocol) == "a"
            ws.send_json({"a": 1})
            assert ws.receive_json() == {"a": 1}
            ws.send_bytes(b"x")
            assert ws.receive_bytes() == b"x"
        with pytest.raises(testclient.WebSocketDenialResponse) as denied, client.websocket_connect("/denies"):
            pass
        assert (denied.value.status_code, denied.value.headers["www-authenticate"]) == (401, "Bearer")
        with client.websocket_connect("/closes") as ws:
            with pytest.raises(StarletteDisconnect) as closed:
                ws.receive_text()
            assert (closed.value.code, closed.value.reason) == (4001, "enough")
