"""
One WebSocket of the server: its ASGI scope, the task that runs the application, and the handshake's deadline.

The connection itself is what the scope offers under `NATIVE_EXTENSION`:

- `transport`: the `NativeTransport`, which implements `Transport`;
- `receive`, `send`: the very methods that the application is called with.

An application may use `transport` directly only if `receive == offer.receive and send == offer.send`, which says that
nothing wraps either of them; it must then call neither. Bound methods are equal if their object is the same.
(`transports/selection.py` does this for ours.) Whoever calls `receive` or `send` gets an `ASGISession`, made by the
first call; the direct way never pays for one.

An idle connection is one of these, its transport, one task with the application's frames, and its scope.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable
from types import CoroutineType
from typing import Final, cast
from urllib.parse import unquote

from uvicorn.protocols.utils import ClientDisconnected

from ..exceptions import WebSocketDisconnect
from ..log_text import client_of
from ..transports.driven import Driven
from ..transports.native import NativeTransport
from ..transports.opening import Handshake
from ..transports.transport import NATIVE_EXTENSION, HeaderList
from ..transports.wheel import Bucket
from ..types import Event, Scope
from .access_log import target_of
from .asgi_session import ASGISession
from .handshake import Headers
from .service import Service

SPEC_VERSION: Final = "2.4"
"""Of ASGI for WebSockets, as uvicorn says it: `reason` in a disconnect, an OSError from a late `send`."""

FAULT: Final[tuple[int, HeaderList, bytes]] = (
    500,
    [(b"content-type", b"text/plain; charset=utf-8")],
    b"Internal Server Error",
)


class Connection:
    """
    One upgraded connection, from the checked request to the end of TCP; the `ConnectionOwner` of its transport.

    Args:
        tcp: The caller makes `transport` its protocol.
        path: As it came, without the query.
        server, client: Addresses as in ASGI.
    """

    __slots__ = ("_scope", "_service", "_session", "bucket", "transport")

    def __init__(
        self,
        service: Service,
        tcp: asyncio.Transport,
        handshake: Handshake,
        target: bytes,
        headers: Headers,
        server: tuple[str, int | None] | None,
        client: tuple[str, int] | None,
        secure: bool,
    ) -> None:
        self._service = service
        self._session: ASGISession | None = None
        self.bucket: Bucket | None = None
        raw_path, _, query = target.partition(b"?")
        path = raw_path.decode("ascii")
        if "%" in path:
            path = unquote(path)
        if service.root_path:
            path = service.root_path + path
            raw_path = service.root_path_bytes + raw_path
        self._scope: Scope | None = {
            "type": "websocket",
            "asgi": {"version": service.asgi_version, "spec_version": SPEC_VERSION},
            "http_version": "1.1",
            "scheme": "wss" if secure else "ws",
            "server": server,
            "client": client,
            "root_path": service.root_path,
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": headers,
            "subprotocols": handshake.subprotocols,
            "state": service.app_state.copy(),
            "extensions": {"websocket.http.response": {}, NATIVE_EXTENSION: self},
        }
        self.transport = NativeTransport(service.loop, tcp, handshake, self)
        service.websockets.add(self)
        service.connections.add(self)

    def start(self, left_s: float) -> None:
        """
        Call the application.

        Args:
            left_s: What is left of the time for the handshake.
        """
        service, scope = self._service, cast(Scope, self._scope)
        service.wheel.schedule(self, left_s, service.loop)
        forwarded = any(name in _FORWARDING_HEADERS for name, _ in scope["headers"])
        app = service.app if forwarded else service.unforwarded_app
        running = app(scope, self.receive, self.send)
        coroutine = cast(
            "CoroutineType[object, object, None]", running if type(running) is CoroutineType else _awaited(running)
        )
        driven = Driven(coroutine, self.transport, service.loop)
        if service.reset_contextvars:
            task = service.loop.create_task(driven, context=contextvars.Context())
        else:
            task = service.loop.create_task(driven)
        task.add_done_callback(self._finished)
        service.tasks.add(task)

    # The ASGI face

    def receive(self) -> Awaitable[Event]:
        """ASGI's `receive`."""
        return (self._session or self._start_session()).receive()

    def send(self, event: Event) -> Awaitable[None]:
        """ASGI's `send`."""
        return (self._session or self._start_session()).send(event)

    def _start_session(self) -> ASGISession:
        service = self._service
        self._session = ASGISession(self.transport, service.session_limits, service.observer)
        return self._session

    # What happens to it

    def handshake_answered(self, status: int) -> None:
        """Called by the transport (`ConnectionOwner`)."""
        service, scope = self._service, self._scope
        service.wheel.forget(self)
        self._scope = None
        if service.access_log and scope is not None:
            if status == 101:
                service.log.info('%s - "WebSocket %s" [accepted]', client_of(scope), target_of(scope))
            else:
                service.log.info('%s - "WebSocket %s" %d', client_of(scope), target_of(scope), status)

    def connection_released(self) -> None:
        """Called by the transport (`ConnectionOwner`)."""
        service = self._service
        self._scope = None
        if self.bucket is not None:
            service.wheel.forget(self)
        service.connections.discard(self)
        service.websockets.discard(self)

    def on_deadline(self) -> None:
        """The handshake took too long: the client sees a 503, the application a disconnect."""
        self.transport.start_close(1013, "the handshake was not answered in time")

    def shutdown(self) -> None:
        """Tell handler and peer that the server goes away; called by uvicorn's own server too."""
        self.transport.start_close(1012)

    def _finished(self, task: asyncio.Task[None]) -> None:
        service = self._service
        service.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            self.transport.start_close(1012)
            return
        if error is not None and not isinstance(error, ClientDisconnected | WebSocketDisconnect):
            service.log.error("Exception in ASGI application\n", exc_info=error)
        elif error is None and task.result() is not None:
            service.log.error("ASGI callable should return None, but returned '%s'.", task.result())
        if self.transport.ending is not None:
            return
        if self._scope is None:
            self.transport.start_close(1000 if error is None else 1011)
            return
        if error is None:
            service.log.error("ASGI callable returned without completing handshake.")
        refusing = service.loop.create_task(self.transport.reject(*FAULT))
        service.tasks.add(refusing)
        refusing.add_done_callback(service.tasks.discard)


_FORWARDING_HEADERS: Final = frozenset({b"x-forwarded-for", b"x-forwarded-proto"})


async def _awaited(awaitable: Awaitable[None]) -> None:
    """A coroutine, from an application that returned another kind of awaitable."""
    return await awaitable
