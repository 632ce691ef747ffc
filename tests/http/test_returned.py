"""
What a handler announces is what it returns.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any, NoReturn, TypedDict

import msgspec
import pydantic
import pytest
from starlette.background import BackgroundTask

from apistar import ASyncApp, Route, TestClient, http
from apistar.exceptions import ConfigurationError
from apistar.types import Event, Scope


class Order(msgspec.Struct):
    id: int
    note: Annotated[str, msgspec.Meta(max_length=10)] = ""


class Refusal(msgspec.Struct):
    why: str


@dataclasses.dataclass
class Point:
    x: int


class Filter(TypedDict):
    symbol: str


class Login(pydantic.BaseModel):
    name: str = pydantic.Field(alias="userName")


def answer(annotation: Any, value: Any) -> tuple[int, str, str]:
    def handler() -> Any:
        return value

    handler.__annotations__ = {"return": annotation}
    client = TestClient(ASyncApp([Route("/", handler=handler)]), raise_server_exceptions=False)
    response = client.get("/")
    return response.status_code, response.headers.get("content-type", ""), response.text


JSON = "application/json"
HTML = "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("annotation", "value", "status", "kind", "text"),
    [
        (Order, Order(1), 200, JSON, '{"id":1,"note":""}'),
        (Order | None, Order(1), 200, JSON, '{"id":1,"note":""}'),
        (Order | None, None, 204, "", ""),
        (Order | Refusal, Refusal("no"), 200, JSON, '{"why":"no"}'),
        (list[Order], [Order(1)], 200, JSON, '[{"id":1,"note":""}]'),
        (dict, {"any": [1]}, 200, JSON, '{"any":[1]}'),
        (Point, Point(1), 200, JSON, '{"x":1}'),
        (Filter, {"symbol": "x"}, 200, JSON, '{"symbol":"x"}'),
        (Login, Login(userName="ann"), 200, JSON, '{"userName":"ann"}'),
        (int, 3, 200, JSON, "3"),
        (str, "<p>", 200, HTML, "<p>"),
        (str | Order, "<p>", 200, HTML, "<p>"),
        (bytes, b"x", 200, "application/octet-stream", "x"),
        (None, None, 204, "", ""),
        (Any, Order(1), 200, JSON, '{"id":1,"note":""}'),
        (object, [1], 200, JSON, "[1]"),
        (Iterable[int], [1], 200, JSON, "[1]"),
        (NoReturn, [1], 200, JSON, "[1]"),
        (Order, http.Response("as it is", 201), 201, "", "as it is"),
        (Order | http.Response, Order(1), 200, JSON, '{"id":1,"note":""}'),
        (http.Response, http.JSONResponse({"a": 1}), 200, JSON, '{"a":1}'),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, http.Response) else repr(value),
)
def test_handler_returns_what_it_announced(annotation: Any, value: Any, status: int, kind: str, text: str) -> None:
    assert answer(annotation, value) == (status, kind, text)


@pytest.mark.parametrize(
    ("annotation", "value", "says"),
    [
        (Order, Refusal("no"), "cannot send a value of type Refusal: the outgoing type is Order"),
        # The mistake that is tested.
        (Order, Order("one"), "cannot send a value that is no Order: $.id: expected int, got str"),  # type: ignore[arg-type]
        (Order, Order(1, "x" * 11), "cannot send a value that is no Order: $.note: expected str of length <= 10"),
        (list[Order], [Order(1), {}], "cannot send a value that is no list[Order]: $[1].id: required field is missing"),
        (Order | Refusal, Point(1), "cannot return a value of type Point: the handler returns Order | Refusal"),
        (dict, [1], "cannot send a value of type list: the outgoing type is dict"),
    ],
    ids=repr,
)
def test_handler_that_returns_another_type_fails(
    annotation: Any, value: Any, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    status, kind, text = answer(annotation, value)
    assert (status, kind) == (500, "application/problem+json")
    assert says in caplog.text
    assert says not in text


def test_handler_that_announces_what_json_cannot_carry_is_refused_at_start_up() -> None:
    def handler() -> complex:
        return 1j

    with pytest.raises(
        ConfigurationError, match=r"handler \(.*test_returned\.py:\d+\) returns complex: cannot decode complex; use a "
    ):
        ASyncApp([Route("/", handler=handler)])


@pytest.mark.parametrize("status", [204, 304])
def test_status_without_content_has_none_whatever_the_handler_gives(status: int) -> None:
    async def whole() -> http.Response:
        return http.Response("content", status)

    async def pieces() -> http.StreamingResponse:
        return http.StreamingResponse(iter(["con", "tent"]), status)

    with TestClient(ASyncApp([Route("/whole", handler=whole), Route("/pieces", handler=pieces)])) as client:
        for url in ("/whole", "/pieces"):
            answer = client.get(url)
            assert (answer.status_code, answer.content) == (status, b"")


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_pieces_without_end_of_a_body_that_is_not_sent_are_not_made(method: str, status: int) -> None:
    log: list[str] = []

    async def pieces() -> AsyncIterator[bytes]:
        log.append("made")
        while True:
            yield b"x"

    async def handler() -> http.StreamingResponse:
        after = BackgroundTask(log.append, "after")
        return http.StreamingResponse(pieces(), status, {"X-Length": "endless"}, background=after)

    with TestClient(ASyncApp([Route("/", handler=handler)])) as client:
        answer = client.request(method, "/")
        assert (answer.status_code, answer.content, answer.headers["x-length"]) == (status, b"", "endless")
    assert log == ["after"]


async def test_options_of_the_server_as_a_whole_is_answered() -> None:
    sent: list[Event] = []

    async def receive() -> Event:
        raise AssertionError("it has no body")

    async def send(event: Event) -> None:
        sent.append(event)

    scope: Scope = {"type": "http", "method": "OPTIONS", "path": "*", "query_string": b"", "headers": []}
    await ASyncApp()(scope, receive, send)
    assert sent[0]["status"] == 204
