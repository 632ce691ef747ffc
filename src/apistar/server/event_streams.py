"""
Answers that end when somebody ends them: event streams, of any application.

At the end of the process their clients are told early, as those of sockets are: the body ends as a whole one, and an
`EventSource` comes back by itself, to another process. The application hears in its next `receive()` that its client is
gone. A download has an end of its own, so it is left to come to it, and so is what says its length.

Sources: WHATWG HTML §9.2.3 (a client reconnects when the body ends); ASGI, HTTP, `http.disconnect`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from ..transports.turns import TurnTaking
from ..types import Event, Send
from .service import Service

MEDIA_TYPE: Final = b"text/event-stream"
"""As everybody writes it; looked for in the headers of each answer."""


class EventStream:
    """One answer of which a client takes events; an `Ending` of its service."""

    __slots__ = ("_cycle", "_service")

    def __init__(self, cycle: RequestResponseCycle, service: Service) -> None:
        self._cycle = cycle
        self._service = service
        service.event_streams.add(self)

    def shutdown(self) -> None:
        """End the body, and tell the application that its client is gone."""
        service = self._service
        self.forget()
        task = service.loop.create_task(self._end())
        service.tasks.add(task)
        task.add_done_callback(service.tasks.discard)

    def forget(self) -> None:
        """It is over."""
        self._service.event_streams.discard(self)

    async def _end(self) -> None:
        cycle = self._cycle
        await cycle.flow.drain()
        if cycle.response_complete or cycle.disconnected:
            return
        cycle.keep_alive = False
        await cycle.send({"type": "http.response.body", "body": b"", "more_body": False})
        cycle.disconnected = True
        cycle.message_event.set()


class Answering:
    """
    The `send` of one request, which takes turns under a streamed body and knows an event stream when it sees one.

    An answer that is neither pays for no coroutine of ours.

    Attributes:
        stream: The answer is one, and has begun.
    """

    __slots__ = ("_cycle", "_send", "_service", "_turns", "stream")

    def __init__(self, send: Send, cycle: RequestResponseCycle, service: Service) -> None:
        self.stream: EventStream | None = None
        self._send = send
        self._cycle = cycle
        self._service = service
        self._turns: TurnTaking | None = None

    def __call__(self, event: Event) -> Awaitable[None]:
        """Send."""
        if event.get("more_body"):
            if self._turns is None:
                self._turns = TurnTaking(self._send)
            return self._turns(event)
        if event["type"] == "http.response.start" and _is_event_stream(event):
            return self._begin(event)
        return self._send(event)

    async def _begin(self, start: Event) -> None:
        """A stream that begins while the process ends is ended at once."""
        await self._send(start)
        self.stream = EventStream(self._cycle, self._service)
        if self._service.draining:
            self.stream.shutdown()


def _is_event_stream(start: Event) -> bool:
    headers = start.get("headers", ())
    for name, value in headers:
        if value.startswith(MEDIA_TYPE) and name.lower() == b"content-type":
            return all(name.lower() != b"content-length" for name, _ in headers)
    return False
