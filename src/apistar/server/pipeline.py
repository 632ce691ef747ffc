"""
The plain requests of one HTTP connection: which one runs, whose body is waited for, and how the last answer ends it.

uvicorn answers requests one after the other, in their order (RFC 9112 §9.3.2). What is added to it:

- Those that wait are few: what comes behind them is parsed when they have had their turn (`read_ahead.py`).
- A body has a deadline (`plain_request.py`); that of a pipelined request runs from when its turn has come.
- A request that is refused waits for the answers to those before it, then the connection ends.
- A client that takes nothing of an answer for `send_timeout_s` is reset, and its handler told. The application sets the
  time of the route through `ANSWER_CLOCK_EXTENSION`; for others it is the server's.
- Who still sends when the last answer goes out gets to read it (RFC 9112 §9.6).

A connection that upgrades at once pays for none of uvicorn's per-connection state: `HttpToolsProtocol.__init__` runs
with the first plain request. What is asked before that has its value in the class.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ..transports.tcp import reset
from ..transports.wheel import Bucket
from ..transports.write_clock import WriteClock
from .farewell import Farewell, response_of
from .handshake import Headers, Refused
from .plain_request import BODY_HEADERS, BodyClock, Cancellable, LastTransport
from .read_ahead import ReadAhead
from .service import Service, client_of


class Pipeline(HttpToolsProtocol):
    """
    A connection as its plain requests see it.

    Attributes:
        pipeline: Requests that wait for their turn, the last one first; before the first plain request always empty.
        _deaf: Nothing that still comes is interpreted.
        _in_body: A head was whole, and its body is not.
        _running: The request that the application answers, or answered last.
        _ended: The last words are said; TCP is a `Farewell`'s.
    """

    service: Service
    bucket: Bucket | None = None
    cycle: RequestResponseCycle | None = None  # type: ignore[assignment]  # uvicorn, too, has `None` before the first
    timeout_keep_alive_task: asyncio.TimerHandle | None = None
    pipeline: deque[tuple[RequestResponseCycle, Any]] = deque()
    _ready_for_http = False
    _deaf = False
    _in_body = False
    _ended = False
    _clock: BodyClock | None = None
    _write_clock: WriteClock | None = None
    _running: RequestResponseCycle | None = None

    def _become_http(self) -> None:
        """Make uvicorn's state for plain requests; what is known of the first one stays."""
        service, parser, transport = self.service, self.parser, self.transport
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        HttpToolsProtocol.__init__(self, service.config, service.server_state, service.app_state, service.loop)
        self.parser = parser
        self.url, self.headers, self.expect_100_continue = url, headers, expect
        HttpToolsProtocol.connection_made(self, transport)
        self.flow: ReadAhead = ReadAhead(transport)
        self._ready_for_http = True

    def pause_writing(self) -> None:
        if self._ready_for_http:
            super().pause_writing()
            self._watch_client()

    def resume_writing(self) -> None:
        if self._ready_for_http:
            super().resume_writing()
            self._ignore_client()

    def shutdown(self) -> None:
        if self._ready_for_http:
            super().shutdown()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.service.connections.discard(self)
        self._leave_wheel()
        self._ignore_client()
        if self._clock is not None:
            self._clock.stop()
        if self._ready_for_http:
            running = self._running
            if running is not None and running is not self.cycle and not running.response_complete:
                _disconnect(running)  # uvicorn tells the last request alone
            super().connection_lost(exc)
        self._drop_parser()

    # One after the other

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        if self._write_clock is not None:
            self._write_clock.limit(self.service.limits.send_timeout_s)
        super()._start_asgi_task(cycle, Cancellable(app, cycle, self.service))

    def on_response_complete(self) -> None:
        if self._ended:
            self.server_state.total_requests += 1
            return
        waiting = bool(self.pipeline)
        super().on_response_complete()
        if waiting and not self.pipeline:
            self._go_on()
        self._watch_body()
        if self.transport.get_write_buffer_size():
            self._watch_client()

    # The deadline of a body that is not whole

    def _clock_of(self, headers: Headers) -> BodyClock | None:
        for name, _ in headers:
            if name in BODY_HEADERS:
                service = self.service
                return BodyClock(service.wheel, service.loop, service.limits.request_timeout_s, self._body_is_late)
        return None

    def _watch_body(self) -> None:
        """Wait for the rest of a body; the body of a pipelined request is waited for when its turn has come."""
        clock, cycle = self._clock, self.cycle
        if self._in_body and clock is not None and not clock.started and cycle is not None and cycle is self._running:
            cycle.transport = LastTransport(self.transport, self._end)
            clock.start()

    def _body_is_late(self, limit_s: float) -> None:
        if self.flow.read_paused and self._clock is not None:
            self._clock.start()  # the handler keeps the client waiting
        else:
            self._refuse(Refused(408, f"the body was not whole after request_timeout_s of {limit_s:g}"))

    # A client that takes no answer

    def limit_answer(self, limit_s: float) -> None:
        """Called by the application (`AnswerClock`)."""
        if self._write_clock is not None or limit_s != self.service.limits.send_timeout_s:
            self._clock_of_client().limit(limit_s)

    def _clock_of_client(self) -> WriteClock:
        if self._write_clock is None:
            limit_s = self.service.limits.send_timeout_s
            self._write_clock = WriteClock(self.transport, self.loop, limit_s, self._client_is_stuck)
        return self._write_clock

    def _watch_client(self) -> None:
        self._clock_of_client().begin()

    def _ignore_client(self) -> None:
        if self._write_clock is not None:
            self._write_clock.end()

    def _client_is_stuck(self, limit_s: float) -> None:
        client = client_of(self.transport)
        self.service.log.info("%s - took nothing of an answer for send_timeout_s of %g", client, limit_s)
        reset(self.transport)

    # The end

    def _refuse(self, refused: Refused) -> None:
        """Answer, and hear nothing more; where earlier requests are still being answered, end the connection after."""
        service = self.service
        self._deaf = True
        service.refused(refused, self.transport)
        self._leave_wheel()
        answer = response_of(refused, service.server_state.default_headers)
        cycle = self.cycle
        if cycle is None or (cycle.response_complete and not self._in_body):
            self._end(answer)
        elif not self._in_body:
            self._end_after(cycle)
        elif cycle is not self._running:
            self.pipeline.popleft()  # the broken one waits, and must not run
            self._end_after(self.pipeline[0][0] if self.pipeline else self._running)
        elif cycle.response_complete:
            self._end()
        elif cycle.response_started:
            self.transport.close()
        else:
            _disconnect(cycle)  # whoever waits for the body is told that no more comes
            self._end(answer)

    def _end_after(self, cycle: RequestResponseCycle | None) -> None:
        """Let the last whole request be answered, and those before it."""
        self.cycle = cycle
        if cycle is None or cycle.response_complete:
            self._end()
            return
        cycle.keep_alive = False
        cycle.transport = LastTransport(self.transport, self._end)

    def _end(self, answer: bytes = b"") -> None:
        """End the connection with these last words, in a way that lets the client read all that was said."""
        if self.transport.is_closing():
            return
        if not self._in_body and not self._deaf:
            self.transport.close()  # nothing comes that nobody reads
            return
        self._ended = True
        self._ignore_client()
        if self._clock is not None:
            self._clock.stop()
        self.service.connections.discard(self)
        if self._ready_for_http:
            self._unset_keepalive_if_required()
            self.flow.resume_reading()
        self._drop_parser()
        Farewell(self.loop, self.transport, answer)

    def _go_on(self) -> None:
        """The last request that waited has its turn, and what came behind it."""
        raise NotImplementedError

    def on_deadline(self) -> None:
        """The head took too long, or none came; called by the wheel."""
        raise NotImplementedError

    def _leave_wheel(self) -> None:
        """No deadline of a head runs any more."""
        if self.bucket is not None:
            self.service.wheel.forget(self)

    def _drop_parser(self) -> None:
        """Nothing is parsed any more. The parser knows us as well: only the collector would see that both can go."""
        self.parser = None  # type: ignore[assignment]  # what uvicorn does, too, where a connection is lost


def _disconnect(cycle: RequestResponseCycle) -> None:
    """Tell the application, in its next `receive()`, that the client is gone."""
    cycle.disconnected = True
    cycle.message_event.set()
