"""
The lifespan of a mounted application, which no server knows of.

An application that raises, or that answers with something else, does not have a lifespan and is mounted all the same.

Source: the ASGI specification, "Lifespan" 2.0.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ..types import ASGIApp, Event


class MountedLifespanFailed(RuntimeError):
    """A mounted application said that its start-up or shutdown failed."""


@asynccontextmanager
async def mounted_lifespan(app: ASGIApp, prefix: str) -> AsyncIterator[dict[str, Any]]:
    """
    Start an application, and shut it down on leaving; gives the state of its connections.

    Raises:
        MountedLifespanFailed: If it says so.
    """
    mounted = _Mounted(app, prefix)
    try:
        if await mounted.ask("startup"):
            yield mounted.state
            if await mounted.ask("shutdown"):
                await asyncio.wait({mounted.task})
        else:
            yield mounted.state
    finally:
        await mounted.end()


class _Mounted:
    """
    What an application is asked and answers.

    Attributes:
        task: It runs in one of its own: what it sets in its context, and its cancel scopes, are its own.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.state: dict[str, Any] = {}
        self._prefix = prefix
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._answers: asyncio.Queue[Event] = asyncio.Queue()
        self.task = asyncio.get_running_loop().create_task(self._run(app), name=f"apistar: lifespan of {prefix}")

    async def ask(self, what: str) -> bool:
        """Whether it answered; otherwise it has ended."""
        self._events.put_nowait({"type": f"lifespan.{what}"})
        answer = asyncio.ensure_future(self._answers.get())
        try:
            await asyncio.wait({answer, self.task}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done() and self._answers.empty():
                return False
            event = await answer
        finally:
            answer.cancel()
        if event["type"] == f"lifespan.{what}.failed":
            raise MountedLifespanFailed(f"the {what} of {self._prefix} failed: {event.get('message', '')}")
        return True

    async def end(self) -> None:
        """Stop what still runs."""
        self.task.cancel()
        await asyncio.wait({self.task})
        if not self.task.cancelled():
            self.task.exception()  # an application without lifespan may say so by raising

    async def _run(self, app: ASGIApp) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        await app(scope, self._events.get, self._send)

    async def _send(self, event: Event) -> None:
        if not event["type"].startswith("lifespan."):
            raise RuntimeError(f"ASGI event {event['type']!r} does not belong to a lifespan")
        self._answers.put_nowait(event)
