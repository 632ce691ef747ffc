"""
What all connections of one server process share, read once and not once for each connection.

uvicorn makes a protocol object for each connection and gives it its `Config`, its `ServerState` and the lifespan's
state; `service_of` finds the one `Service` that belongs to them.
"""

from __future__ import annotations

import asyncio
import logging
import random
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.utils import get_remote_addr

from ..exceptions import ConfigurationError
from ..limits import DEFAULTS, RETRY_AFTER_S, Limits
from ..observer import Guarded, Observer
from ..transports.wheel import Wheel, wheel_of
from ..types import ASGIApp
from .configuration import Settings
from .handshake import Refused
from .layers import own_of

if TYPE_CHECKING:
    from uvicorn import Config
    from uvicorn.server import ServerState


class Ending(Protocol):
    """What would not end by itself, a WebSocket or an event stream, as all of them are known here."""

    def shutdown(self) -> None:
        """Tell handler and peer that the server goes away."""


class Service:
    """
    One application as one server process serves it.

    Attributes:
        limits: Of handshakes, before the application knows the route.
        session_limits: Of connections that the application uses through `receive` and `send`.
        unforwarded_app: What is called for a request without a proxy's headers.
        websockets: All connections that were upgraded, from the request to the end of TCP.
        event_streams: All answers that are one and have begun.
        draining: The process is about to end; whoever still asks for an upgrade is sent away.
    """

    __slots__ = (
        "access_log",
        "app",
        "app_state",
        "asgi_version",
        "config",
        "connections",
        "draining",
        "event_streams",
        "limits",
        "log",
        "loop",
        "max_connections",
        "observer",
        "reset_contextvars",
        "root_path",
        "root_path_bytes",
        "server_state",
        "session_limits",
        "tasks",
        "unforwarded_app",
        "websockets",
        "wheel",
    )

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        settings = config if isinstance(config, Settings) else None
        given, own = limits_given(config), own_of(config.loaded_app, "limits", Limits)
        self.config = config
        self.server_state = server_state
        self.app_state = app_state
        self.loop = loop
        self.wheel: Wheel = wheel_of(loop)
        self.app = cast(ASGIApp, config.loaded_app)
        # The layer for forwarded requests does nothing for others, but stands in the way of each message.
        self.unforwarded_app = cast(ASGIApp, self.app.app) if type(self.app) is ProxyHeadersMiddleware else self.app
        self.connections = cast("set[object]", server_state.connections)
        self.tasks = server_state.tasks
        self.websockets: set[Ending] = set()
        self.event_streams: set[Ending] = set()
        self.draining = False
        self.log = logging.getLogger("uvicorn.error")
        self.access_log = config.access_log and self.log.isEnabledFor(logging.INFO)
        self.asgi_version = config.asgi_version
        self.reset_contextvars = config.reset_contextvars
        self.root_path = config.root_path
        self.root_path_bytes = config.root_path.encode("ascii")
        self.observer = observer_of(config)
        self.limits = handshake_limits(config)
        self.session_limits = given or own or (DEFAULTS if settings is not None else limits_of(config))
        # An application of ours counts its connections itself, route by route.
        self.max_connections = given.max_connections if given is not None else None

    def admit(self) -> None:
        """
        Let one more upgrade in.

        Raises:
            Refused: With 503, if there are too many connections, or the process is about to end.
        """
        limit = self.config.limit_concurrency
        crowded = (limit is not None and (len(self.connections) >= limit or len(self.tasks) >= limit)) or (
            self.max_connections is not None and len(self.websockets) >= self.max_connections
        )
        if crowded or self.draining:
            detail = "too many connections; try again later" if crowded else "this server is about to restart"
            raise Refused(503, detail, [(b"retry-after", b"%d" % random.randint(*RETRY_AFTER_S))])

    def refused(self, refused: Refused, tcp: asyncio.Transport) -> None:
        """Count a request that no application saw, and say why; who is turned away in a crowd makes no line."""
        if refused.status != HTTPStatus.SERVICE_UNAVAILABLE:
            self.log.warning("%s - refused with %d: %s", client_of(tcp), refused.status, refused.detail)
        if self.observer is not None:
            self.observer.refused("", refused.status)


def client_of(tcp: asyncio.Transport) -> str:
    """Address and port of a client, for the log."""
    client = get_remote_addr(tcp)
    return f"{client[0]}:{client[1]}" if client else "a client"


def service_of(
    config: Config,
    server_state: ServerState,
    app_state: dict[str, Any],
    loop: asyncio.AbstractEventLoop,
) -> Service:
    """The service of a server process, made for its first connection."""
    service = existing_service(server_state)
    if service is None:
        service = server_state.__dict__[_KEY] = Service(config, server_state, app_state, loop)
    return service


def existing_service(server_state: ServerState) -> Service | None:
    """The service of a server process, if there has been a connection."""
    service: Service | None = server_state.__dict__.get(_KEY)
    return service


def limits_given(config: Config) -> Limits | None:
    """What `run()` was told."""
    return config.limits if isinstance(config, Settings) else None


def observer_of(config: Config) -> Observer | None:
    """Of the application, or of the server's metrics."""
    own: Observer | None = own_of(config.loaded_app, "observer", Guarded)
    return own or (config.observer if isinstance(config, Settings) else None)


def handshake_limits(config: Config) -> Limits:
    """Of handshakes, before the application knows the route."""
    own: Limits | None = own_of(config.loaded_app, "limits", Limits)
    return limits_given(config) or own or DEFAULTS


def limits_of(config: Config) -> Limits:
    """uvicorn's own settings for WebSockets, as limits."""
    try:
        return Limits(
            max_message_bytes=config.ws_max_size,
            inbox_messages=max(config.ws_max_queue, 1),
            ping_interval_s=config.ws_ping_interval or None,
            ping_timeout_s=config.ws_ping_timeout or None,
            compression=config.ws_per_message_deflate,
        )
    except ConfigurationError as error:
        raise ConfigurationError(f"{error.detail} (from uvicorn's --ws-… options)") from None


_KEY: Final = "apistar_service"
