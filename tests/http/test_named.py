"""
Headers, cookies and query parameters that say where they come from: text in, a value of the type or a 400 out.
"""

from __future__ import annotations

import datetime
import enum
from typing import Annotated, Any, Literal

import msgspec
import pytest

from apistar import ASyncApp, Component, Route, TestClient, WebSocket, http
from apistar.exceptions import ConfigurationError
from apistar.testing import WebSocketDenied


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


def client_of(annotation: Any) -> TestClient:
    def handler(value: Any) -> str:
        return repr(value)

    handler.__annotations__ = {"value": annotation, "return": str}
    return TestClient(ASyncApp([Route("/", handler=handler)]), raise_server_exceptions=False)


def sent(place: str, text: str) -> dict[str, Any]:
    return {
        "header": {"headers": {"value": text}},
        "cookie": {"headers": {"cookie": f"value={text}"}},
        "query": {"params": {"value": text}},
    }[place]


PLACES: list[tuple[str, str, Any]] = [
    ("header", "header 'value'", http.Header),
    ("cookie", "cookie 'value'", http.Cookie),
    ("query", "query parameter 'value'", http.QueryParam),
]
each_place = pytest.mark.parametrize(("place", "called", "mark"), PLACES, ids=[place[0] for place in PLACES])


@each_place
@pytest.mark.parametrize(
    ("tp", "text", "value"),
    [
        (str, "x", "x"),
        (int, "-5", -5),
        (bool, "true", True),
        (datetime.date, "2026-11-23", datetime.date(2026, 11, 23)),
        (Colour, "red", Colour.RED),
        (Literal["asc", "desc"], "asc", "asc"),
        (int | None, "3", 3),
    ],
)
def test_value_is_converted_by_its_type(place: str, called: str, mark: Any, tp: Any, text: str, value: object) -> None:
    for annotation in (mark[tp], Annotated[tp, mark], mark[tp] | None):
        with client_of(annotation) as client:
            assert client.get("/", **sent(place, text)).text == repr(value)


@each_place
def test_value_alone_is_text(place: str, called: str, mark: Any) -> None:
    with client_of(mark) as client:
        assert client.get("/", **sent(place, "5")).text == "'5'"


@each_place
def test_value_that_is_missing_is_a_400_or_none(place: str, called: str, mark: Any) -> None:
    for annotation in (mark, mark[int], Annotated[int, mark, msgspec.Meta(ge=1)]):
        with client_of(annotation) as client:
            answer = client.get("/")
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith(f"{called} is missing")
    for annotation in (mark | None, mark[int] | None, mark[int | None]):
        with client_of(annotation) as client:
            assert client.get("/").text == "None"


@each_place
@pytest.mark.parametrize(
    ("tp", "text", "fault"),
    [
        (int, "x", "expected int"),
        (Annotated[int, msgspec.Meta(ge=1)], "0", "expected int >= 1"),
        (Colour, "green", "expected 'red' or 'blue'"),
        (int | None, "null", "expected int"),
    ],
)
def test_value_that_does_not_fit_is_a_400(place: str, called: str, mark: Any, tp: Any, text: str, fault: str) -> None:
    with client_of(mark[tp]) as client:
        answer = client.get("/", **sent(place, text))
    assert (answer.status_code, answer.json()["detail"]) == (400, f"{called} is {text!r}: {fault}")


def test_default_stands_for_what_is_missing() -> None:
    def handler(x_page: http.Header[int] = 1, sid: http.Cookie = "", size: http.QueryParam[int] = 20) -> list[Any]:
        return [x_page, sid, size]

    with TestClient(ASyncApp([Route("/", handler=handler)])) as client:
        assert client.get("/").json() == [1, "", 20]
        client.cookies.set("sid", "s")
        assert client.get("/?size=5", headers={"X-Page": "2"}).json() == [2, "s", 5]


@pytest.mark.parametrize(("mark", "all_of_them"), [(http.Header, "http.Headers"), (http.Cookie, "http.Cookies")])
def test_list_in_one_text_is_refused_at_start_up(mark: Any, all_of_them: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"is one text and cannot be list\[int\]; .* {all_of_them}"):
        client_of(mark[list[int]])


def test_handshake_is_refused_by_its_headers_and_cookies() -> None:
    class Seat(msgspec.Struct):
        number: int

    class SeatComponent(Component):
        def resolve(self, x_row: http.Header[int], seat: http.Cookie[int]) -> Seat:
            return Seat(x_row * 100 + seat)

    async def handler(ws: WebSocket, seat: Seat) -> None:
        await ws.connect()
        await ws.send_json(seat.number)

    client = TestClient(ASyncApp([Route("/", handler=handler)], components=[SeatComponent()]))
    with client.websocket("/", headers={"X-Row": "7"}, cookies={"seat": "12"}) as ws:
        assert ws.receive_json() == 712
    with pytest.raises(WebSocketDenied) as denied, client.websocket("/", headers={"X-Row": "7"}, cookies={"seat": "x"}):
        pass
    assert denied.value.json()["detail"] == "cookie 'seat' is 'x': expected int"


def test_documents_say_where_values_come_from_and_what_they_are() -> None:
    def page(x_page: http.Header[int] = 1, sid: http.Cookie | None = None) -> None: ...

    async def feed(
        ws: WebSocket, x_page: Annotated[int, http.Header, msgspec.Meta(ge=1)], sid: http.Cookie
    ) -> None: ...

    client = TestClient(ASyncApp([Route("/page", handler=page), Route("/feed", handler=feed)]))
    assert client.get("/schema/").json()["paths"]["/page"]["get"]["parameters"] == [
        {"name": "x-page", "in": "header", "schema": {"type": "integer", "default": 1}},
        {"name": "sid", "in": "cookie", "schema": {"type": "string"}},
    ]
    channel = client.get("/schema/asyncapi").json()["channels"]["feed"]
    assert channel["bindings"]["ws"]["headers"]["properties"]["x-page"] == {"type": "integer", "minimum": 1}
    assert channel["x-cookies"] == {"type": "object", "properties": {"sid": {"type": "string"}}, "required": ["sid"]}
