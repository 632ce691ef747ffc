"""The application as a whole: start-up errors, lifespan, middleware, mounts, static files, templates, URLs."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTasks
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route as StarletteRoute
from starlette.websockets import WebSocket as StarletteWebSocket

from apistar import ASyncApp, Component, Include, Lifetime, Mount, Provider, Route, TestClient, WebSocket, http
from apistar.channels import Channel
from apistar.exceptions import ConfigurationError, UnsupportedType, UsageError
from apistar.testing import WebSocketDenied
from apistar.types import Receive, Scope, Send
from tests.handlers import echo
from tests.server.processes import free_port


def page() -> str:
    return "page"


def test_http_and_websocket_share_a_url() -> None:
    with TestClient(ASyncApp([Route("/", "GET", page), Route("/", handler=echo)])) as client:
        assert client.get("/").text == "page"
        with client.websocket("/") as ws:
            ws.send("x")
            assert ws.receive() == "x"


def test_route_of_the_applications_own_takes_the_place_of_a_page_of_ours() -> None:
    included = Include("/schema", "schema", [Route("/", handler=page)])
    client = TestClient(ASyncApp([Route("/docs/", handler=page), included]))
    assert [client.get(url).text for url in ("/docs/", "/schema/")] == ["page", "page"]
    assert client.get("/schema/asyncapi").status_code == 200


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("/one/", "/one"),
        ("/two", "/two/"),
        ("/two?a=1&b=%C3%A4", "/two/?a=1&b=%C3%A4"),
        ("/mounted/one/", "/mounted/one"),
        ("/users/a%2Fb:c", None),
        ("/users/%C3%A4:c", "/users/%C3%A4%3Ac/"),
        ("//two", None),
        ("/two//", None),
        ("/socket/", None),
        ("/", None),
    ],
)
def test_request_with_the_other_slash_is_redirected(asked: str, there: str | None) -> None:
    def user(name: str) -> str:
        return name

    routes = [Route("/one", handler=page), Route("/two/", handler=page), Route("/users/{name}/", handler=user)]
    mounted = Mount("/mounted", ASyncApp(routes))
    client = TestClient(ASyncApp([*routes, mounted, Route("/socket", handler=echo)]))
    response = client.get(asked, follow_redirects=False)
    assert response.status_code == (404 if there is None else 307)
    if there is not None:
        assert response.headers["location"].startswith(("./", "../"))
        assert client.get(asked, follow_redirects=True).url.raw_path.decode() == there


@pytest.mark.parametrize(
    ("routes", "sentence"),
    [
        (lambda: [Route("/{room}", "GET", page)], "page .* takes no parameter 'room', which '/{room}' has"),
        (lambda: [Route("page", "GET", page)], "must start with a slash"),
        (lambda: [Route("/{+rest}/x", "GET", page)], "must come last"),
        (lambda: [Route("/{a}/{a}", "GET", page)], "has the parameter 'a' twice"),
        (lambda: [Route("/", "GET", page), Route("/", "GET", page)], "GET '/' of page .* can never be told apart"),
        (lambda: [Route("/", handler=echo), Route("/", handler=echo)], "WebSocket '/' of echo .* told apart"),
        (lambda: [Route("/", "GET")], "needs a handler"),
        (lambda: [Route("/", "FETCH", page)], "'FETCH' is no method"),
        # The mistake that is tested.
        (lambda: [Route("/", page)], r"the second argument is the method; write Route\('/', handler=…\)"),  # type: ignore[arg-type]
        (lambda: [page], "routes are made of Route, Include and Mount"),
        (lambda: [StarletteRoute("/", page)], r"not starlette\.routing\.Route: .*; import it from apistar"),
        (lambda: Route("/", "GET", page), r"routes must be a list, not Route\(.*\); write routes=\[…\]"),
        (
            lambda: [Route("/{id:int}", "GET", page)],
            "'id:int' cannot name .*; write {id}, and its type in the signature",
        ),
        (lambda: [Route("/{rest:path}", "GET", page)], r"write {\+rest} for the rest of the path"),
        (lambda: [Route("/a/<int:id>", "GET", page)], "write {id} for <int:id>"),
        # The mistake that is tested.
        (lambda: [Mount("/x", ASyncApp)], r"not the class ASyncApp; write ASyncApp\(…\)"),  # type: ignore[arg-type]
        (
            # The mistake that is tested.
            lambda: [Route("/", handler=page, limits={"ping_timeout_s": 3})],  # type: ignore[arg-type]
            r"the limits of route '/' must be Limits\(…\), not {'ping",
        ),
        # The mistake that is tested.
        (lambda: [Include("/x", "x", ASyncApp([]))], "include '/x' needs a list of routes, not <.*Mount"),  # type: ignore[arg-type]
        (lambda: [Mount("/x", 3)], "needs an ASGI application"),  # type: ignore[arg-type]  # the mistake that is tested
        (lambda: [Route("/", handler=echo, codecs=["xml"])], "allows codec 'xml'; known are 'json', 'msgpack', and"),
    ],
)
def test_routes_that_cannot_be_are_refused_at_start_up(routes: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        ASyncApp(routes())


def sync_ticks() -> Iterator[int]:
    yield 1


class Users:
    async def list(self) -> list[str]:
        return ["ada"]


async def takes_starlettes(ws: StarletteWebSocket) -> None: ...


async def forgets_the_annotation(ws) -> None: ...  # type: ignore[no-untyped-def]  # the mistake that is tested


async def takes_the_response(response: http.Response) -> None: ...


async def takes_a_file(file: http.UploadFile) -> None: ...


async def takes_background_tasks(tasks: BackgroundTasks) -> None: ...


async def takes_a_value_error(error: ValueError) -> None: ...


async def takes_a_mapping(order: dict[str, int]) -> None: ...


def without_wraps(handler: Any) -> Any:
    async def call(*args: Any, **kwargs: Any) -> Any:
        return await handler(*args, **kwargs)

    return call


class Untitled(Channel[str]):
    pass


async def takes_a_channel_without_topic(ws: WebSocket, channel: Untitled) -> None: ...


@pytest.mark.parametrize(
    ("handler", "sentence"),
    [
        (sync_ticks, r"sync_ticks \(.*\) is a sync generator; write `async def` for a WebSocket that sends"),
        (Users.list, r"Users\.list \(.*\) is a method without its object; give that of an instance, Users\(\)\.list"),
        (without_wraps(takes_starlettes), r"call \(.*\) takes anything, .* put @functools\.wraps\(…\) above"),
        (takes_the_response, r"takes_the_response \(.*\) asks for the response, which is there when it has returned"),
        (ASyncApp([]), r"ASyncApp \(.*\) is an ASGI application and no handler; write Mount\('/', …\)"),
        (takes_a_file, r"ask for http\.Body\[…\] with a type that has a field of http\.UploadFile"),
        (takes_background_tasks, r"return http\.JSONResponse\(…, background=BackgroundTask\(…\)\), or ask for asyncio"),
        (takes_a_value_error, "ask for Exception, and look at which one it is"),
        (takes_starlettes, "parameter 'ws' is Starlette's WebSocket; import it from apistar"),
        (
            forgets_the_annotation,
            "parameter 'ws' has no annotation; write `ws: WebSocket`, or `ws: str` if a query parameter is meant",
        ),
        (takes_a_mapping, r"for the body of a request write http\.Body\[dict\[str, int\]\]"),
        (takes_a_channel_without_topic, 'Untitled has no topic; write topic = "room:{room}" in its class'),
    ],
)
def test_handler_that_cannot_be_is_refused_at_start_up(handler: Any, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        ASyncApp([Route("/", handler=handler)])


@pytest.mark.parametrize("option", ["components", "event_hooks", "middleware"])
def test_options_that_are_lists_say_so(option: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{option} must be a list, not Users; write {option}=\[…\]"):
        ASyncApp([], **{option: Users})  # type: ignore[arg-type]  # the mistake that is tested


def test_hook_that_forgets_an_annotation_is_refused_at_start_up() -> None:
    class Hook:
        def on_response(self, response):  # type: ignore[no-untyped-def]  # as API Star's users write them
            raise AssertionError("never called")

    with pytest.raises(ConfigurationError, match=r"'response' has no annotation; write `response: http\.Response`"):
        ASyncApp([Route("/", handler=page)], event_hooks=[Hook])


def test_error_hook_that_forgets_the_annotation_is_refused_at_start_up() -> None:
    class Hook:
        def on_error(self, exc):  # type: ignore[no-untyped-def]  # as API Star's users write them
            raise AssertionError("never called")

    with pytest.raises(ConfigurationError, match=r"Hook\.on_error \(.*\): parameter 'exc' .* write `exc: Exception`"):
        ASyncApp([], event_hooks=[Hook])


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda ws: ws.connect(headers={"x-page": 1}), "header 'x-page' must be str, not int"),
        (
            lambda ws: ws.close("bye", 4000),
            "close code 'bye' cannot be sent; use 1000, 1008, 1011 or one of 3000 to 4999",
        ),
    ],
)
def test_argument_of_another_type_is_the_applications_fault(act: Any, sentence: str) -> None:
    async def handler(ws: WebSocket) -> None:
        await act(ws)

    client = TestClient(ASyncApp([Route("/", handler=handler)]))
    with pytest.raises(UsageError) as raised, client.websocket("/"):
        pass
    assert str(raised.value) == sentence


def test_subprotocols_in_one_text_are_refused_by_the_test_client() -> None:
    with pytest.raises(TypeError, match=r"subprotocols must be a list: subprotocols=\['v1'\]"):
        TestClient(ASyncApp([])).websocket("/", subprotocols="v1")


def test_limits_of_another_type_are_refused_at_start_up() -> None:
    with pytest.raises(ConfigurationError, match=r"the limits of the application must be Limits\(…\), not 3"):
        ASyncApp([], limits=3)  # type: ignore[arg-type]  # the mistake that is tested


def test_middleware_that_is_none_is_refused_at_start_up() -> None:
    with pytest.raises(ConfigurationError, match=r"middleware 'gzip' cannot be called .* Middleware"):
        ASyncApp([], middleware=["gzip"])  # type: ignore[list-item]  # the mistake that is tested


async def lifespan_undecorated(app: ASyncApp) -> AsyncIterator[None]:
    yield


async def lifespan_without_yield(app: ASyncApp) -> None: ...


@contextlib.contextmanager
def lifespan_of_sync_code(app: ASyncApp) -> Iterator[None]:
    yield


@pytest.mark.parametrize(
    "lifespan",
    [
        lifespan_undecorated,
        lifespan_without_yield,
        lifespan_of_sync_code,
        contextlib.asynccontextmanager(lifespan_without_yield),  # type: ignore[arg-type]  # the mistake that is tested
    ],
)
def test_lifespan_that_is_no_context_manager_is_refused_with_what_to_write(lifespan: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"lifespan_\w+ \(.*\) gives .* @contextlib.asynccontextmanager"):
        ASyncApp([], lifespan=lifespan)


def test_value_that_a_websocket_handler_returns_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(ws: WebSocket) -> dict[str, int]:
        await ws.connect()
        return {"answer": 42}

    with caplog.at_level(logging.INFO), TestClient(ASyncApp([Route("/", handler=handler)])).websocket("/") as ws:
        ws.wait_closed()
        assert ws.close_code == 1000
    assert [record.getMessage().partition(" for ")[0].partition(") ")[2] for record in caplog.records] == [
        "returned dict, which nobody gets: send() it"
    ]


def test_websocket_at_a_url_of_plain_http_is_told_so() -> None:
    with pytest.raises(WebSocketDenied, match="no WebSocket is at /, only plain HTTP"):
        TestClient(ASyncApp([Route("/", "GET", page)])).websocket("/").__enter__()


def test_sync_websocket_handler_is_refused() -> None:
    def handler(ws: WebSocket) -> None:
        return None

    with pytest.raises(ConfigurationError, match="takes a WebSocket and must be `async def`"):
        ASyncApp([Route("/", handler=handler)])


def test_two_message_types_for_one_socket_are_refused() -> None:
    async def handler(ws: WebSocket[int, int], other: WebSocket[str, str]) -> None:
        return None

    with pytest.raises(UnsupportedType, match=r"one WebSocket is declared as \[int, int\] and as \[str, str\]"):
        ASyncApp([Route("/", handler=handler)])


def test_body_of_a_websocket_is_refused() -> None:
    async def handler(ws: WebSocket, body: http.Body[dict[str, int]]) -> None:
        return None

    with pytest.raises(ConfigurationError, match=r"http\.Body exists only for HTTP routes"):
        ASyncApp([Route("/", handler=handler)])


class Room:
    def __init__(self, name: str) -> None:
        self.name = name


class Rooms(Component):
    def resolve(self, room: str) -> Room:
        return Room(room)


def test_path_parameter_of_a_component_counts_as_taken() -> None:
    def handler(value: Room) -> str:
        return value.name

    with TestClient(ASyncApp([Route("/{room}", "GET", handler)], [Rooms()])) as client:
        assert client.get("/lobby").text == "lobby"


def test_provider_takes_parameters_by_name() -> None:
    async def handler(rooms: Provider[Room]) -> str:
        async with rooms(room="lobby") as room:
            return room.name

    with TestClient(ASyncApp([Route("/", "GET", handler)], [Rooms()])) as client:
        assert client.get("/").text == "lobby"


def test_component_that_needs_a_websocket_makes_a_websocket_route() -> None:
    class Feed:
        def __init__(self, ws: WebSocket) -> None:
            self.ws = ws

    class Feeds(Component):
        async def resolve(self, ws: WebSocket) -> Feed:
            await ws.connect()
            return Feed(ws)

    async def handler(feed: Feed) -> None:
        await feed.ws.send("from the feed")

    with TestClient(ASyncApp([Route("/", handler=handler)], [Feeds()])) as client, client.websocket("/") as ws:
        assert ws.receive() == "from the feed"


def test_lifespan_and_application_components_start_and_stop_in_order() -> None:
    log: list[str] = []

    class Pool:
        pass

    class Pools(Component):
        lifetime = Lifetime.APP

        async def resolve(self, app: ASyncApp) -> AsyncIterator[Pool]:
            log.append(f"pool up for {type(app).__name__}")
            yield Pool()
            log.append("pool down")

    @contextlib.asynccontextmanager
    async def lifespan(app: ASyncApp) -> AsyncIterator[Mapping[str, Any]]:
        log.append("lifespan up")
        yield {"answer": 42}
        log.append("lifespan down")

    def handler(request: http.Request, pool: Pool) -> list[Any]:
        return [request.state.answer, type(pool).__name__]

    with TestClient(ASyncApp([Route("/", "GET", handler)], [Pools()], lifespan=lifespan)) as client:
        assert client.get("/").json() == [42, "Pool"]
        assert client.get("/").json() == [42, "Pool"]
    assert log == ["pool up for ASyncApp", "lifespan up", "lifespan down", "pool down"]


def test_failed_start_up_names_the_fault(caplog: pytest.LogCaptureFixture) -> None:
    class Pool:
        pass

    class Pools(Component):
        lifetime = Lifetime.APP

        async def resolve(self) -> Pool:
            raise OSError("no database")

    with pytest.raises(AssertionError, match="OSError: no database"), TestClient(ASyncApp([], [Pools()])):
        pass
    assert "start-up failed" in caplog.text


def test_start_up_without_the_broker_is_a_sentence_and_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    app = ASyncApp([], broker=f"redis://127.0.0.1:{free_port()}")
    with pytest.raises(AssertionError, match="the broker does not answer: redis://127"), TestClient(app):
        pass
    assert [record.exc_info for record in caplog.records if "start-up failed" in record.message] == [None]


async def test_application_without_lifespan_events_starts_with_its_first_connection() -> None:
    class Pool:
        pass

    class Pools(Component):
        lifetime = Lifetime.APP

        def resolve(self) -> Pool:
            return Pool()

    def handler(pool: Pool) -> str:
        return type(pool).__name__

    import httpx

    transport = httpx.ASGITransport(ASyncApp([Route("/", "GET", handler)], [Pools()]))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/")).text == "Pool"


def test_middleware_wraps_every_request_outermost_first() -> None:
    log: list[str] = []

    def named(name: str) -> Any:
        def middleware(app: Any) -> Any:
            async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
                log.append(f"{name} {scope['type']}")
                await app(scope, receive, send)

            return wrapped

        return middleware

    app = ASyncApp(
        [Route("/", "GET", lambda: "x" * 2000), Route("/ws", handler=echo)],
        middleware=[named("a"), Middleware(GZipMiddleware, minimum_size=100), named("b")],
    )
    with TestClient(app) as client:
        assert client.get("/", headers={"accept-encoding": "gzip"}).headers["content-encoding"] == "gzip"
        with client.websocket("/ws") as ws:
            ws.send("x")
            assert ws.receive() == "x"
    assert log == ["a http", "b http", "a websocket", "b websocket"]


def test_mount_sees_root_path_and_routes_come_first() -> None:
    async def where(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{request.scope['root_path']} {request.url.path}")

    inner = Starlette(routes=[StarletteRoute("/{rest:path}", where)])
    nested = ASyncApp([Route("/deep", "GET", page), Route("/ws", handler=echo)])
    app = ASyncApp([Mount("/star", inner), Mount("/api", nested), Route("/star/own", "GET", page)])
    with TestClient(app) as client:
        assert client.get("/star/x").text == "/star /star/x"
        assert client.get("/star/own").text == "page"
        assert client.get("/api/deep").text == "page"
        assert client.get("/api/nothing").status_code == 404
        with client.websocket("/api/ws") as ws:
            ws.send("x")
            assert ws.receive() == "x"


def test_root_path_is_not_part_of_the_route() -> None:
    with TestClient(ASyncApp([Route("/", "GET", page), Route("/x", "GET", page, name="x")]), root_path="/v1") as client:
        assert client.get("/x").text == "page"


def test_include_nests_urls_and_names() -> None:
    routes: list[Route | Include] = [
        Route("/", "GET", page, name="list"),
        Include("/{room}", "room", [Route("/members", "GET", members)]),
    ]
    app = ASyncApp([Include("/rooms", "rooms", routes)])
    with TestClient(app) as client:
        assert client.get("/rooms/").text == "page"
        assert client.get("/rooms/lobby/members").json() == ["lobby"]
    assert app.reverse_url("rooms:room:members", room="lobby") == "/rooms/lobby/members"
    with pytest.raises(UsageError, match="no route is named 'rooms:room:member'; did you mean 'rooms:room:members'"):
        app.reverse_url("rooms:room:member")


def members(room: str) -> list[str]:
    return [room]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../secret.txt", "/static/..%2fsecret.txt", "/static/%2e%2e/secret.txt", "/static/..%5csecret.txt",
        "/static//etc/passwd", "/static/a.txt%00", "/static/%252e%252e/secret.txt", "/static-sibling/secret.txt",
        "/static/link.txt", "/static/", "/static", "/static/nothing.txt",
    ],
)  # fmt: skip
def test_static_files_stay_in_their_folder(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    sibling = tmp_path / "static-sibling"
    sibling.mkdir()
    (sibling / "secret.txt").write_text("secret")
    static = tmp_path / "static"
    static.mkdir()
    (static / "a.txt").write_text("public")
    (static / "link.txt").symlink_to(tmp_path / "secret.txt")
    with TestClient(ASyncApp([], static_dir=str(static))) as client:
        assert client.get("/static/a.txt").text == "public"
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.content != b"secret"


@pytest.mark.parametrize(
    ("method", "wanted", "status", "length", "body"),
    [
        ("GET", "bytes=2-3", 206, "2", "23"),
        ("HEAD", "bytes=2-3", 200, "10", ""),
        ("GET", "lines=2-3", 200, "10", "0123456789"),
        ("GET", "Bytes=2-3", 206, "2", "23"),
        ("GET", "bytes=10-", 416, "0", ""),
    ],
)
@pytest.mark.parametrize("url", ["/static/a.txt", "/file"])
def test_range_is_of_bytes_and_for_get_alone(
    tmp_path: Path, url: str, method: str, wanted: str, status: int, length: str, body: str
) -> None:
    """RFC 9110 §14.2."""
    (tmp_path / "a.txt").write_text("0123456789")

    def file() -> http.FileResponse:
        return http.FileResponse(tmp_path / "a.txt")

    with TestClient(ASyncApp([Route("/file", "GET", file)], static_dir=tmp_path)) as client:
        answer = client.request(method, url, headers={"Range": wanted})
        assert (answer.status_code, answer.headers["content-length"], answer.text) == (status, length, body)


@pytest.mark.parametrize("option", ["static_dir", "template_dir"])
def test_missing_folder_is_refused_at_start_up(tmp_path: Path, option: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{option} '.*nothing' is no folder; a relative one is below /"):
        ASyncApp([], **{option: tmp_path / "nothing"})  # type: ignore[arg-type]  # the options have several types


def test_template_is_rendered_with_escaped_values(tmp_path: Path) -> None:
    (tmp_path / "hello.html").write_text("<p>{{ name }}</p><link href='{{ static_url('a.css') }}'>")

    def handler(app: ASyncApp) -> str:
        return app.render_template("hello.html", name="<b>")

    with TestClient(ASyncApp([Route("/", "GET", handler)], template_dir=str(tmp_path))) as client:
        assert client.get("/").text == "<p>&lt;b&gt;</p><link href='/static/a.css'>"


@pytest.mark.parametrize(
    "path", ["/x/%00", "/x/..", "/x/%2e%2e", "/x/%ff", "/x//", "//", "/x/a/b", "/%2e%2e/etc/passwd", "/x/a%0d%0ab"]
)
def test_odd_path_is_a_404_and_one_line_at_most(path: str, caplog: pytest.LogCaptureFixture) -> None:
    def handler(name: str) -> str:
        raise AssertionError(name)

    with caplog.at_level(logging.INFO), TestClient(ASyncApp([Route("/x/{name}", "GET", handler)])) as client:
        assert client.get(path).status_code == 404
    assert len([record for record in caplog.records if record.name.startswith("apistar")]) <= 1


def test_subprotocol_must_be_one_that_was_offered() -> None:
    from apistar.exceptions import InvalidSubprotocol

    async def handler(ws: WebSocket) -> None:
        with pytest.raises(InvalidSubprotocol, match=r"'v9' was not offered by the client \(offered: 'v1', 'v2'\)"):
            await ws.connect("v9")
        await ws.connect("v2", {"X-Hello": "yes"})

    with (
        TestClient(ASyncApp([Route("/", handler=handler)])) as client,
        client.websocket("/", subprotocols=["v1", "v2"]) as ws,
    ):
        assert (ws.subprotocol, ws.headers["x-hello"]) == ("v2", "yes")


def test_msgpack_is_spoken_when_the_client_asks_for_it() -> None:
    import msgspec

    async def handler(ws: WebSocket[dict[str, int], dict[str, int]]) -> None:
        await ws.connect()
        async for message in ws:
            await ws.send({"double": message["value"] * 2})

    app = ASyncApp([Route("/", handler=handler, codecs=["json", "msgpack"]), Route("/json", handler=handler)])
    with TestClient(app) as client:
        with client.websocket("/", subprotocols=["msgpack"]) as ws:
            assert ws.subprotocol == "msgpack"
            ws.send(msgspec.msgpack.encode({"value": 4}))
            assert msgspec.msgpack.decode(ws.receive_bytes()) == {"double": 8}
        with client.websocket("/") as ws:
            assert ws.subprotocol is None
            ws.send_json({"value": 4})
            assert ws.receive_json() == {"double": 8}
        with client.websocket("/json", subprotocols=["msgpack"]) as ws:
            assert ws.subprotocol is None


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "testserver", True),
        ("http://testserver", "testserver", True),
        ("http://testserver:80", "testserver", True),
        ("https://testserver", "testserver", False),
        ("http://TESTSERVER", "testserver", True),
        ("http://testserver:8000", "testserver:8000", True),
        ("http://testserver:8000", "testserver", False),
        ("http://evil.test", "testserver", False),
        ("http://testserver.evil.test", "testserver", False),
        ("http://eviltestserver", "testserver", False),
        ("null", "testserver", False),
        ("testserver", "testserver", False),
        ("file://", "testserver", False),
        ("http://", "testserver", False),
        ("https://listed.test", "testserver", True),
        ("http://listed.test", "testserver", False),
        ("https://sub.listed.test", "testserver", False),
    ],
)
def test_origin_must_be_ours_or_listed(origin: str | None, host: str, allowed: bool) -> None:
    app = ASyncApp([Route("/", handler=echo)], allowed_origins=["https://listed.test"])
    with TestClient(app) as client:
        session = client.websocket("/", origin=origin, headers={"host": host})
        if allowed:
            with session as ws:
                ws.send("x")
                assert ws.receive() == "x"
        else:
            with pytest.raises(WebSocketDenied) as denied, session:
                pass
            assert denied.value.status_code == 403


def test_http_page_may_not_open_a_secure_socket() -> None:
    app = ASyncApp([Route("/", handler=echo)])
    with (
        TestClient(app, base_url="https://testserver") as client,
        pytest.raises(WebSocketDenied),
        client.websocket("/", origin="http://testserver"),
    ):
        pass


@pytest.mark.parametrize("wrong", ["example.com", "https://example.com/", "https://a@example.com", "https://"])
def test_allowed_origin_must_be_spelled_as_browsers_do(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="as a browser sends it"):
        ASyncApp([], allowed_origins=[wrong])


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("example.com", True), ("EXAMPLE.com:8000", True), ("a.example.org", True), ("a.b.example.org", True),
        ("example.org", False), ("evilexample.org", False), ("example.com.evil.test", False), ("", False),
    ],
)  # fmt: skip
def test_host_must_be_allowed(host: str, allowed: bool) -> None:
    app = ASyncApp(
        [Route("/", "GET", page), Route("/ws", handler=echo)], allowed_hosts=["example.com", "*.example.org"]
    )
    with TestClient(app) as client:
        assert client.get("/", headers={"host": host}).status_code == (200 if allowed else 400)
        session = client.websocket("/ws", headers={"host": host})
        if allowed:
            with session:
                pass
        else:
            with pytest.raises(WebSocketDenied) as denied, session:
                pass
            assert denied.value.status_code == 400


def test_connections_past_the_limit_are_refused_with_503_and_come_back() -> None:
    from apistar import Limits

    app = ASyncApp([Route("/", handler=echo)], limits=Limits(max_connections=1))
    with TestClient(app) as client:
        with client.websocket("/"):
            with pytest.raises(WebSocketDenied) as denied, client.websocket("/"):
                pass
            assert denied.value.status_code == 503
            assert 1 <= int(denied.value.headers["retry-after"]) <= 10
        with client.websocket("/"):
            pass
