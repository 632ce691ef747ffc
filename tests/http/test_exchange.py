"""One HTTP exchange: what handlers may ask for, and what becomes of what they return."""

from __future__ import annotations

import datetime
import enum
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import pytest
from starlette.responses import PlainTextResponse

from apistar import ASyncApp, Limits, Route, TestClient, WebSocket, http
from apistar.exceptions import BadRequest, ConfigurationError, HTTPException, MethodNotAllowed, NotFound
from apistar.types import Event, Scope


class Order(msgspec.Struct):
    item: str
    amount: Annotated[int, msgspec.Meta(ge=1)] = 1


@dataclass
class Point:
    x: int
    y: int


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Upload(msgspec.Struct):
    title: str
    file: http.UploadFile


def client_of(handler: Any, url: str = "/", method: str = "GET", **options: Any) -> TestClient:
    return TestClient(ASyncApp([Route(url, method, handler)], **options))


@pytest.mark.parametrize(
    ("value", "status", "kind", "body"),
    [
        ({"a": 1}, 200, "application/json", b'{"a":1}'),
        ([1, 2], 200, "application/json", b"[1,2]"),
        (Order("tea", 2), 200, "application/json", b'{"item":"tea","amount":2}'),
        (Point(1, 2), 200, "application/json", b'{"x":1,"y":2}'),
        ([Order("tea")], 200, "application/json", b'[{"item":"tea","amount":1}]'),
        (True, 200, "application/json", b"true"),
        (datetime.date(2026, 1, 2), 200, "application/json", b'"2026-01-02"'),
        ("<p>hi</p>", 200, "text/html; charset=utf-8", b"<p>hi</p>"),
        (b"\x00", 200, "application/octet-stream", b"\x00"),
        (None, 204, None, b""),
        (PlainTextResponse("own", 418), 418, "text/plain; charset=utf-8", b"own"),
        (http.JSONResponse({"a": 1}, 201), 201, "application/json", b'{"a":1}'),
    ],
)
@pytest.mark.parametrize("sync", [True, False])
def test_return_value_becomes_a_response(value: Any, status: int, kind: str | None, body: bytes, sync: bool) -> None:
    def handler() -> Any:
        return value

    async def handler_async() -> Any:
        return value

    with client_of(handler if sync else handler_async) as client:
        answer = client.get("/")
    assert (answer.status_code, answer.headers.get("content-type"), answer.content) == (status, kind, body)


def test_value_that_is_no_json_is_a_500_that_says_so() -> None:
    with client_of(lambda: object()) as client, pytest.raises(TypeError, match="object"):
        client.get("/")


def test_handler_gets_the_parts_of_its_request() -> None:
    def handler(
        method: http.Method,
        url: http.URL,
        path: http.Path,
        headers: http.Headers,
        x_token: http.Header,
        query: http.QueryParams,
        q: http.QueryParam,
        cookies: http.Cookies,
        params: http.PathParams,
        request: http.Request,
        scope: Scope,
        app: ASyncApp,
        route: Route,
    ) -> list[Any]:
        return [
            method, str(url), path, headers["x-token"], x_token, query["q"], q, cookies["c"], params, request.method,
            scope["type"], type(app).__name__, route.name,
        ]  # fmt: skip

    with client_of(handler, "/a/{name}", "POST") as client:
        client.cookies.set("c", "cookie")
        answer = client.post("/a/b?q=1", headers={"X-Token": "secret"})
    assert answer.json() == [
        "POST", "http://testserver/a/b?q=1", "/a/b", "secret", "secret", "1", "1", "cookie", {"name": "b"}, "POST",
        "http", "ASyncApp", "handler",
    ]  # fmt: skip


UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, "x y", "x y"),
        (int, "-5", -5),
        (float, "1.5", 1.5),
        (bool, "true", True),
        (uuid.UUID, str(UUID), UUID),
        (datetime.date, "2026-11-23", datetime.date(2026, 11, 23)),
        (Colour, "red", Colour.RED),
        (Literal["asc", "desc"], "asc", "asc"),
        (Annotated[int, msgspec.Meta(ge=1)], "3", 3),
        (int | None, "3", 3),
        (list[int], "3", [3]),
        (set[str], "a", {"a"}),
    ],
)
def test_query_parameter_is_converted_by_its_annotation(annotation: Any, text: str, value: Any) -> None:
    seen: list[Any] = []

    def handler(value: Any) -> None:
        seen.append(value)

    handler.__annotations__["value"] = annotation
    with client_of(handler) as client:
        assert client.get("/", params={"value": text}).status_code == 204
    assert seen == [value]


def test_repeated_query_parameter_is_a_list() -> None:
    def handler(tag: list[str], number: tuple[int, ...] = ()) -> list[Any]:
        return [tag, number]

    with client_of(handler) as client:
        assert client.get("/?tag=a&tag=b&number=1&number=2").json() == [["a", "b"], [1, 2]]
        assert client.get("/?tag=a").json() == [["a"], []]


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        ("/", "query parameter 'limit' is missing; it is an int"),
        ("/?limit=many", "query parameter 'limit' is 'many': expected int"),
        ("/?limit=0", "query parameter 'limit' is '0': expected int >= 1"),
        ("/?limit=1&limit2=%ff", "the query string is not UTF-8; percent-encode text as UTF-8"),
        ("/?" + "a&" * 1001, "the query string has more than 1000 fields"),
    ],
)
def test_bad_query_is_a_400_that_names_the_parameter(url: str, detail: str) -> None:
    def handler(limit: Annotated[int, msgspec.Meta(ge=1)]) -> int:
        return limit

    with client_of(handler) as client:
        answer = client.get(url)
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)


def test_missing_header_is_a_400_and_a_default_stands_for_it() -> None:
    def handler(x_token: http.Header, accept_language: http.Header | None = None) -> list[Any]:
        return [x_token, accept_language]

    with client_of(handler) as client:
        assert client.get("/").json()["detail"] == "header 'x-token' is missing"
        assert client.get("/", headers={"x-token": "t"}).json() == ["t", None]


def test_body_is_decoded_by_its_annotation() -> None:
    async def handler(order: http.Body[Order]) -> Order:
        return order

    with client_of(handler, method="POST") as client:
        assert client.post("/", json={"item": "tea", "amount": 2}).json() == {"item": "tea", "amount": 2}
        packed = msgspec.msgpack.encode(Order("tea", 3))
        assert client.post("/", content=packed, headers={"content-type": "application/msgpack"}).json()["amount"] == 3
        assert client.post("/", data={"item": "tea", "amount": "4"}).json()["amount"] == 4


def test_form_without_its_extra_is_a_415_and_a_handler_that_needs_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("apistar.http.body.parses_forms", lambda: False)

    async def order(order: http.Body[Order]) -> Order:
        return order

    async def form(form: http.FormData) -> None: ...

    with client_of(order, method="POST") as client:
        for sent in {"data": {"item": "tea"}}, {"files": {"item": b"tea"}}:
            answer = client.post("/", **sent)
            assert (answer.status_code, answer.json()["detail"].partition("; ")[2]) == (
                415,
                "send application/json or application/msgpack",
            )
    with pytest.raises(
        ConfigurationError, match=r"form \(.*\): forms need python-multipart: pip install 'apistar\[forms\]'"
    ):
        client_of(form, method="POST")


@pytest.mark.parametrize(
    ("content", "path", "detail"),
    [
        ('{"item": "tea", "amount": 0}', "$.amount", "$.amount: expected int >= 1"),
        ('{"item": 3}', "$.item", "$.item: expected str, got int"),
        ("{}", "$.item", "$.item: required field is missing"),
        ("{", "$", "$: malformed JSON"),
        ("", "$", "$: the body is missing; it is Order"),
        ("[" * 200_000, "$", "$: "),
        ('{"item": "\\ud800"}', "$", "$: malformed JSON"),
    ],
)
def test_bad_body_is_a_400_with_the_path_to_the_fault(content: str, path: str, detail: str) -> None:
    async def handler(order: http.Body[Order]) -> Order:
        return order

    with client_of(handler, method="POST") as client:
        answer = client.post("/", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["path"] == path
    assert answer.json()["detail"].startswith(detail)


def test_body_of_an_unknown_type_is_a_415() -> None:
    async def handler(order: http.Body[Order]) -> Order:
        return order

    with client_of(handler, method="POST") as client:
        answer = client.post("/", content="x", headers={"content-type": "text/csv"})
    assert answer.status_code == 415
    assert "send application/json, application/msgpack or a form" in answer.json()["detail"]


@pytest.mark.parametrize("chunked", [True, False])
def test_body_over_the_limit_is_a_413(chunked: bool) -> None:
    async def handler(body: http.Body[bytes]) -> int:
        return len(body)

    with client_of(handler, method="POST", limits=Limits(max_message_bytes=10)) as client:
        assert client.post("/", content=b"x" * 10).json() == 10
        answer = client.post("/", content=iter([b"x" * 6, b"x" * 6]) if chunked else b"x" * 12)
    assert answer.status_code == 413
    assert answer.json()["detail"] == "body of 12 bytes exceeds max_message_bytes of 10"


def test_body_as_text_bytes_and_request_are_the_same() -> None:
    async def handler(
        text: http.Body[str],
        data: http.Body[bytes],
        plain: http.Body,  # type: ignore[type-arg]  # without a type: any JSON
        request: http.Request,
    ) -> list[Any]:
        return [text, data.decode(), plain.decode(), (await request.body()).decode()]

    with client_of(handler, method="POST") as client:
        assert client.post("/", content="hé").json() == ["hé"] * 4


def test_form_with_an_upload() -> None:
    async def handler(form: http.Body[Upload]) -> list[Any]:
        return [form.title, form.file.filename, (await form.file.read()).decode()]

    with client_of(handler, method="POST") as client:
        answer = client.post("/", data={"title": "t"}, files={"file": ("a.txt", b"content")})
        assert answer.json() == ["t", "a.txt", "content"]
        assert client.post("/", data={"title": "t", "file": "no file"}).status_code == 400
        assert client.post("/", json={"title": "t"}).status_code == 415


@pytest.mark.parametrize("end", ["\r", "\n", "\0"], ids=["CR", "LF", "NUL"])
def test_header_that_would_be_two_is_a_500_and_is_not_sent(end: str) -> None:
    def handler() -> http.Response:
        return http.Response("x", headers={"X-A": f"a{end}X-B: b"})

    application = ASyncApp([Route("/", handler=handler)])
    answer = TestClient(application, raise_server_exceptions=False).get("/")
    assert (answer.status_code, answer.headers.get("x-a")) == (500, None)


def test_http_exception_is_a_problem_document() -> None:
    def handler() -> None:
        raise HTTPException({"detail": "out of tea", "stock": 0}, 409, {"X-Stock": "0"})

    with client_of(handler) as client:
        answer = client.get("/")
    assert (answer.status_code, answer.headers["x-stock"]) == (409, "0")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {"title": "Conflict", "status": 409, "detail": "out of tea", "stock": 0}


def test_starlettes_http_exception_is_one_too() -> None:
    from starlette.exceptions import HTTPException as StarletteHTTPException

    def handler() -> None:
        raise StarletteHTTPException(418, "teapot")

    with client_of(handler) as client:
        assert client.get("/").json()["detail"] == "teapot"


@pytest.mark.parametrize(
    ("error", "status"), [(BadRequest(), 400), (NotFound("gone"), 404), (MethodNotAllowed(allow=["GET"]), 405)]
)
def test_children_carry_their_status(error: HTTPException, status: int) -> None:
    assert error.status_code == status


def test_exception_takes_the_detail_first() -> None:
    with pytest.raises(TypeError, match=r"write HTTPException\(status_code=404\)"):
        HTTPException(404)  # type: ignore[arg-type]  # the mistake that is tested


def test_fault_of_a_handler_is_a_500_without_a_word_of_it() -> None:
    def handler() -> None:
        raise RuntimeError("the secret")

    app = ASyncApp([Route("/", "GET", handler)])
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    with TestClient(app) as client, pytest.raises(RuntimeError, match="the secret"):
        client.get("/")


def test_head_has_the_headers_of_get_and_no_body() -> None:
    with client_of(lambda: {"a": 1}) as client:
        answer = client.head("/")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "7", b"")


async def test_server_is_sent_no_body_for_a_head() -> None:
    async def receive() -> Event:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: Event) -> None:
        events.append(event)

    events: list[Event] = []
    scope = {"type": "http", "method": "HEAD", "path": "/", "query_string": b"", "headers": [], "scheme": "http"}
    await ASyncApp([Route("/", handler=lambda: "page")])(scope, receive, send)
    start, *bodies = events
    assert (b"content-length", b"4") in start["headers"]
    assert b"".join(event["body"] for event in bodies) == b""


def test_options_lists_the_methods() -> None:
    app = ASyncApp([Route("/", "GET", lambda: "x", name="a"), Route("/", "POST", lambda: "y", name="b")])
    with TestClient(app) as client:
        answer = client.options("/")
        assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
        answer = client.delete("/")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")


def test_plain_request_for_a_websocket_is_a_426() -> None:
    async def handler(ws: WebSocket) -> None:
        raise AssertionError

    with client_of(handler) as client:
        answer = client.get("/")
    assert (answer.status_code, answer.headers["upgrade"]) == (426, "websocket")


def test_streaming_response_is_sent_before_the_clean_up() -> None:
    from collections.abc import AsyncIterator

    from apistar import Component

    log: list[str] = []

    class Session:
        pass

    class Sessions(Component):
        async def resolve(self) -> AsyncIterator[Session]:
            yield Session()
            log.append("closed")

    async def handler(session: Session) -> http.StreamingResponse:
        async def rows() -> AsyncIterator[str]:
            for row in "abc":
                log.append(row)
                yield row

        return http.StreamingResponse(rows())

    namespace = TestClient(ASyncApp([Route("/", "GET", handler)], [Sessions()]))
    with namespace as client:
        assert client.get("/").text == "abc"
    assert log == ["a", "b", "c", "closed"]


def test_unknown_type_says_how_to_ask_for_a_body() -> None:
    def handler(order: Order) -> None:
        return None

    with pytest.raises(ConfigurationError, match=r"for the body of a request write http\.Body\[Order\]"):
        ASyncApp([Route("/", "POST", handler)])
