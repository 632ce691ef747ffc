"""
The lifespan of an application under test: start-up before the first use, shutdown at the end.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ..types import ASGIApp, Event


class LifespanFailed(AssertionError):
    """Start-up or shutdown failed, or took longer than its limit."""


class TestLifespan:
    """Runs the lifespan scope of one application in a task of its own."""

    __test__ = False

    def __init__(self, app: ASGIApp, timeout_s: float | None) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._timeout_s = timeout_s
        self._task: asyncio.Task[None] | None = None
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._answers: asyncio.Queue[Event] = asyncio.Queue()
        self._lock = asyncio.Lock()

    async def ensure_started(self) -> None:
        """Start the application once; an application without lifespan starts at once."""
        async with self._lock:
            if self._task is not None:
                return
            self._task = asyncio.get_running_loop().create_task(self._run(), name="apistar test: lifespan")
            await self._ask("startup")

    async def stop(self) -> None:
        """Shut the application down, if it was started."""
        async with self._lock:
            if self._task is not None and not self._task.done():
                await self._ask("shutdown")
                await asyncio.wait({self._task}, timeout=self._timeout_s)
            self._task = None

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        await self._app(scope, self._inbox.get, self._answers.put)

    async def _ask(self, what: str) -> None:
        assert self._task is not None
        await self._inbox.put({"type": f"lifespan.{what}"})
        answer = asyncio.ensure_future(self._answers.get())
        done, _ = await asyncio.wait({answer, self._task}, timeout=self._timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if self._task in done and answer not in done:
            done, _ = await asyncio.wait({answer}, timeout=0)  # an answer that came just before the end
        if answer not in done:
            answer.cancel()
            if self._task.done():
                error = self._task.exception()
                if what == "shutdown" and error is not None:
                    raise error
                return  # ASGI: an application that raises, or returns, does not support lifespan
            raise LifespanFailed(f"waited {self._timeout_s} s for the {what} of the application")
        if answer.result()["type"] == f"lifespan.{what}.failed":
            raise LifespanFailed(f"the {what} of the application failed: {answer.result().get('message', '')}")
