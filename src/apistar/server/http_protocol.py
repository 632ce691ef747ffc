"""
uvicorn's HTTP protocol class on httptools, with what it lacks at the door.

- The head of a request is bounded in bytes, headers and time, and has one Host (`request_head.py`).
- Requests that are sent at once are parsed one after the other, as their turn comes (`read_ahead.py`).
- A body has a deadline, and who still sends when the last answer goes out gets to read it (`pipeline.py`).
- A body that breaks off or is no body ends its request, answered or not.
- An upgrade to `websocket` is checked and handed over as it was parsed; uvicorn would write it out and parse it again.
  So it is for another WebSocket class than ours, where uvicorn was given one (`--ws wsproto`).
- Nothing behind a refused upgrade or a bad request is interpreted (RFC 9110 §7.8, RFC 9112 §9.6).

What makes a line or a message body valid is httptools' to say: control characters, folded lines, a space before the
colon, two lengths or a length beside an encoding end in 400; `tests/threats/` sends all of them.

Sources: RFC 9112, RFC 9110; THREAT_MODEL.md, rows 8 to 12.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httptools
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from ..types import ANSWER_CLOCK_EXTENSION, BODY_CLOCK_EXTENSION
from .connection import Connection
from .handshake import Headers, Refused, check_handshake, wants_websocket
from .plain_request import BODY_HEADERS
from .read_ahead import SLICE_BYTES
from .request_head import RequestHead
from .service import service_of
from .websocket_protocol import WebSocketProtocol


class HTTPProtocol(RequestHead):
    """
    One HTTP connection, up to its end or its upgrade.

    Attributes:
        _upgrading: This head asks for a WebSocket.
        _declining: It asks for another protocol, and a body follows that httptools does not read as one.
        _declined: The headers of such a request, while it is parsed again.
    """

    _upgrading = False
    _declining = False
    _declined: Headers | None = None

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        # uvicorn's own runs with the first plain request (`pipeline.py`)
        if not config.loaded:
            config.load()
        self.loop = _loop or asyncio.get_running_loop()
        self.service = service_of(config, server_state, app_state, self.loop)
        self.parser = httptools.HttpRequestParser(self)
        # The answer to the first of two pipelined requests must get out although the second is no request.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    # TCP

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.service.connections.add(self)
        self._start_clock()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._in_body:
            self._unset_keepalive_if_required()  # the answer was faster than the body
        if self.pipeline:
            self.flow.hold(data)
        elif len(data) <= SLICE_BYTES:
            self._parse(data)
        else:
            self._parse_slices(data)

    def _parse_slices(self, data: bytes) -> None:
        """Parse up to the first request that has to wait for its turn, and keep what is behind it."""
        rest = memoryview(data)
        while rest and not self._deaf and self.parser is not None:
            if self.pipeline:
                self.flow.hold(bytes(rest))
                return
            part, rest = rest[:SLICE_BYTES], rest[SLICE_BYTES:]
            if not self._parse(bytes(part), rest):
                return

    def _parse(self, data: bytes, behind: bytes | memoryview = b"") -> bool:
        """
        Parse bytes that came.

        Args:
            behind: What came with them, for whoever goes on where they are no HTTP any more.

        Returns:
            Whether what is behind is HTTP, too.
        """
        self._moved = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._upgrading:
                self._upgrade(data[upgrade.args[0] :] + bytes(behind))
            elif self._declining:
                self._decline(data[upgrade.args[0] :] + bytes(behind))
            else:
                self._deaf = True  # no other protocol is spoken here; what follows is not HTTP
            return False
        except httptools.HttpParserError as error:
            if not self._deaf:
                self._refuse(self._refusal or self._fault_of(error))
            return False
        self._watch_head(len(data))
        return True

    def _go_on(self) -> None:
        held = self.flow.take()
        if held:
            self.data_received(held)
        else:
            self._watch_head(0)

    def _fault_of(self, error: httptools.HttpParserError) -> Refused:
        cause = error.__context__
        if isinstance(cause, UnicodeDecodeError | httptools.HttpParserError) or cause is None:
            return Refused(400, "Invalid HTTP request received.")
        self.service.log.error("fault in the HTTP protocol", exc_info=cause)
        return Refused(500, "Internal Server Error")

    # What httptools says

    def on_headers_complete(self) -> None:
        self._check_head()
        upgrade = self.parser.should_upgrade()
        if upgrade and self.service.config.ws_protocol_class is not None and wants_websocket(self.headers):
            if self.cycle is not None and not self.cycle.response_complete:
                self._bad("an upgrade must wait for the answers to the requests before it")
            self._upgrading = True
        elif upgrade and not self._is_tunnel() and any(name in BODY_HEADERS for name, _ in self.headers):
            self._declining = True
        elif self._declined is not None:
            self.headers = self._declined
            self._begin_request(keep_alive=False)
        else:
            self._begin_request(keep_alive=not upgrade)

    def _begin_request(self, *, keep_alive: bool) -> None:
        """Let uvicorn run a plain request, or queue it."""
        self._check_coding()
        self._leave_wheel()
        if not self._ready_for_http:
            self._become_http()
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        HttpToolsProtocol.on_message_begin(self)
        self.url, self.headers, self.expect_100_continue = url, headers, expect
        self.scope["headers"] = headers
        # The scope says ASGI 2.3. At 2.4 Starlette would hear that a client is gone where it sends something, and a
        # quiet stream would outlive its client.
        self._in_body = True
        self._clock = self._clock_of(headers)
        extensions: Any = {BODY_CLOCK_EXTENSION: self._clock, ANSWER_CLOCK_EXTENSION: self}
        self.scope["extensions"] = extensions  # for uvicorn each is a dict of options
        HttpToolsProtocol.on_headers_complete(self)
        if not keep_alive and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._moved = True
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

    def _is_tunnel(self) -> bool:
        """Whether this is CONNECT, behind whose head httptools reads no body, and there is none (RFC 9110 §9.3.6)."""
        return self.parser.get_method() == b"CONNECT"

    def _should_upgrade(self) -> bool:
        """Asked by uvicorn."""
        return self._upgrading

    # The upgrade, and one that is declined

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
        left_s = self._head_left_s()
        self._unset_keepalive_if_required()
        self._leave_wheel()
        self._ignore_client()
        service.connections.discard(self)
        self._drop_parser()
        config = service.config
        # Not None: where there is no class for WebSockets (`--ws none`), on_headers_complete() takes no upgrade.
        if config.ws != "auto" and not issubclass(config.ws_protocol_class, WebSocketProtocol):  # type: ignore[arg-type]
            self._hand_over(config.ws_protocol_class, rest)
            return
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
        connection.start(left_s)

    def _hand_over(self, protocol_class: Any, rest: bytes) -> None:
        """Give the request to a WebSocket class that is not ours, as uvicorn's classes do: written out again."""
        service, transport = self.service, self.transport
        head = [b"GET %s HTTP/1.1" % self.url, *(b"%s: %s" % field for field in self.headers), b"\r\n"]
        protocol = protocol_class(
            config=service.config, server_state=service.server_state, app_state=service.app_state, _loop=self.loop
        )
        protocol.connection_made(transport)
        protocol.data_received(b"\r\n".join(head))
        transport.set_protocol(protocol)
        if rest:
            protocol.data_received(rest)

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
