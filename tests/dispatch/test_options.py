"""What an application is given and cannot use is found when it is built, in a sentence that says what to write."""

from __future__ import annotations

import functools
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.middleware import Middleware

from apistar import ASyncApp, Component, Route, TestClient
from apistar.exceptions import ConfigurationError
from apistar.observer import Observer
from apistar.types import ASGIApp, Receive, Scope, Send


@asynccontextmanager
async def lifespan(app: ASyncApp) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def lifespan_of_nothing() -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def lifespan_by_name(*, app: ASyncApp) -> AsyncIterator[None]:
    yield


class Lifespans:
    @asynccontextmanager
    async def lifespan(self, app: ASyncApp) -> AsyncIterator[None]:
        yield


class Outer:
    def __init__(self, app: ASGIApp, name: str) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class WSGI:
    def __init__(self, app: ASGIApp) -> None: ...

    def __call__(self, environ: dict[str, Any], start_response: object) -> Iterable[bytes]:
        return []


async def awaited(app: ASGIApp) -> ASGIApp:
    return app


def forgetful(app: ASGIApp) -> None: ...


async def asgi(scope: Scope, receive: Receive, send: Send) -> None: ...


class StaticHook:
    @staticmethod
    def on_request(path: str) -> None: ...


class ClassHook:
    @classmethod
    def on_response(cls) -> None: ...


class YieldingHook:
    async def on_request(self) -> AsyncIterator[None]:
        yield


class Selfless(Component):
    def resolve() -> Outer:  # type: ignore[misc]  # the mistake
        raise AssertionError


HINT = "; write the class itself, or Middleware(cls, …) of starlette.middleware"


@pytest.mark.parametrize(
    ("option", "given", "says"),
    [
        (
            "lifespan",
            lifespan_of_nothing,
            "lifespan lifespan_of_nothing (…) is called as lifespan_of_nothing(app), and takes ()",
        ),
        (
            "lifespan",
            lifespan_by_name,
            "lifespan lifespan_by_name (…) is called as lifespan_by_name(app), and takes (*, app)",
        ),
        (
            "lifespan",
            Lifespans.lifespan,
            "lifespan Lifespans.lifespan (…) is called as Lifespans.lifespan(app), and takes (self, app)",
        ),
        (
            "lifespan",
            lifespan(ASyncApp()),
            "lifespan is called by the application; give the function, without parentheses",
        ),
        ("lifespan", "lifespan", "lifespan must be a function `lifespan(app)`, not 'lifespan'"),
        ("middleware", [Outer], f"middleware Outer (…) is called as Outer(app), and takes (app, name){HINT}"),
        (
            "middleware",
            [(Outer, {"nom": "x"})],
            f"middleware Outer (…) is called as Outer(app, nom=…), and takes (app, name){HINT}",
        ),
        (
            "middleware",
            [Outer(asgi, "x")],
            f"middleware Outer (…) is called as Outer(app), and takes (scope, receive, send){HINT}",
        ),
        ("middleware", [asgi], f"middleware asgi (…) is called as asgi(app), and takes (scope, receive, send){HINT}"),
        ("middleware", [()], f"middleware () cannot be called with an application{HINT}"),
        (
            "middleware",
            [awaited],
            "middleware awaited (…) makes no ASGI application of `app`, but a coroutine, as it is an `async def`",
        ),
        ("middleware", [forgetful], "middleware forgetful (…) makes no ASGI application of `app`, but a NoneType"),
        (
            "middleware",
            [WSGI],
            "what middleware WSGI makes, WSGI (…) is called as WSGI(scope, receive, send), and takes (environ, "
            "start_response)",
        ),
        ("event_hooks", [StaticHook], "StaticHook.on_request must be a method that takes `self`"),
        ("event_hooks", [ClassHook], "ClassHook.on_response must be a method that takes `self`"),
        (
            "event_hooks",
            [YieldingHook],
            "YieldingHook.on_request (…) yields, and would never run; what must be cleaned up belongs into on_response "
            "and on_error, or into a Component",
        ),
        ("components", [Selfless()], "Selfless.resolve (…) must be a method that takes `self`"),
        ("observer", Observer, "observer must be an instance of Observer, not Observer; write Observer()"),
        ("observer", print, "observer must be an instance of Observer, not <built-in function print>"),
        ("broker", 5, "broker must be a URL or a Broker, not 5"),
        ("channel_limits", {}, "channel_limits must be ChannelLimits(…), not {}"),
        ("allowed_hosts", [5], "allowed host 5 must be text, such as 'example.com' or '*.example.com'"),
        ("servers", "https://a.test", "servers must be a list, not 'https://a.test'; write servers=[…]"),
        ("docs_url", True, "docs_url must be text or None, not True"),
        ("version", 1, "version must be text, not 1"),
    ],
)
def test_option_that_cannot_be_used_is_refused_with_what_is_wrong(option: str, given: object, says: str) -> None:
    options: dict[str, Any] = {option: given}
    with pytest.raises(ConfigurationError) as refused:
        ASyncApp([], **options)
    assert re.sub(r"\([\w./-]+(:\d+)?\) (?=is|makes|yields|must)", "(…) ", refused.value.detail) == says


@pytest.mark.parametrize(
    "given", [functools.partial(Outer, name="x"), Middleware(Outer, name="x"), (Outer, ("x",), {})]
)
def test_middleware_with_its_options_is_used(given: Any) -> None:
    with TestClient(ASyncApp([Route("/", handler=lambda: {"a": 1})], middleware=[given])) as client:
        assert client.get("/").json() == {"a": 1}


def gives_nothing(app: ASyncApp) -> None: ...


@asynccontextmanager
async def yields_a_number(app: ASyncApp) -> AsyncIterator[int]:
    yield 7


@pytest.mark.parametrize(
    ("context", "says"),
    [
        (gives_nothing, r"lifespan gives_nothing \(.*\) gives no async context manager; make it"),
        (
            yields_a_number,
            r"lifespan yields_a_number \(.*\) yields 7; the state of connections is a mapping, or nothing",
        ),
    ],
)
async def test_lifespan_whose_mistake_shows_when_it_runs_is_told_in_the_same_way(context: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        async with ASyncApp([], lifespan=context).running():
            raise AssertionError("it must not start")
