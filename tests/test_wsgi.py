"""`App`, the WSGI face."""

from __future__ import annotations

import httpx
import pytest

from apistar import App, Component, Route, WebSocket, http
from apistar.exceptions import ConfigurationError


class User:
    pass


def hello(name: str, user_agent: http.Header) -> dict[str, str]:
    return {"hello": name, "agent": user_agent}


def test_app_serves_the_same_routes_over_wsgi() -> None:
    app = App([Route("/hello/{name}", "GET", hello)])
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://test") as client:
        assert client.get("/hello/ada", headers={"user-agent": "me"}).json() == {"hello": "ada", "agent": "me"}
        assert client.get("/nothing").status_code == 404


def test_app_refuses_a_websocket() -> None:
    async def handler(ws: WebSocket) -> None:
        return None

    with pytest.raises(
        ConfigurationError, match=r"handler .* takes a WebSocket, which WSGI does not have; use ASyncApp"
    ):
        App([Route("/", handler=handler)])


def test_app_refuses_async_work_with_its_chain() -> None:
    async def handler() -> str:
        return ""

    with pytest.raises(ConfigurationError, match=r"handler .* is async; an App runs sync handlers"):
        App([Route("/", "GET", handler)])

    class Users(Component):
        async def resolve(self) -> User:
            return User()

    def sync(user: User) -> str:
        return ""

    with pytest.raises(ConfigurationError, match=r"sync .* → User .* is async; an App runs sync components"):
        App([Route("/", "GET", sync)], [Users()])
