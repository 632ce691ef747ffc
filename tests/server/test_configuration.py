"""Which callables are served as ASGI 3, and which are called with the scope alone."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from apistar.server.configuration import Settings
from apistar.types import Event, Receive, Scope, Send

CALLS: list[str] = []


async def function(scope: Scope, receive: Receive, send: Send) -> None:
    CALLS.append(scope["type"])


def delegating(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    return function(scope, receive, send)


class Delegating:
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return function(scope, receive, send)

    async def method(self, scope: Scope, receive: Receive, send: Send) -> None:
        await function(scope, receive, send)


class OfOneConnection:
    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.running = function(scope, receive, send)

    def __await__(self) -> Any:
        return self.running.__await__()


class OfASGI2:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, receive: Receive, send: Send) -> None:
        await function(self.scope, receive, send)


@pytest.mark.parametrize(
    "app",
    [
        function,
        delegating,
        functools.partial(function),
        Delegating(),
        Delegating().method,
        OfOneConnection,
        OfASGI2,
        lambda scope: OfASGI2(scope),
    ],
    ids=["function", "plain function", "partial", "object", "method", "class", "ASGI 2", "function of ASGI 2"],
)
async def test_application_is_called_as_its_signature_has_it(
    app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "configure_logging", lambda self: None)

    async def receive() -> Event:
        return {}

    async def send(event: Event) -> None: ...

    CALLS.clear()
    config = Settings(app, drain_s=0, shutdown_timeout_s=0)
    config.load()
    await config.loaded_app({"type": "http", "headers": [], "client": None}, receive, send)
    assert CALLS == ["http"]
