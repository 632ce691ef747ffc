"""
The response that an async generator of `ServerSentEvent` is.

The generator runs in one task from its first line to its last, so that what it holds between two values (a task group,
a time-out, a context variable) holds. It is stopped where it waits as soon as the client has gone.

Until its first value nothing is sent, so that what it raises there is an answer like any other handler's. The first
keep-alive begins the answer, too: nobody waits longer for a head.

Source: WHATWG HTML §9.2.7 (a comment every 15 seconds or so keeps proxies from ending a quiet stream).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from ..limits import Limits
from ..types import ANSWER_CLOCK_EXTENSION, Receive, Scope, Send
from .server_sent_event import Event

KEEP_ALIVE: Final = b":\n\n"


class EventStream(Response):
    """
    Events as they come.

    Args:
        events: Run to its end, or closed where it stands.
        encode: Makes bytes of one.
        limits: `ping_interval_s` is the pause after which a comment keeps the connection alive; a client that takes
            nothing for `send_timeout_s` is given up.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[Event, None], encode: Callable[[Event], bytes], limits: Limits) -> None:
        loop = asyncio.get_running_loop()
        self.status_code = 200
        self.background = None
        self.init_headers({"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        self._events = events
        self._encode = encode
        self._limits = limits
        self._send_timeout_s: float | None = limits.send_timeout_s
        """`None` where the server looks after it, who sees a client that takes little at a time."""
        self._time = loop.time
        self._first: asyncio.Future[None] = loop.create_future()
        self._output: asyncio.Future[Send] = loop.create_future()
        self._turn = asyncio.Lock()
        self._written_s = loop.time()
        self._sending = loop.create_task(self._send_all())
        self._sending.add_done_callback(lambda _: self._come())
        self._gone: asyncio.Task[None] | None = None

    async def begin(self, receive: Receive | None) -> None:
        """
        Wait until there is something to send: a value, the end, or the first keep-alive.

        Args:
            receive: ASGI's, where nobody else reads a body, to learn that the client has gone meanwhile.

        Raises:
            ClientDisconnect: If it has.
            Exception: What the generator raised before its first value.
        """
        waits: set[asyncio.Future[None]] = {self._first}
        if receive is not None:
            waits.add(self._watch(receive))
        await asyncio.wait(waits, timeout=self._limits.ping_interval_s, return_when=asyncio.FIRST_COMPLETED)
        if self._sending.done():
            self._sending.result()
        elif self._gone is not None and self._gone.done():
            raise ClientDisconnect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Send the events.

        Raises:
            ClientDisconnect: If the client has gone, or takes nothing.
            Exception: What the generator raised.
        """
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] != "HEAD" and self.status_code not in (204, 304):
            gone = self._watch(receive)
            if ANSWER_CLOCK_EXTENSION in (scope.get("extensions") or {}):
                self._send_timeout_s = None
            self._output.set_result(send)
            while not self._sending.done():
                await asyncio.wait({self._sending, gone}, timeout=self._quiet_s(), return_when=asyncio.FIRST_COMPLETED)
                if gone.done() and not self._sending.done():
                    raise ClientDisconnect
                await self._keep_alive(send)
            self._sending.result()
        await send({"type": "http.response.body", "body": b""})

    async def close(self) -> None:
        """Stop the generator where it waits, and wait for its clean-up."""
        tasks = {task for task in (self._sending, self._gone) if task is not None}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.exception()  # retrieved: whoever waited for the task has it

    async def _send_all(self) -> None:
        async with contextlib.aclosing(self._events) as events:
            async for event in events:
                data = self._encode(event)
                self._come()
                output = await asyncio.shield(self._output)
                async with self._turn:
                    await self._write(output, data)

    async def _keep_alive(self, send: Send) -> None:
        if self._quiet_s() == 0.0:
            async with self._turn:  # while an event is being sent, it is not quiet
                if self._quiet_s() == 0.0 and not self._sending.done():
                    await self._write(send, KEEP_ALIVE)

    async def _write(self, send: Send, data: bytes) -> None:
        try:
            async with asyncio.timeout(self._send_timeout_s):
                await send({"type": "http.response.body", "body": data, "more_body": True})
        except TimeoutError:
            raise ClientDisconnect from None
        self._written_s = self._time()

    def _come(self) -> None:
        if not self._first.done():
            self._first.set_result(None)

    def _watch(self, receive: Receive) -> asyncio.Task[None]:
        if self._gone is None:
            self._gone = asyncio.get_running_loop().create_task(_gone(receive))
        return self._gone

    def _quiet_s(self) -> float | None:
        """How long it may stay quiet; `None` for ever."""
        interval_s = self._limits.ping_interval_s
        return None if interval_s is None else max(0.0, self._written_s + interval_s - self._time())


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
