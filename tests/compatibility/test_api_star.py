"""Applications as API Star 0.3 to 0.5 taught to write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from apistar import App, ASyncApp, Component, Include, Route, TestClient, exceptions, http

Face = type[App] | type[ASyncApp]

both = pytest.mark.parametrize("face", [App, ASyncApp])


def welcome(name=None):  # type: ignore[no-untyped-def]  # as API Star's page has it
    if name is None:
        return {"message": "Welcome to API Star!"}
    return {"message": f"Welcome to API Star, {name}!"}


@both
def test_first_page_of_the_documentation_works(face: Face) -> None:
    with TestClient(face(routes=[Route("/", method="GET", handler=welcome)])) as client:
        assert client.get("/").json() == {"message": "Welcome to API Star!"}
        assert client.get("/?name=tom").json() == {"message": "Welcome to API Star, tom!"}
        assert client.post("/").status_code == 405


def echo_request(
    request: http.Request,
    method: http.Method,
    url: http.URL,
    path: http.Path,
    headers: http.Headers,
    user_agent: http.Header,
    params: http.QueryParams,
    page: http.QueryParam,
    cookies: http.Cookies,
    path_params: http.PathParams,
    body: http.Body,  # type: ignore[type-arg]  # without a type: any JSON
) -> dict[str, Any]:
    assert (request.method, request.url.path) == (method, path)
    return {
        "method": method,
        "url": str(url),
        "path": path,
        "host": headers["Host"],
        "agent": user_agent,
        "params": dict(params),
        "page": page,
        "cookies": cookies,
        "path_params": path_params,
        "body": body.decode(),
    }


@both
def test_handler_may_ask_for_every_part_of_the_request(face: Face) -> None:
    with TestClient(face([Route("/echo/{what}", "POST", echo_request)])) as client:
        answer = client.post(
            "/echo/all?page=2",
            content="hi",
            headers={"cookie": "a=b", "user-agent": "me", "content-type": "text/plain"},
        )
    assert answer.json() == {
        "method": "POST",
        "url": "http://testserver/echo/all?page=2",
        "path": "/echo/all",
        "host": "testserver",
        "agent": "me",
        "params": {"page": "2"},
        "page": "2",
        "cookies": {"a": "b"},
        "path_params": {"what": "all"},
        "body": "hi",
    }


class User:
    def __init__(self, name: str) -> None:
        self.name = name


class UserComponent(Component):
    def resolve(self, authorization: http.Header = "") -> User:
        scheme, _, name = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise exceptions.Forbidden("Incorrect authentication credentials.")
        return User(name)


def say_hello(user: User) -> dict[str, str]:
    return {"hello": user.name}


@both
def test_component_authenticates(face: Face) -> None:
    with TestClient(face([Route("/", "GET", say_hello)], components=[UserComponent()])) as client:
        assert client.get("/", headers={"Authorization": "Bearer tom"}).json() == {"hello": "tom"}
        answer = client.get("/")
        assert answer.status_code == 403
        assert answer.json()["detail"] == "Incorrect authentication credentials."


class Headers:
    """A hook as a class; one instance per request."""

    def on_request(self, path: http.Path) -> None:
        self.path = path

    def on_response(self, response: http.Response) -> None:
        response.headers["X-Path"] = self.path

    def on_error(self, response: http.Response, error: Exception) -> None:
        response.headers["X-Error"] = type(error).__name__


def fails() -> None:
    raise ValueError("secret")


@both
@pytest.mark.parametrize("hook", [Headers, Headers()])
def test_event_hooks_see_requests_responses_and_errors(face: Face, hook: object) -> None:
    app = face([Route("/", "GET", welcome), Route("/fails", "GET", fails)], event_hooks=[hook])
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/").headers["X-Path"] == "/"
        assert client.get("/nowhere").headers["X-Path"] == "/nowhere"
        answer = client.get("/fails")
    assert (answer.status_code, answer.headers["X-Error"]) == (500, "ValueError")
    assert "secret" not in answer.text


def user_page(app: App, username: str) -> str:
    return app.render_template("page.html", username=username)


async def async_user_page(app: ASyncApp, username: str) -> str:
    return app.render_template("page.html", username=username)


@pytest.mark.parametrize(("face", "handler"), [(App, user_page), (ASyncApp, async_user_page)])
def test_templates_static_files_and_reverse_urls(tmp_path: Path, face: Face, handler: Any) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text(
        '<link href="{{ static_url("a.css") }}"><a href="{{ app.reverse_url("users:page", username="tom") }}">'
        "{{ username }}</a>"
    )
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "a.css").write_text("a {}")
    app = face(
        [Include("/users", name="users", routes=[Route("/{username}", "GET", handler, name="page")])],
        template_dir=str(tmp_path / "templates"),
        static_dir=str(tmp_path / "static"),
    )
    with TestClient(app) as client:
        assert client.get("/users/<i>").text == ('<link href="/static/a.css"><a href="/users/tom">&lt;i&gt;</a>')
        assert client.get("/static/a.css").text == "a {}"
        assert client.get("/static/b.css").status_code == 404
    assert app.reverse_url("users:page", username="a b") == "/users/a%20b"


@both
def test_handler_may_answer_with_a_response_of_its_own(face: Face) -> None:
    def create() -> http.JSONResponse:
        return http.JSONResponse({"id": 1}, status_code=201, headers={"Location": "/1"})

    with TestClient(face([Route("/", "POST", create)])) as client:
        answer = client.post("/")
    assert (answer.status_code, answer.json(), answer.headers["Location"]) == (201, {"id": 1}, "/1")


def test_wsgi_face_answers_a_wsgi_client_in_the_same_way() -> None:
    app = App([Route("/", "GET", welcome), Route("/me", "GET", say_hello)], components=[UserComponent()])
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://test") as client:
        assert client.get("/?name=tom").json() == {"message": "Welcome to API Star, tom!"}
        assert client.get("/me").status_code == 403


@both
def test_documents_are_named_and_placed(face: Face) -> None:
    app = face([Route("/", "GET", welcome)], schema_url="/api/", docs_url=None, title="Greetings", version="2.0")
    with TestClient(app) as client:
        assert client.get("/api/openapi.json").json()["info"] == {"title": "Greetings", "version": "2.0"}
        assert client.get("/docs/").status_code == 404
