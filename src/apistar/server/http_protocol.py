"""
uvicorn's HTTP protocol class on httptools, with what it lacks at the door.

- The head of a request is bounded in bytes (exactly where a line is whole, else to one read), in headers and in time:
  one deadline from the first byte to the last of the head, and the same for a connection that says nothing.
- Trailers are bounded like a head, and dropped: merged into the headers, they would get past whoever checked those
  (RFC 9110 §6.5.1). A body that breaks off or is no body ends its request, answered or not.
- HTTP/1.1 asks for exactly one Host, and one that is a host (RFC 9112 §3.2).
- A body has a deadline (`plain_request.py`), and who still sends when the last answer goes out gets to read it.
- An upgrade to `websocket` is checked and handed over as it was parsed; uvicorn would write it out and parse it again.
- Nothing behind a refused upgrade or a bad request is interpreted (RFC 9110 §7.8, RFC 9112 §9.6).

What makes a line or a message body valid is httptools' to say: control characters, folded lines, a space before the
colon, two lengths or a length beside an encoding end in 400; `tests/threats/` sends all of them.

A connection that upgrades at once pays for none of uvicorn's per-connection state: `HttpToolsProtocol.__init__` runs
with the first plain request. Sources: RFC 9112, RFC 9110; THREAT_MODEL.md, rows 8 to 12.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, NoReturn, cast

import httptools
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from ..transports.wheel import Bucket
from ..types import BODY_CLOCK_EXTENSION, ASGIApp
from .connection import Connection
from .farewell import Farewell, response_of
from .handshake import Refused, check_handshake, is_host, too_large, wants_websocket
from .header_names import NAMES
from .plain_request import BodyClock, Cancellable, LastTransport
from .service import Service, service_of

_BODY: Final = frozenset({b"content-length", b"transfer-encoding"})
LINE_BYTES: Final = 4
"""Of a header line besides name and value: colon, space, CR, LF."""


class HTTPProtocol(HttpToolsProtocol):
    """One HTTP connection, up to its end or its upgrade."""

    cycle: RequestResponseCycle | None = None  # type: ignore[assignment]
    flow: Any = None
    timeout_keep_alive_task: asyncio.TimerHandle | None = None

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self.loop = _loop or asyncio.get_running_loop()
        self.service: Service = service_of(config, server_state, app_state, self.loop)
        self.parser = httptools.HttpRequestParser(self)
        # The answer to the first of two pipelined requests must get out although the second is no request.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.bucket: Bucket | None = None
        self._ready_for_http = False
        self._refusal: Refused | None = None
        self._upgrading = False
        self._declining = False
        self._declined: list[tuple[bytes, bytes]] | None = None
        self._deaf = False
        self._in_head = True
        self._deadline = 0.0
        self._head_bytes = 0
        self._partial_bytes = 0
        self._moved = False
        self._trailers = 0
        self._hosts = 0
        self._in_body = False
        self._clock: BodyClock | None = None
        self._running: RequestResponseCycle | None = None
        self._ended = False

    # TCP

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        service = self.service
        self.transport = transport
        service.connections.add(self)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        self.service.connections.discard(self)
        if self.bucket is not None:
            self.service.wheel.forget(self)
        if self._clock is not None:
            self._clock.stop()
        if self._ready_for_http:
            running = self._running
            if running is not None and running is not self.cycle and not running.response_complete:
                running.disconnected = True  # uvicorn tells the last request alone
                running.message_event.set()
            super().connection_lost(exc)
        self.parser = None  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        self._moved = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._upgrading:
                self._upgrade(data[upgrade.args[0] :])
            elif self._declining:
                self._decline(data[upgrade.args[0] :])
            else:
                self._deaf = True  # no other protocol is spoken here; what follows is not HTTP
        except httptools.HttpParserError as error:
            if not self._deaf:
                self._refuse(self._refusal or self._fault_of(error))
        else:
            self._watch_head(len(data))

    def pause_writing(self) -> None:
        if self._ready_for_http:
            super().pause_writing()

    def resume_writing(self) -> None:
        if self._ready_for_http:
            super().resume_writing()

    def shutdown(self) -> None:
        if self._ready_for_http:
            super().shutdown()
        else:
            self.transport.close()

    # What httptools says

    def on_message_begin(self) -> None:
        if self._deaf:
            self._bad("nothing is interpreted behind an upgrade that was declined")
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._in_head = True
        self._head_bytes = self._hosts = 0

    def on_url(self, url: bytes) -> None:
        self._moved = True
        self.url += url
        self._head_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        headers = self.headers
        limits = self.service.limits
        self._head_bytes += len(name) + len(value) + LINE_BYTES
        if self._head_bytes > limits.max_handshake_bytes or len(headers) >= limits.max_handshake_headers:
            self._too_large()
        self._moved = True
        if not self._in_head:
            self._trailers += 1
            if self._trailers > limits.max_handshake_headers:
                self._too_large()
            return
        name = NAMES.get(name) or name.lower()
        if name == b"host":
            self._hosts += 1
            if not is_host(value):
                self._bad("header 'host' is no host with an optional port")
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._moved = True
        self._trailers = 0
        if self._head_bytes > self.service.limits.max_handshake_bytes:
            self._too_large()
        parser = self.parser
        if self._hosts != 1 and (self._hosts > 1 or parser.get_http_version() != "1.0"):
            self._bad("a request of HTTP/1.1 has exactly one header 'host'")
        upgrade = parser.should_upgrade()
        if upgrade and self.service.config.ws_protocol_class is not None and wants_websocket(self.headers):
            if self.cycle is not None and not self.cycle.response_complete:
                self._bad("an upgrade must wait for the answers to the requests before it")
            self._upgrading = True
            return
        if upgrade and any(name in _BODY for name, _ in self.headers):
            self._declining = True
            return
        if self._declined is not None:
            self.headers = self._declined
            upgrade = True
        if self.bucket is not None:
            self.service.wheel.forget(self)
        if not self._ready_for_http:
            self._become_http()
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expect
        self.scope["headers"] = headers
        self._in_body = True
        self._clock = self._clock_of(headers)
        self.scope["extensions"] = {BODY_CLOCK_EXTENSION: self._clock}  # type: ignore[dict-item]  # an object, no options
        super().on_headers_complete()
        if upgrade and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._moved = True
        if not self._upgrading:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._moved = True
        if self._upgrading or self._declining:
            return
        self._in_body = False
        if self._clock is not None:
            self._clock.stop()
        super().on_message_complete()
        self._deaf = self._declined is not None

    def _decline(self, rest: bytes) -> None:
        """
        Go on in HTTP/1.1 with a request that has a body and asks for another protocol, as `h2c` of Java's client.

        httptools has no more to say on it, so the head is parsed again, without the upgrade.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        head = [b"%s %s HTTP/%s" % (method, self.url, version)]
        head += (b"%s: %s" % field for field in self.headers if field[0] != b"upgrade")
        self._declining, self._declined = False, self.headers
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"\r\n".join((*head, b"", rest)))

    def _should_upgrade(self) -> bool:
        return self._upgrading

    def on_response_complete(self) -> None:
        if self._ended:
            self.server_state.total_requests += 1
            return
        super().on_response_complete()
        self._watch_body()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]
        self._running = cycle
        super()._start_asgi_task(cycle, Cancellable(app, cycle, self.service))  # type: ignore[arg-type]

    def _become_http(self) -> None:
        """Make uvicorn's state for plain requests."""
        service, parser, transport = self.service, self.parser, self.transport
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().__init__(service.config, service.server_state, service.app_state, service.loop)  # type: ignore[arg-type]
        self.parser = parser
        self.url, self.headers, self.expect_100_continue = url, headers, expect
        super().connection_made(transport)
        self._ready_for_http = True

    # The deadline and the size of a head that is not whole

    def _start_clock(self) -> None:
        limit_s = self.service.limits.handshake_timeout_s
        self._deadline = self.loop.time() + limit_s
        self.service.wheel.schedule(self, limit_s, self.loop)

    def _watch_head(self, size: int) -> None:
        """A head, or the trailers, may not be whole after this read of `size` bytes; httptools keeps part of a line."""
        self._partial_bytes = 0 if self._moved else self._partial_bytes + size
        whole_bytes = self._head_bytes if self._in_head else 0
        if whole_bytes + self._partial_bytes > self.service.limits.max_handshake_bytes:
            self._refuse(too_large(self.service.limits))
        elif self._in_head and self.bucket is None:
            self._start_clock()
        elif self._in_body:
            self._watch_body()

    def on_deadline(self) -> None:
        """The head took too long, or none came."""
        if self._head_bytes or self._partial_bytes:
            self._refuse(Refused(408, "the request took too long"))
        else:
            self.transport.close()

    # The deadline of a body that is not whole

    def _clock_of(self, headers: list[tuple[bytes, bytes]]) -> BodyClock | None:
        for name, _ in headers:
            if name in _BODY:
                service = self.service
                return BodyClock(service.wheel, service.loop, service.limits.request_timeout_s, self._body_is_late)
        return None

    def _watch_body(self) -> None:
        """Wait for the rest of a body; the body of a pipelined request is waited for when its turn has come."""
        clock, cycle = self._clock, self.cycle
        if self._in_body and clock is not None and not clock.started and cycle is not None and cycle is self._running:
            cycle.transport = LastTransport(self.transport, self._end)  # type: ignore[assignment]
            clock.start()

    def _body_is_late(self, limit_s: float) -> None:
        if self.flow.read_paused and self._clock is not None:
            self._clock.start()  # the handler keeps the client waiting
        else:
            self._refuse(Refused(408, f"the body was not whole after request_timeout_s of {limit_s:g}"))

    # Answers that no application gives

    def _fault_of(self, error: httptools.HttpParserError) -> Refused:
        cause = error.__context__
        if isinstance(cause, UnicodeDecodeError | httptools.HttpParserError) or cause is None:
            return Refused(400, "Invalid HTTP request received.")
        self.service.log.error("fault in the HTTP protocol", exc_info=cause)
        return Refused(500, "Internal Server Error")

    def _too_large(self) -> NoReturn:
        self._refusal = too_large(self.service.limits)
        raise self._refusal

    def _bad(self, detail: str) -> NoReturn:
        self._refusal = Refused(400, detail)
        raise self._refusal

    def _refuse(self, refused: Refused) -> None:
        """Answer, and hear nothing more; where earlier requests are still being answered, end the connection after."""
        service = self.service
        self._deaf = True
        service.refused(refused, self.transport)
        if self.bucket is not None:
            service.wheel.forget(self)
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
            cycle.disconnected = True  # whoever waits for the body is told that no more comes
            cycle.message_event.set()
            self._end(answer)

    def _end_after(self, cycle: RequestResponseCycle | None) -> None:
        """Let the last whole request be answered, and those before it."""
        self.cycle = cycle
        if cycle is None or cycle.response_complete:
            self._end()
            return
        cycle.keep_alive = False
        cycle.transport = LastTransport(self.transport, self._end)  # type: ignore[assignment]

    def _end(self, answer: bytes = b"") -> None:
        """End the connection with these last words, in a way that lets the client read all that was said."""
        if self.transport.is_closing():
            return
        if not self._in_body and not self._deaf:
            self.transport.close()  # nothing comes that nobody reads
            return
        self._ended = True
        if self._clock is not None:
            self._clock.stop()
        self.service.connections.discard(self)
        if self._ready_for_http:
            self._unset_keepalive_if_required()
            self.flow.resume_reading()
        self.parser = None  # type: ignore[assignment]
        Farewell(self.loop, self.transport, answer)

    # The upgrade

    def _upgrade(self, rest: bytes) -> None:
        service, transport = self.service, self.transport
        try:
            handshake = check_handshake(
                self.parser.get_method(),
                self.url,
                self.parser.get_http_version(),
                self.headers,
                service.server_state.default_headers,
            )
            service.admit()
        except Refused as refused:
            self._refuse(refused)
            return
        self._unset_keepalive_if_required()
        if self.bucket is not None:
            service.wheel.forget(self)
        service.connections.discard(self)
        self.parser = None  # type: ignore[assignment]
        connection = Connection(
            service,
            transport,
            handshake,
            self.url,
            self.headers,
            get_local_addr(transport),
            get_remote_addr(transport),
            is_ssl(transport),
        )
        transport.set_protocol(cast(asyncio.BaseProtocol, connection.transport))
        if rest:
            connection.transport.data_received(rest)
        connection.start(max(self._deadline - self.loop.time(), 0.0))
