"""
Start-up and shutdown of an application.

Components that live as long as the application are built first, then the `lifespan` context manager is entered;
shutdown goes the other way. A server without lifespan events starts the application with its first connection.

Source: the ASGI specification, "Lifespan" 2.0.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Generic, TypeVar

from ..injector import Injector
from ..types import Receive, Scope, Send

logger = logging.getLogger("apistar")

App = TypeVar("App")
Context = AbstractAsyncContextManager["Mapping[str, Any] | None"]


class Lifespan(Generic[App]):
    """Starts and stops one application, in the loop that serves it."""

    def __init__(self, app: App, injector: Injector, context: Callable[[App], Context] | None) -> None:
        self._app = app
        self._injector = injector
        self._context = context
        self._stack: AsyncExitStack | None = None
        self._starting: asyncio.Lock | None = None

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a lifespan scope to its end."""
        await receive()
        try:
            state = await self._start()
        except Exception as error:
            logger.error("start-up failed", exc_info=error)
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
                await self._start()

    async def _start(self) -> Mapping[str, Any] | None:
        stack = AsyncExitStack()
        try:
            await self._injector.start(self._app)
            stack.push_async_callback(self._injector.stop)
            state = None
            if self._context is not None:
                state = await stack.enter_async_context(self._context(self._app))
        except BaseException:
            await stack.aclose()
            raise
        self._stack = stack
        return state

    async def _stop(self) -> None:
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.aclose()


def _sentence(error: Exception) -> str:
    return "".join(traceback.format_exception_only(error)).strip()
