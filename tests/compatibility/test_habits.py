"""What FastAPI's users expect of typed parameters, bodies, forms, dependencies and answers."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import httpx
import msgspec
import pydantic
import pytest
from starlette.background import BackgroundTask

from apistar import ASyncApp, Component, Lifetime, Route, TestClient, http
from apistar.exceptions import NotFound


def ask(handler: Callable[..., Any], method: str = "GET", path: str = "/", **request: Any) -> httpx.Response:
    with TestClient(ASyncApp([Route("/", method, handler)])) as client:
        return client.request(method, path, **request)


# Query parameters


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


def typed(
    number: int,
    ratio: float = 1.5,
    flag: bool = False,
    text: str | None = None,
    numbers: list[int] = [],  # noqa: B006  # people write it
    colour: Colour = Colour.RED,
    key: uuid.UUID | None = None,
    when: datetime.datetime | None = None,
    small: Annotated[int, msgspec.Meta(ge=1, le=10)] = 5,
    choice: Literal["x", "y"] = "x",
    names: list[str] | None = None,
    unique: set[int] = frozenset(),  # type: ignore[assignment]  # people write it
    price: decimal.Decimal | None = None,
    colours: list[Colour] = [],  # noqa: B006  # people write it
) -> list[Any]:
    return [
        number, ratio, flag, text, numbers, colour, key, when, small, choice, names, sorted(unique), price, colours,
    ]  # fmt: skip


def test_query_parameters_have_types_and_defaults() -> None:
    assert ask(typed, path="/?number=1").json() == [
        1, 1.5, False, None, [], "red", None, None, 5, "x", None, [], None, [],
    ]  # fmt: skip
    key = "12345678-1234-5678-1234-567812345678"
    query = (
        f"number=1&ratio=2&flag=true&text=t&numbers=1&numbers=2&colour=blue&key={key}&when=2024-01-02T03:04:05Z&small=3"
        "&choice=y&names=a&unique=2&unique=1&unique=2&price=1.50&colours=red&colours=blue"
    )
    assert ask(typed, path=f"/?{query}").json() == [
        1, 2.0, True, "t", [1, 2], "blue", key, "2024-01-02T03:04:05Z", 3, "y", ["a"], [1, 2], "1.50", ["red", "blue"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("", "query parameter 'number' is missing; it is an int"),
        ("number=", "query parameter 'number' is '': expected int"),
        ("number=x", "query parameter 'number' is 'x': expected int"),
        ("number=1&numbers=2&numbers=x", "query parameter 'numbers' is '2, x': $[1]: expected int"),
        (
            "number=1&colour=green",
            "query parameter 'colour' is 'green': expected 'red' or 'blue'",
        ),
        ("number=1&key=z", "query parameter 'key' is 'z': invalid UUID"),
        ("number=1&small=11", "query parameter 'small' is '11': expected int <= 10"),
        ("number=1&choice=z", "query parameter 'choice' is 'z': expected 'x' or 'y'"),
    ],
)
def test_query_parameter_that_does_not_fit_is_named(query: str, detail: str) -> None:
    answer = ask(typed, path=f"/?{query}")
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)


# Bodies


@dataclass
class Point:
    x: int
    y: str = "a"


class Order(msgspec.Struct):
    x: int
    y: str = "a"


class Document(TypedDict):
    x: int


class Model(pydantic.BaseModel):
    x: int
    y: str = "a"


class Row(NamedTuple):
    x: int


@pytest.mark.parametrize(
    ("annotation", "sent", "back"),
    [
        (Point, {"x": 1, "y": "b"}, {"x": 1, "y": "b"}),
        (Order, {"x": 1}, {"x": 1, "y": "a"}),
        (Document, {"x": 1}, {"x": 1}),
        (Model, {"x": 1}, {"x": 1, "y": "a"}),
        (Row, [1], [1]),
        (list[Order], [{"x": 1}], [{"x": 1, "y": "a"}]),
        (list[Model], [{"x": 1}], [{"x": 1, "y": "a"}]),
        (dict[str, int], {"x": 1}, {"x": 1}),
        (Order | None, {"x": 1}, {"x": 1, "y": "a"}),
        (int, 3, 3),
        (Any, {"x": [None]}, {"x": [None]}),
    ],
)
def test_body_comes_as_the_type_that_is_asked_for(annotation: Any, sent: Any, back: Any) -> None:
    async def handler(body) -> Any:  # type: ignore[no-untyped-def]  # its annotation comes below
        return body

    handler.__annotations__["body"] = http.Body[annotation]  # type: ignore[misc]  # a type made at run time
    answer = ask(handler, "POST", json=sent)
    assert (answer.status_code, answer.json()) == (200, back)
    assert ask(handler, "POST", content=b"{").status_code == 400


def test_body_that_is_left_out_is_its_default() -> None:
    def optional(body: http.Body[Order | None]) -> bool:
        return body is None

    def default(body: http.Body[Order] = Order(7)) -> int:
        return body.x

    def required(body: http.Body[Order]) -> int:
        return body.x

    assert ask(optional, "POST").json() is True
    assert ask(optional, "POST", json={"x": 1}).json() is False
    assert ask(default, "POST").json() == 7
    assert ask(default, "POST", json={"x": 1}).json() == 1
    assert ask(required, "POST").status_code == 400


# Forms


class Form(msgspec.Struct):
    title: str
    file: http.UploadFile
    number: int = 0
    tags: list[str] = []
    more: list[http.UploadFile] | None = None


async def submit(form: http.Body[Form]) -> list[Any]:
    more = [(await file.read()).decode() for file in form.more or []]
    return [form.title, form.number, form.tags, form.file.filename, (await form.file.read()).decode(), more]


def test_form_is_converted_field_by_field() -> None:
    one = [("file", ("a.txt", b"abc")), ("more", ("b", b"1"))]
    data = {"title": "t", "number": "3", "tags": ["x"]}
    assert ask(submit, "POST", data=data, files=one).json() == ["t", 3, ["x"], "a.txt", "abc", ["1"]]
    two = [*one, ("more", ("c", b"2"))]
    data = {"title": "t", "tags": ["x", "y"]}
    assert ask(submit, "POST", data=data, files=two).json() == ["t", 0, ["x", "y"], "a.txt", "abc", ["1", "2"]]


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        ({"title": "t", "number": "many"}, "$.number: expected int, got str"),
        ({"number": "1"}, "$.title: required field is missing"),
        ({"title": "t", "file": "text"}, "$.file: expected a file, got text"),
    ],
)
def test_form_that_does_not_fit_says_where(data: dict[str, str], detail: str) -> None:
    files = {} if "file" in data else {"file": ("a.txt", b"abc")}
    answer = ask(submit, "POST", data=data, files=files or {"other": ("o", b"")})
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)


def test_form_fills_a_model_and_a_dataclass() -> None:
    def model(form: http.Body[Model]) -> list[Any]:
        return [form.x, form.y]

    def record(form: http.Body[Point]) -> list[Any]:
        return [form.x, form.y]

    for handler in (model, record):
        assert ask(handler, "POST", data={"x": "1", "y": "b"}).json() == [1, "b"]
        assert ask(handler, "POST", data={"x": "q"}).json()["path"] == "$.x"


def test_form_comes_as_it_is() -> None:
    def short(form: http.FormData) -> dict[str, Any]:
        return dict(form)

    def long(form: http.Body[http.FormData]) -> dict[str, Any]:
        return dict(form)

    async def by_request(request: http.Request) -> dict[str, Any]:
        return dict(await request.form())

    for handler in (short, long, by_request):
        assert ask(handler, "POST", data={"a": "b"}).json() == {"a": "b"}


# Dependencies


class Database:
    pass


class Session:
    def __init__(self, database: Database) -> None:
        self.database = database


class Repository:
    def __init__(self, session: Session) -> None:
        self.session = session


log: list[str] = []


class DatabaseComponent(Component):
    lifetime = Lifetime.APP

    async def resolve(self) -> AsyncIterator[Database]:
        log.append("database up")
        yield Database()
        log.append("database down")


class SessionComponent(Component):
    def resolve(self, database: Database) -> Iterator[Session]:
        log.append("begin")
        try:
            yield Session(database)
        except Exception as error:
            log.append(f"roll back after {type(error).__name__}")
            raise
        else:
            log.append("commit")


class RepositoryComponent(Component):
    def resolve(self, session: Session) -> Repository:
        return Repository(session)


def works(repository: Repository, session: Session, database: Database) -> bool:
    return repository.session is session and session.database is database


def fails(repository: Repository) -> None:
    raise ValueError("secret")


def misses(repository: Repository) -> None:
    raise NotFound


@pytest.mark.parametrize(
    ("handler", "status", "between"),
    [
        (works, 200, ["begin", "commit"]),
        (fails, 500, ["begin", "roll back after ValueError"]),
        (misses, 404, ["begin", "roll back after NotFound"]),
    ],
)
def test_session_is_committed_or_rolled_back(handler: Callable[..., Any], status: int, between: list[str]) -> None:
    log.clear()
    app = ASyncApp([Route("/", "GET", handler)], [RepositoryComponent(), SessionComponent(), DatabaseComponent()])
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/")
    assert answer.status_code == status
    assert "secret" not in answer.text
    assert log == ["database up", *between, "database down"]


# Answers


def test_models_inside_of_other_values_are_encoded() -> None:
    def handler() -> dict[str, Any]:
        return {
            "model": Model(x=1),
            "models": [Model(x=2)],
            "order": Order(3),
            "point": Point(4),
            "key": uuid.UUID(int=5),
            "day": datetime.date(2026, 1, 2),
            "colour": Colour.RED,
            "tuple": (1, 2),
        }

    assert ask(handler).json() == {
        "model": {"x": 1, "y": "a"},
        "models": [{"x": 2, "y": "a"}],
        "order": {"x": 3, "y": "a"},
        "point": {"x": 4, "y": "a"},
        "key": "00000000-0000-0000-0000-000000000005",
        "day": "2026-01-02",
        "colour": "red",
        "tuple": [1, 2],
    }


def test_background_task_runs_after_the_answer() -> None:
    done: list[int] = []

    def handler() -> http.Response:
        return http.JSONResponse({"queued": True}, 202, background=BackgroundTask(done.append, 1))

    assert ask(handler, "POST").status_code == 202
    assert done == [1]


def test_files_in_whole_and_in_part(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")

    def handler() -> http.FileResponse:
        return http.FileResponse(tmp_path / "a.txt", filename="b.txt")

    answer = ask(handler)
    assert (answer.text, answer.headers["content-type"]) == ("hello", "text/plain; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="b.txt"'
    part = ask(handler, headers={"range": "bytes=1-2"})
    assert (part.status_code, part.text) == (206, "el")


def test_streams_of_sync_and_async_generators() -> None:
    def sync_handler() -> http.StreamingResponse:
        return http.StreamingResponse((str(number) for number in range(3)), media_type="text/plain")

    async def async_handler() -> http.StreamingResponse:
        async def numbers() -> AsyncIterator[str]:
            for number in range(3):
                yield str(number)

        return http.StreamingResponse(numbers(), media_type="text/plain")

    assert ask(sync_handler).text == ask(async_handler).text == "012"


def test_redirect_carries_a_cookie() -> None:
    def handler() -> http.RedirectResponse:
        response = http.RedirectResponse("/there", 303)
        response.set_cookie("a", "b", httponly=True)
        return response

    answer = ask(handler)
    assert (answer.status_code, answer.headers["location"]) == (303, "/there")
    assert answer.headers["set-cookie"].startswith("a=b; HttpOnly")
