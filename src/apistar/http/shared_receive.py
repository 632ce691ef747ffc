"""
ASGI's `receive` for two: who reads the body, and who sends the answer and has to know when the client has gone.

A streamed response asks `receive` for the disconnect and drops what else it gets. Where its generator reads the body
(`request.stream()`), both ask at once, and the body would be gone: so what the sender gets is kept for the reader, one
piece at a time, and while a piece waits nothing is read behind it.
"""

from __future__ import annotations

import asyncio

from ..types import Event, Receive


class SharedReceive:
    """The reader's `receive`; the sender's is `listen`."""

    __slots__ = ("_gone", "_kept", "_receive", "_taken", "_turn")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._turn = asyncio.Lock()
        self._kept: Event | None = None
        self._taken = asyncio.Event()
        self._gone: Event | None = None

    async def __call__(self) -> Event:
        """Give the next piece of the body, or the disconnect."""
        if self._kept is None:
            async with self._turn:
                if self._kept is None:
                    return await self._next()
        kept, self._kept = self._kept, None
        self._taken.set()
        return kept

    async def listen(self) -> Event:
        """Wait for the disconnect. A client that leaves behind a piece that nobody reads is not seen to."""
        while True:
            async with self._turn:
                event = await self._next()
                if event["type"] == "http.disconnect":
                    return event
                self._kept = event
            if event.get("more_body"):
                self._taken.clear()
                await self._taken.wait()

    async def _next(self) -> Event:
        if self._gone is not None:
            return self._gone
        event = await self._receive()
        if event["type"] == "http.disconnect":
            self._gone = event
        return event
