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
    state: dict[str, Any] = {}
    inbox: asyncio.Queue[Event] = asyncio.Queue()
    answers: asyncio.Queue[Event] = asyncio.Queue()

    async def send(event: Event) -> None:
        if not event["type"].startswith("lifespan."):
            raise RuntimeError(f"ASGI event {event['type']!r} does not belong to a lifespan")
        answers.put_nowait(event)

    async def run() -> None:
        # In a task of its own: what it sets in its context, and its cancel scopes, are its own.
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        await app(scope, receive, send)

    async def receive() -> Event:
        return await inbox.get()

    async def ask(what: str) -> bool:
        """Whether it answered; otherwise it has ended."""
        inbox.put_nowait({"type": f"lifespan.{what}"})
        answer = asyncio.ensure_future(answers.get())
        try:
            await asyncio.wait({answer, task}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done() and answers.empty():
                return False
            event = await answer
        finally:
            answer.cancel()
        if event["type"] == f"lifespan.{what}.failed":
            raise MountedLifespanFailed(f"the {what} of {prefix} failed: {event.get('message', '')}")
        return True

    task = asyncio.get_running_loop().create_task(run(), name=f"apistar: lifespan of {prefix}")
    try:
        if await ask("startup"):
            yield state
            if await ask("shutdown"):
                await asyncio.wait({task})
        else:
            yield state
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # an application without lifespan may say so by raising
