"""CORS as the docs recommend it: Starlette's middleware, literal lists, and never credentials for everybody."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from apistar import ASyncApp, Route, TestClient, WebSocket
from apistar.exceptions import ConfigurationError
from apistar.testing import WebSocketDenied

PAGE = "https://page.example"
FOREIGN = [
    "https://evil.example",
    "http://page.example",
    "https://page.example:8443",
    "https://page.example.evil.example",
    "https://evil-page.example",
    "https://sub.page.example",
    "https://PAGE.example",
    "https://page.exampl",
    "https://page.example/",
    "https://page.example https://evil.example",
    "null",
    "*",
    "",
]


def page() -> str:
    return "page"


def fails() -> None:
    raise ValueError("boom")


async def echo(ws: WebSocket) -> None:
    await ws.connect()


def app_with(**options: Any) -> ASyncApp:
    routes = [Route("/", handler=page), Route("/fails", handler=fails), Route("/ws", handler=echo)]
    return ASyncApp(routes, middleware=[Middleware(CORSMiddleware, **options)])


def cors_headers(app: ASyncApp, origin: str, method: str = "GET", path: str = "/") -> dict[str, str]:
    headers = {"origin": origin, "cookie": "session=1"}
    if method == "OPTIONS":
        headers["access-control-request-method"] = "GET"
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.request(method, path, headers=headers)
    prefix = "access-control-allow-"
    found = {name.removeprefix(prefix): value for name, value in answer.headers.items() if name.startswith(prefix)}
    return {name: found[name] for name in ("origin", "credentials") if name in found}


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize("origin", FOREIGN)
def test_origin_that_is_not_listed_gets_nothing(origin: str, method: str) -> None:
    app = app_with(allow_origins=[PAGE], allow_credentials=True)
    assert "origin" not in cors_headers(app, origin, method)


@pytest.mark.parametrize("path", ["/", "/fails", "/nowhere"])
def test_listed_origin_is_named_in_every_answer(path: str) -> None:
    app = app_with(allow_origins=[PAGE], allow_credentials=True)
    assert cors_headers(app, PAGE, path=path) == {"origin": PAGE, "credentials": "true"}
    assert cors_headers(app, PAGE, "OPTIONS", path) == {"origin": PAGE, "credentials": "true"}


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_star_is_without_credentials(method: str) -> None:
    assert cors_headers(app_with(allow_origins=["*"]), "https://evil.example", method) == {"origin": "*"}


@pytest.mark.parametrize(
    "options",
    [
        {"allow_origins": ["*"]},
        {"allow_origins": [PAGE, "*"]},
        {"allow_origin_regex": ".*"},
        {"allow_origin_regex": r"https://.+"},
        {"allow_origin_regex": r"http://.+"},
        {"allow_origin_regex": "null"},
    ],
)
def test_credentials_for_every_origin_are_found_on_start_up(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="gives credentials to every origin"):
        app_with(allow_credentials=True, **options)
    with pytest.raises(ConfigurationError, match="gives credentials to every origin"):
        ASyncApp([], middleware=[lambda app: CORSMiddleware(app, allow_credentials=True, **options)])
    app_with(**options)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (f"{PAGE}/", "must be scheme and host as a browser sends it"),
        ("page.example", "must be scheme and host as a browser sends it"),
        ("https://*.page.example", "must be scheme and host as a browser sends it"),
        ("null", "must be scheme and host as a browser sends it"),
        ("http://[::1", "must be scheme and host as a browser sends it"),
        ("http://user@page.example", "must be scheme and host as a browser sends it"),
        ("https://page.example:", "must be scheme and host as a browser sends it"),
        ("https://page .example", "must be scheme and host as a browser sends it"),
        ("https://bücher.example", "must be scheme and host as a browser sends it"),
        (None, "must be scheme and host as a browser sends it"),
        ("https://Page.example", f"never comes; a browser sends '{PAGE}'"),
        (f"{PAGE}:443", f"never comes; a browser sends '{PAGE}'"),
    ],
)
def test_origin_that_no_browser_sends_is_found_on_start_up(wrong: str | None, said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        app_with(allow_origins=[wrong])
    if "must be" in said:
        with pytest.raises(ConfigurationError, match=re.escape(f"allowed origin {wrong!r} {said}")):
            ASyncApp([], allowed_origins=[wrong])  # type: ignore[list-item]  # None: a variable that is not set


def test_one_string_is_no_list_of_origins() -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"allow_origins=['{PAGE}']")):
        app_with(allow_origins=PAGE)


def test_credentials_for_an_expression_of_ones_own_pages_pass() -> None:
    app = app_with(allow_origin_regex=r"https://[a-z]+\.page\.example", allow_credentials=True)
    assert cors_headers(app, "https://a.page.example")["origin"] == "https://a.page.example"
    assert "origin" not in cors_headers(app, "https://a.page.example.evil.example")


def test_cors_opens_no_sockets() -> None:
    with (
        TestClient(app_with(allow_origins=[PAGE])) as client,
        pytest.raises(WebSocketDenied) as denied,
        client.websocket("/ws", origin=PAGE),
    ):
        pass
    assert denied.value.status_code == 403
