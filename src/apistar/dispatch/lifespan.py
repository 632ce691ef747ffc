"""
Start-up and shutdown of an application.

The broker of the channels is connected first, then components that live as long as the application are built, then
mounted applications are started, then the `lifespan` context manager is entered; shutdown goes the other way. A server
without lifespan events starts the application with its first connection.

Source: the ASGI specification, "Lifespan" 2.0.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..exceptions import BrokerUnavailable, ConfigurationError
from ..injector import Injector, name_of, where
from ..injector.signature import unwrapped
from ..types import ASGIApp, Receive, Scope, Send
from .calls import check_call
from .mounted_lifespan import mounted_lifespan

if TYPE_CHECKING:
    from ..channels import Hub

logger = logging.getLogger("apistar")

App = TypeVar("App")
Context = AbstractAsyncContextManager["Mapping[str, Any] | None"]


class Lifespan(Generic[App]):
    """
    Starts and stops one application, in the loop that serves it, and what is mounted in it.

    Attributes:
        state: What every connection shall see of the `lifespan` where no server has it, because none asked.
        mounted: What the lifespan of each mounted application gave as the state of its connections, by its `id()`.

    Raises:
        ConfigurationError: If `context` gives no context manager, or cannot be called with the application.
    """

    def __init__(
        self,
        app: App,
        injector: Injector,
        context: Callable[[App], Context] | None,
        mounts: Iterable[tuple[str, ASGIApp]] = (),
        hub: Callable[[], Hub | None] = lambda: None,
    ) -> None:
        if context is not None:
            _check(context)
        self.state: Mapping[str, Any] = {}
        self.mounted: dict[int, Mapping[str, Any]] = {}
        self._app = app
        self._injector = injector
        self._context = context
        self._hub = hub
        self._mounts = {id(mount): (prefix, mount) for prefix, mount in mounts}
        self._stack: AsyncExitStack | None = None
        self._starting: asyncio.Lock | None = None

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a lifespan scope to its end."""
        await receive()
        try:
            state = await self._start()
        except Exception as error:
            # Whoever operates the server can mend these, and where in the code it was found out says nothing to them.
            plain = isinstance(error, (BrokerUnavailable, ConfigurationError))
            logger.error("start-up failed", exc_info=None if plain else error)
            await send({"type": "lifespan.startup.failed", "message": _sentence(error)})
            return
        if state and "state" in scope:
            scope["state"].update(state)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        try:
            await self._stop()
        except Exception as error:
            logger.error("shutdown failed", exc_info=error)
            await send({"type": "lifespan.shutdown.failed", "message": _sentence(error)})
            return
        await send({"type": "lifespan.shutdown.complete"})

    async def ensure_started(self) -> None:
        """Start the application if no lifespan event did."""
        if self._starting is None:
            self._starting = asyncio.Lock()
        async with self._starting:
            if not self._injector.started:
                self.state = await self._start() or {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The application from its start-up to its shutdown; nothing where somebody else has started it."""
        if self._injector.started:
            yield
            return
        self.state = await self._start() or {}
        try:
            yield
        finally:
            await self._stop()

    async def _start(self) -> Mapping[str, Any] | None:
        stack = AsyncExitStack()
        try:
            hub = self._hub()
            if hub is not None:
                await hub.start()
            stack.push_async_callback(self._stop_hub)
            await self._injector.start(self._app)
            stack.push_async_callback(self._injector.stop)
            for key, (prefix, mount) in self._mounts.items():
                self.mounted[key] = await stack.enter_async_context(mounted_lifespan(mount, prefix))
            state = None
            if self._context is not None:
                state = await stack.enter_async_context(_context_of(self._context, self._app))
                if not isinstance(state, Mapping | None):
                    raise ConfigurationError(
                        f"lifespan {name_of(self._context)} ({where(self._context)}) yields {state!r}; the state of "
                        "connections is a mapping, or nothing"
                    )
        except BaseException:
            await stack.aclose()
            raise
        self._stack = stack
        return state

    async def _stop_hub(self) -> None:
        hub = self._hub()  # it may have been made since the start
        if hub is not None:
            await hub.stop()

    async def _stop(self) -> None:
        self.state = {}
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.aclose()


def _sentence(error: Exception) -> str:
    if isinstance(error, BrokerUnavailable):
        return f"the broker does not answer: {error} Start it, or name another in ASyncApp(broker=…)."
    return "".join(traceback.format_exception_only(error)).strip()


def _check(context: Callable[..., object]) -> None:
    if hasattr(context, "__aenter__"):
        raise ConfigurationError("lifespan is called by the application; give the function, without parentheses")
    if not callable(context):
        raise ConfigurationError(f"lifespan must be a function `lifespan(app)`, not {context!r}")
    if not _may_give_a_context(context):
        raise _no_context(context)
    check_call("lifespan", context, ("app",))


def _no_context(context: Callable[..., object]) -> ConfigurationError:
    return ConfigurationError(
        f"lifespan {name_of(context)} ({where(context)}) gives no async context manager; make it an "
        "`async def` that yields once, and put @contextlib.asynccontextmanager above it"
    )


def _context_of(context: Callable[[App], Context], app: App) -> Context:
    made = context(app)
    if not hasattr(made, "__aenter__"):
        raise _no_context(context)
    return made


def _may_give_a_context(context: Callable[..., object]) -> bool:
    function = unwrapped(context)
    without_yield = inspect.iscoroutinefunction(function)
    return not (without_yield or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(context))
