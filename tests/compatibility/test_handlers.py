"""Handlers of every shape: partials, methods, objects, decorated functions; sync ones in threads; local types."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, NewType

import msgspec
import pytest

from apistar import ASyncApp, AsyncTestClient, Component, Provider, Route, TestClient, WebSocket, http


def get(handler: Callable[..., Any], url: str = "/?name=tom", **options: Any) -> Any:
    with TestClient(ASyncApp([Route("/", "GET", handler)], **options)) as client:
        answer = client.get(url)
    assert answer.status_code == 200, answer.text
    return answer.json()


def first_message(handler: Callable[..., Any], **options: Any) -> Any:
    with TestClient(ASyncApp([Route("/", handler=handler)], **options)) as client, client.websocket("/") as ws:
        return ws.receive()


# Shapes


def greet(greeting: str, name: str = "you") -> list[str]:
    return [greeting, name]


async def greet_async(greeting: str, name: str = "you") -> list[str]:
    return [greeting, name]


class Greeter:
    def __init__(self, greeting: str = "hi") -> None:
        self.greeting = greeting

    def __call__(self, name: str) -> list[str]:
        return [self.greeting, name]

    def method(self, name: str) -> list[str]:
        return [self.greeting, name]

    async def async_method(self, name: str) -> list[str]:
        return [self.greeting, name]

    @classmethod
    def of_class(cls, name: str) -> list[str]:
        return ["hi", name]

    @staticmethod
    def static(name: str) -> list[str]:
        return ["hi", name]


class AsyncGreeter(Greeter):
    async def __call__(self, name: str) -> list[str]:  # type: ignore[override]  # what a subclass may do in API Star
        return [self.greeting, name]


def passing(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that knows nothing of async."""

    @functools.wraps(handler)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return handler(*args, **kwargs)

    return inner


def awaiting(handler: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    @functools.wraps(handler)
    async def inner(*args: Any, **kwargs: Any) -> Any:
        return await handler(*args, **kwargs)

    return inner


@pytest.mark.parametrize(
    "handler",
    [
        functools.partial(greet, "hi"),
        functools.partial(greet_async, "hi"),
        functools.partial(functools.partial(greet), "hi"),
        Greeter(),
        AsyncGreeter(),
        Greeter().method,
        Greeter().async_method,
        functools.partial(Greeter().method),
        Greeter.of_class,
        Greeter().of_class,
        Greeter.static,
        passing(functools.partial(greet, "hi")),
        passing(Greeter.static),
        awaiting(Greeter().async_method),
        passing(awaiting(passing(Greeter().async_method))),
        lambda name: ["hi", name],
    ],
)
def test_handler_may_be_whatever_can_be_called(handler: Callable[..., Any]) -> None:
    assert get(handler) == ["hi", "tom"]


def test_parameter_that_a_partial_gives_is_not_the_clients_to_change() -> None:
    assert get(functools.partial(greet, greeting="hi"), "/?name=tom&greeting=bye") == ["hi", "tom"]


def test_keyword_only_positional_only_and_catch_all_parameters() -> None:
    def handler(a: str, /, b: str, *args: str, c: str, **kwargs: str) -> list[Any]:
        return [a, b, args, c, kwargs]

    assert get(handler, "/?a=1&b=2&c=3") == ["1", "2", [], "3", {}]


class Sender:
    async def __call__(self, ws: WebSocket) -> None:
        await ws.connect()
        await ws.send("sent")

    async def method(self, ws: WebSocket) -> None:
        await self(ws)

    @classmethod
    async def of_class(cls, ws: WebSocket) -> None:
        await cls()(ws)


async def send_given(text: str, ws: WebSocket) -> None:
    await ws.connect()
    await ws.send(text)


class Stream:
    async def __call__(self) -> AsyncIterator[str]:
        yield "sent"


def connecting(handler: Callable[..., Awaitable[None]]) -> Callable[..., Any]:
    @functools.wraps(handler)
    async def inner(ws: WebSocket, *args: Any, **kwargs: Any) -> None:
        await ws.connect()
        await handler(ws, *args, **kwargs)

    return inner


@connecting
async def send_connected(ws: WebSocket, text: str = "sent") -> None:
    await ws.send(text)


@pytest.mark.parametrize(
    "handler",
    [
        Sender(),
        Sender().method,
        Sender.of_class,
        functools.partial(send_given, "sent"),
        passing(Sender().method),
        awaiting(Sender.of_class),
        send_connected,
        Stream(),
        passing(Stream().__call__),
    ],
)
def test_websocket_handler_may_be_whatever_can_be_called(handler: Callable[..., Any]) -> None:
    assert first_message(handler) == "sent"


# Threads and contexts


async def test_sync_handlers_that_block_run_side_by_side() -> None:
    together = threading.Barrier(10)

    def handler() -> str:
        together.wait(timeout=5)
        return "met"

    async with AsyncTestClient(ASyncApp([Route("/", "GET", handler)])) as client:
        answers = await asyncio.gather(*(client.get("/") for _ in range(10)))
    assert [answer.text for answer in answers] == ["met"] * 10


who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")

Name = NewType("Name", str)


class SyncName(Component):
    def resolve(self, name: str) -> Name:
        who.set(name)
        return Name(name)


class AsyncName(Component):
    async def resolve(self, name: str) -> Name:
        who.set(name)
        return Name(name)


class SyncGeneratorName(Component):
    def resolve(self, name: str) -> Iterator[Name]:
        token = who.set(name)
        yield Name(name)
        who.reset(token)


class AsyncGeneratorName(Component):
    async def resolve(self, name: str) -> AsyncIterator[Name]:
        token = who.set(name)
        yield Name(name)
        who.reset(token)


def read_who(name: Name) -> list[str]:
    return [who.get(), name]


async def read_who_async(name: Name) -> list[str]:
    return [who.get(), name]


@pytest.mark.parametrize("component", [SyncName(), AsyncName(), SyncGeneratorName(), AsyncGeneratorName()])
@pytest.mark.parametrize("handler", [read_who, read_who_async])
def test_context_variables_of_components_reach_the_handler(handler: Callable[..., Any], component: Component) -> None:
    assert get(handler, components=[component]) == ["tom", "tom"]


def test_context_variables_of_hooks_reach_the_handler_and_end_with_the_request() -> None:
    class Hook:
        def on_request(self, params: http.QueryParams) -> None:
            if "name" in params:
                who.set(params["name"])

    with TestClient(ASyncApp([Route("/", "GET", lambda: who.get())], event_hooks=[Hook])) as client:
        assert client.get("/?name=tom").text == "tom"
        assert client.get("/").text == "nobody"


# Local types, under `from __future__ import annotations`


def route(handler: Callable[..., Any], method: str = "GET") -> Route:
    """A helper of somebody's, in which the handler's local types are unknown."""
    return Route("/", method, handler)


def test_local_types_are_found_where_a_helper_writes_the_route() -> None:
    class Item(msgspec.Struct):
        amount: int

    class Owner:
        pass

    class OwnerComponent(Component):
        def resolve(self) -> Owner:
            return Owner()

    def handler(owner: Owner, item: http.Body[Item]) -> Item:
        return item

    async def socket(ws: WebSocket[Item, Item], owners: Provider[Owner]) -> None:
        await ws.connect()
        async for item in ws:
            async with owners() as owner:
                assert type(owner) is Owner
            await ws.send(item)

    with TestClient(ASyncApp([route(handler, "POST"), route(socket)], [OwnerComponent()])) as client:
        assert client.post("/", json={"amount": 1}).json() == {"amount": 1}
        with client.websocket("/") as ws:
            ws.send_json({"amount": 2})
            assert ws.receive_json() == {"amount": 2}


def test_handlers_made_in_a_loop_keep_their_own_values() -> None:
    routes = []
    for number in range(3):

        def handler(fixed: int = number) -> int:
            return fixed

        routes.append(Route(f"/{number}", "GET", handler))
    with TestClient(ASyncApp(routes)) as client:
        assert [client.get(f"/{number}").json() for number in range(3)] == [0, 1, 2]
