"""
`request_timeout_s` on a server that does not keep to it: `receive` waits for a body so long, and no longer.

What counts is the time in which the server is waited for, from the first `receive` to the last byte; once the body is
whole a `receive` waits without end, for the client to go away. Our own server offers a clock of the body in the scope:
it has the bytes, and ends the connection by itself.
"""

from __future__ import annotations

import asyncio

from ..exceptions import RequestTimeout
from ..limits import Limits
from ..types import ANSWER_CLOCK_EXTENSION, BODY_CLOCK_EXTENSION, AnswerClock, BodyClock, Event, Receive, Scope
from .responses import closing


class TimedReceive:
    """
    ASGI's `receive`, with a deadline for a body.

    Attributes:
        answered: A response is being sent; who asks then is told that the client is gone.
    """

    __slots__ = ("_left_s", "_limit_s", "_receive", "_scope", "answered")

    def __init__(self, scope: Scope, receive: Receive, limit_s: float) -> None:
        self.answered = False
        self._scope = scope
        self._receive = receive
        self._limit_s = limit_s
        self._left_s: float | None = limit_s

    async def __call__(self) -> Event:
        """
        Raises:
            RequestTimeout: If the body is not whole in time and nothing was answered.
        """
        if self._left_s is None:
            return await self._receive()
        loop = asyncio.get_running_loop()
        begin = loop.time()
        waiting = asyncio.timeout(self._left_s)
        try:
            async with waiting:
                event = await self._receive()
        except TimeoutError:
            if not waiting.expired():
                raise
            self._left_s = 0.0
            if self.answered:
                return {"type": "http.disconnect"}
            raise RequestTimeout(
                f"the body was not whole after request_timeout_s of {self._limit_s:g}", headers=closing(self._scope)
            ) from None
        self._left_s = max(self._left_s - (loop.time() - begin), 0.0)
        if event["type"] != "http.request" or not event.get("more_body", False):
            self._left_s = None
        return event


def timed(scope: Scope, receive: Receive, limits: Limits) -> Receive:
    """
    `receive` itself where the server has clocks, which are told the limits, or there is no limit.

    The clock of the answer resets a client that takes nothing of it for `send_timeout_s`.
    """
    limit_s = limits.request_timeout_s
    extensions = scope.get("extensions")
    if extensions and BODY_CLOCK_EXTENSION in extensions:
        clock: BodyClock | None = extensions[BODY_CLOCK_EXTENSION]
        if clock is not None:
            clock.limit(limit_s)
        answer: AnswerClock = extensions[ANSWER_CLOCK_EXTENSION]
        answer.limit_answer(limits.send_timeout_s)
        return receive
    return receive if limit_s is None else TimedReceive(scope, receive, limit_s)
