"""What is declared in the way of FastAPI is refused at start-up, with what to write in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import Body, Cookie, Depends, File, Header, Query

from apistar import ASyncApp, Component, Route, WebSocket
from apistar.exceptions import ConfigurationError


class User:
    pass


class UserComponent(Component):
    def resolve(self, token: Annotated[str, Header()]) -> User:
        return User()


def somebody() -> User:
    return User()


async def depends(ws: WebSocket, user: User = Depends(somebody)) -> None: ...


def annotated(user: Annotated[User, Depends(somebody)]) -> None: ...


def query(page: Annotated[int, Query(ge=1)] = 1) -> None: ...


def header(x_page: int = Header()) -> None: ...


def cookie(sid=Cookie("")) -> None: ...  # type: ignore[no-untyped-def]  # as people write it elsewhere


def body(item: Annotated[dict[str, int], Body()]) -> None: ...


def upload(file: Annotated[bytes, File()]) -> None: ...


@pytest.mark.parametrize(
    ("handler", "kind", "remedy"),
    [
        (depends, "Depends", "write a Component whose resolve() returns User, and `user: User`"),
        (annotated, "Depends", "write a Component whose resolve() returns User, and `user: User`"),
        (query, "Query", "write `page: int`, and Annotated[int, msgspec.Meta(…)] for its limits"),
        (header, "Header", "write `x_page: http.Header[int]`"),
        (cookie, "Cookie", "write `sid: http.Cookie[str]`"),
        (body, "Body", "write `item: http.Body[dict[str, int]]`"),
        (upload, "File", "write `file: http.Body[…]` with a type that has this field"),
    ],
)
def test_mark_of_fastapi_is_refused_with_what_to_write(handler: Callable[..., Any], kind: str, remedy: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        ASyncApp([Route("/", handler=handler)])
    assert f"of {handler.__name__} (" in refused.value.detail
    assert refused.value.detail.endswith(f" has FastAPI's {kind}(…), which nothing reads here; {remedy}")


def test_mark_of_fastapi_in_a_component_is_refused() -> None:
    def handler(user: User) -> None: ...

    with pytest.raises(ConfigurationError, match=r"'token' of UserComponent\.resolve \(.*\) has FastAPI's Header"):
        ASyncApp([Route("/", handler=handler)], components=[UserComponent()])
