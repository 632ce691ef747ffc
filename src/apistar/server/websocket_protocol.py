"""
`WebSocketProtocol`: the WebSocket protocol class that any uvicorn can be told to use.

    uvicorn --ws apistar.server:WebSocketProtocol module:app

uvicorn's HTTP classes write the upgrade request out again and call `data_received` with it, once and whole; it is
parsed here, strictly, and what was not written out is asked for (`uvicorn_http.py`). Our own HTTP class does not come
this way: it makes the `Connection` from what it parsed. With it, the head is bounded while it comes, too:

    uvicorn --http apistar.server:HTTPProtocol --ws apistar.server:WebSocketProtocol module:app

Sources: RFC 9112 §3 and §5 (the lines of a head), RFC 6455 §4.2.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final, cast

from uvicorn import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from ..transports.native import NativeTransport
from .connection import Connection
from .farewell import Farewell, response_of
from .handshake import Headers, Refused, check_handshake, too_large
from .service import service_of
from .uvicorn_http import answer_and_close, answers_another, early_bytes_of, http_version_of


class WebSocketProtocol(asyncio.Protocol):
    """Reads one request and hands TCP over to the connection's transport."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._loop = _loop or asyncio.get_running_loop()
        self._service = service_of(config, server_state, app_state, self._loop)
        self._tcp: asyncio.Transport | None = None
        self._native: NativeTransport | None = None
        self._before: asyncio.Protocol | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._tcp = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._native is not None:
            self._native.data_received(data)
            return
        tcp, service = self._tcp, self._service
        if tcp is None:
            return
        http = cast(asyncio.Protocol, tcp.get_protocol())
        if answers_another(http):
            self._refuse_behind(http, tcp)
            return
        try:
            method, target, headers, rest = parse_request(data)
            limits = service.limits
            if len(data) - len(rest) > limits.max_handshake_bytes or len(headers) > limits.max_handshake_headers:
                raise too_large(limits)
            version = http_version_of(http)
            handshake = check_handshake(method, target, version, headers, service.server_state.default_headers)
            service.admit()
        except Refused as refused:
            service.refused(refused, tcp)
            self._tcp = None
            response = response_of(refused, service.server_state.default_headers)
            # uvicorn makes us TCP's protocol when we return.
            self._loop.call_soon(Farewell, self._loop, tcp, response)
            return
        connection = Connection(
            service, tcp, handshake, target, headers, get_local_addr(tcp), get_remote_addr(tcp), is_ssl(tcp)
        )
        self._native = connection.transport
        rest += early_bytes_of(http)
        if rest:
            self._native.data_received(rest)
        self._loop.call_soon(self._hand_over)
        connection.start(service.limits.handshake_timeout_s)

    def _hand_over(self) -> None:
        if self._tcp is not None and self._native is not None and self._native.ending is None:
            self._tcp.set_protocol(cast(asyncio.BaseProtocol, self._native))

    def _refuse_behind(self, http: asyncio.Protocol, tcp: asyncio.Transport) -> None:
        """Hear nothing more, and let uvicorn's class send the answer that it owes."""
        service = self._service
        service.refused(Refused(400, "an upgrade must wait for the answers to the requests before it"), tcp)
        self._tcp, self._before = None, http
        service.connections.add(http)
        answer_and_close(http)

    # What happens in the moment before, and to a connection that stays with uvicorn's class

    def eof_received(self) -> bool | None:
        return self._native.eof_received() if self._native is not None else None

    def pause_writing(self) -> None:
        if self._before is not None:
            self._before.pause_writing()

    def resume_writing(self) -> None:
        if self._before is not None:
            self._before.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._tcp = None
        for protocol in (self._native, self._before):
            if protocol is not None:
                protocol.connection_lost(exc)


def parse_request(data: bytes) -> tuple[bytes, bytes, Headers, bytes]:
    """
    Parse the head of one request: method, target, headers, and the bytes behind it.

    Raises:
        Refused: If a line is not of the form that RFC 9112 asks for.
    """
    head, separator, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    request = _REQUEST_LINE.fullmatch(first)
    if not separator or request is None:
        raise Refused(400, "the request line is not of the form of HTTP/1.1")
    headers: Headers = []
    for line in lines:
        field = _FIELD_LINE.fullmatch(line)
        if field is None:
            raise Refused(400, "a header line holds a character that it may not, or is folded")
        headers.append((field[1].lower(), field[2].strip(b" \t")))
    return request[1], request[2], headers, rest


_REQUEST_LINE: Final = re.compile(rb"([A-Z]+) ([!-~]+) HTTP/1\.1")
_FIELD_LINE: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t -~\x80-\xff]*)")
