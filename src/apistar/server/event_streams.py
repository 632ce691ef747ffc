"""
Answers that end when somebody ends them: event streams, of any application.

At the end of the process their clients are told early, as those of sockets are: the body ends as a whole one, and an
`EventSource` comes back by itself, to another process. The application hears in its next `receive()` that its client is
gone. A download has an end of its own, so it is left to come to it, and so is what says its length.

Sources: WHATWG HTML §9.2.3 (a client reconnects when the body ends); ASGI, HTTP, `http.disconnect`.
"""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from ..transports.turns import TurnTaking
from ..types import Event, Send
from .service import Service

MEDIA_TYPE: Final = b"text/event-stream"


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


class Answering(TurnTaking):
    """The `send` of one request, which knows an event stream when it sees one."""

    __slots__ = ("_cycle", "_service", "_stream")

    def __init__(self, send: Send, cycle: RequestResponseCycle, service: Service) -> None:
        super().__init__(send)
        self._cycle = cycle
        self._service = service
        self._stream: EventStream | None = None

    async def __call__(self, event: Event) -> None:
        """Send; a stream that begins while the process ends is ended at once."""
        await super().__call__(event)
        if event["type"] == "http.response.start" and _is_event_stream(event):
            self._stream = EventStream(self._cycle, self._service)
            if self._service.draining:
                self._stream.shutdown()

    def over(self) -> None:
        """The application has returned."""
        if self._stream is not None:
            self._stream.forget()


def _is_event_stream(start: Event) -> bool:
    stream = False
    for name, value in start.get("headers", ()):
        name = name.lower()
        if name == b"content-length":
            return False
        if name == b"content-type":
            stream = value.partition(b";")[0].strip().lower() == MEDIA_TYPE
    return stream
