"""
Sources of what belongs to a WebSocket: the socket itself, and a task group that ends with it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Coroutine, Generator
from contextvars import Context
from typing import Any, TypeVar, cast, get_args, get_origin

from ..annotations import optional_of
from ..exceptions import ConfigurationError, WebSocketDisconnect
from ..injector import Binding, BindingKind, NotApplicable
from ..injector.signature import words
from ..messages.spelling import strip
from ..routing import RouteKind
from ..websocket import WebSocket
from .exchange import Exchange
from .site import Site

T = TypeVar("T")


class WebSocketSource:
    """`ws: WebSocket`, `ws: WebSocket[In, Out]`, and `ws: WebSocket | None` for hooks of both kinds of routes."""

    def bind(self, parameter: inspect.Parameter, site: object) -> Binding | None:
        annotation = strip(optional_of(parameter.annotation) or parameter.annotation)
        if (get_origin(annotation) or annotation) is not WebSocket:
            if getattr(annotation, "__module__", "") == "starlette.websockets":
                raise ConfigurationError(
                    f"parameter {parameter.name!r} is Starlette's WebSocket; import it from apistar"
                )
            return None
        if isinstance(site, Site):
            if site.kind is not RouteKind.WEBSOCKET:
                raise NotApplicable("a WebSocket exists only for WebSocket routes")
            if get_args(annotation):
                site.declare(*get_args(annotation))
        return Binding(("websocket",), lambda exchange: exchange.websocket, words(annotation))


class TaskGroupSource:
    """`tasks: asyncio.TaskGroup`: work that must stop with the connection."""

    def bind(self, parameter: inspect.Parameter, site: object) -> Binding | None:
        if parameter.annotation is not asyncio.TaskGroup:
            return None
        return Binding(("tasks",), _tasks, "asyncio.TaskGroup", BindingKind.READ_GENERATOR)


class ConnectionTasks(asyncio.TaskGroup):
    """A task group whose tasks are cancelled when the connection is over; for them a disconnect is no failure."""

    def __init__(self) -> None:
        super().__init__()
        self._running: set[asyncio.Task[Any]] = set()
        self._over = False

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        task: asyncio.Task[Any] = super().create_task(_until_disconnect(coro), name=name, context=context)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: coro.close())  # one that was cancelled before its first step never ran
        if self._over:
            task.cancel()
        return task

    def cancel_all(self) -> None:
        """Cancel what runs, and what is created from now on."""
        self._over = True
        for task in tuple(self._running):
            task.cancel()


async def _until_disconnect(coro: Generator[Any, None, T] | Coroutine[Any, Any, T]) -> T | None:
    try:
        return await cast("Coroutine[Any, Any, T]", coro)
    except WebSocketDisconnect:
        return None


async def _tasks(exchange: Exchange) -> AsyncIterator[asyncio.TaskGroup]:
    failed: Exception | None = None
    async with ConnectionTasks() as tasks:
        if exchange.websocket is not None:
            exchange.websocket.call_when_closed(tasks.cancel_all)
        try:
            yield tasks
        except Exception as error:
            # Of the handler, which is dealt with elsewhere; the group would wrap it and make a second fault of it.
            failed = error
        if exchange.websocket is not None or failed is not None:
            tasks.cancel_all()
    if failed is not None:
        raise failed
