"""
`ASyncApp`: an ASGI 3 application, compiled when it is built.

A connection goes through here from top to bottom: middleware, host, origin, admission, route, dispatch. Everything
that can be wrong with routes, signatures and components is a `ConfigurationError` of the constructor.

Sources: the ASGI specification 3.0, "HTTP & WebSocket" and "Lifespan".
"""

from __future__ import annotations

import functools
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response

from .components import (
    BodySource,
    ChannelSource,
    ConnectionSource,
    ConstantSource,
    CookieSource,
    Exchange,
    HeaderSource,
    PathSource,
    QuerySource,
    TaskGroupSource,
    WebSocketSource,
)
from .dispatch import Lifespan, Operation, RouteCompiler, readiness_route, refuse_websocket, serve_http, serve_websocket
from .dispatch.middleware import wrapped
from .dispatch.mounted import path_below_root, scope_below, serve_mounted
from .dispatch.options import check_observer, check_texts, listed
from .docs import Refusals, docs_routes, witnessed
from .exceptions import ConfigurationError, HTTPException, NotFound
from .http.static_files import static_files
from .http.templates import Templates
from .injector import Component, Injector
from .limits import DEFAULTS, Limits, checked
from .messages import JSON, MSGPACK
from .observer import Observer, guarded
from .routing import Include, Mount, Route, RouteKind, Router, table, unclaimed
from .security import Admission, HostCheck, OriginCheck
from .transports.addresses import number_ports
from .transports.selection import transport_of
from .types import ASGIApp, Receive, Scope, Send
from .websocket import WebSocket, status

if TYPE_CHECKING:
    from starlette.middleware import Middleware

    from .channels import Broker, ChannelLimits, Hub
    from .schema.reference import Reference
    from .transports.transport import Transport


class ASyncApp:
    """
    An application of HTTP and WebSocket routes.

    Args:
        routes: `Route`, `Include` and `Mount`, in any order.
        components: What handlers, hooks and other components may ask for.
        event_hooks: Classes with `on_request`, `on_response`, `on_error`.
        middleware: ASGI middleware, outermost first: Starlette's `Middleware(cls, …)`, or callables `app -> app`.
        lifespan: `lifespan(app)` gives an async context manager that is entered on start-up; a mapping that it
            yields becomes the state of every connection.
        static_dir: A folder whose files are served below `static_url`.
        template_dir: A folder of Jinja templates for `render_template()`; needs the extra `templates`.
        allowed_origins: Origins of browsers besides our own, to the letter: `"https://example.com"`.
        allowed_hosts: Names that this application answers to; every name where nothing is given.
        limits: Of every connection; a route's own override single fields.
        observer: Told of every event of every WebSocket.
        broker: What carries publications of channels: `memory://` in this process, `redis://…` or `postgresql://…`
            between processes and machines, or a `Broker`.
        channel_limits: Of topics and those who join them.
        ready_url: Where a load balancer asks whether this process is ready: 503 while the broker is gone.
        schema_url: Where the OpenAPI and AsyncAPI documents are served; `None` serves none.
        docs_url: Where the page is served on which the API is read and tried; `None` serves none.
        title, version, description, servers: What the documents and the page say of the application.

    Raises:
        ConfigurationError: If routes, handlers, components or hooks contradict each other.
    """

    def __init__(
        self,
        routes: Iterable[Route | Include | Mount] = (),
        components: Sequence[Component] = (),
        event_hooks: Sequence[object] = (),
        *,
        middleware: Sequence[Middleware | Callable[..., ASGIApp]] = (),
        lifespan: Callable[[ASyncApp], AbstractAsyncContextManager[Mapping[str, Any] | None]] | None = None,
        static_dir: str | os.PathLike[str] | None = None,
        static_url: str = "/static/",
        template_dir: str | os.PathLike[str] | None = None,
        allowed_origins: Sequence[str] = (),
        allowed_hosts: Sequence[str] = (),
        limits: Limits = DEFAULTS,
        observer: Observer | None = None,
        broker: str | Broker = "memory://",
        channel_limits: ChannelLimits | None = None,
        ready_url: str | None = None,
        schema_url: str | None = "/schema/",
        docs_url: str | None = "/docs/",
        title: str = "API",
        version: str = "0.1.0",
        description: str = "",
        servers: Sequence[str] = (),
    ) -> None:
        routes = listed("routes", routes)
        check_texts(True, ready_url=ready_url, schema_url=schema_url, docs_url=docs_url)
        check_texts(False, static_url=static_url, title=title, version=version, description=description)
        check_observer(observer)
        self.limits = checked(limits, "the application")
        self.observer = guarded(observer)
        self._channels = ChannelSource(lambda: self.hub)
        self._carriage = (broker, channel_limits)
        self._hub: Hub | None = None
        if broker != "memory://" or channel_limits is not None:
            _ = self.hub  # what is wrong with it is found here
        self.injector = Injector(listed("components", components), self._sources())
        self._compiler = RouteCompiler(self.injector, listed("event_hooks", event_hooks), limits, (JSON, MSGPACK))
        self._hosts = HostCheck(allowed_hosts)
        self._origins = OriginCheck(allowed_origins)
        self._admission = Admission()
        static_url = static_url.rstrip("/")
        mounts = [Mount(static_url, static_files(static_dir))] if static_dir else []
        self._templates: Templates | None = None
        if template_dir is not None:
            self._templates = Templates(
                template_dir, app=self, static_url=lambda path: f"{static_url}/{str(path).lstrip('/')}"
            )
        self._about = (title, version, description, tuple(listed("servers", servers)))
        self._refusals = Refusals() if docs_url is not None else None
        self.router = self._router([*routes, *mounts], ready_url, schema_url, docs_url)
        self._unrouted = self._compiler.unrouted(RouteKind.HTTP)
        self.injector.finish()
        mounted = [(entry.prefix, entry.mount.app) for entry in self.router.mounts]
        self._lifespan = Lifespan(self, self.injector, lifespan, mounted, self._used_hub)
        # As few coroutines as can be between server and handler: each costs memory in every connection.
        self._stack: ASGIApp = wrapped(self._dispatch, listed("middleware", middleware)) if middleware else self._answer

    def _router(
        self,
        routes: Sequence[Route | Include | Mount],
        ready_url: str | None,
        schema_url: str | None,
        docs_url: str | None,
    ) -> Router[Operation]:
        """The routes as they are given, and what the application serves of its own where they leave its URL free."""
        reference = functools.cache(self.reference)
        own = _schema_routes(schema_url, reference) if schema_url is not None else []
        if ready_url is not None:
            own.append(readiness_route(ready_url, lambda: self.hub))
        if docs_url is not None and self._refusals is not None:
            own += docs_routes(docs_url, reference, self._refusals, schema_url)
        entries = table(routes, self._compiler.compile)
        return Router([*entries, *unclaimed(table(own, self._compiler.compile), entries)])

    def _sources(self) -> list[Any]:
        return [
            WebSocketSource(),
            ConnectionSource(),
            ConstantSource((type(self), ASyncApp), self),
            TaskGroupSource(),
            self._channels,
            PathSource(),
            BodySource(),
            HeaderSource(),
            CookieSource(),
            QuerySource(),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope, as ASGI asks."""
        if scope["type"] == "lifespan":
            await self._lifespan.serve(scope, receive, send)
            return
        if not self.injector.started:
            await self._lifespan.ensure_started()
        number_ports(scope)
        if self._lifespan.state:
            scope["state"] = {**scope.get("state", {}), **self._lifespan.state}
        await self._stack(scope, receive, send)

    def running(self) -> AbstractAsyncContextManager[None]:
        """
        Start the application, and shut it down on leaving: for whoever mounts it in another framework, which hands its
        lifespan to none but itself.
        """
        return self._lifespan.running()

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)

    def _answer(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            return self._http(scope, receive, send)
        if scope["type"] == "websocket":
            return self._websocket(scope, receive, send)
        raise ValueError(f"this application serves http, websocket and lifespan scopes, not {scope['type']!r}")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if self._hosts.active:
                self._hosts.check(scope)
            match = self.router.match(path_below_root(scope), scope["method"])
        except HTTPException as refusal:
            await self._unmatched(scope, receive, send, refusal)
            return
        if match.mount is not None:
            await serve_mounted(match.mount.app, self._below(scope, match.mount, match.prefix), receive, send)
            return
        if match.allow:
            allow = ", ".join(match.allow)
            await Response(status_code=204, headers={"Allow": allow})(scope, receive, send)
            return
        operation = match.target
        exchange = Exchange(scope, receive, send, operation.limits, match.route, match.params)
        scope["path_params"] = match.params
        await serve_http(operation, exchange)

    async def _unmatched(self, scope: Scope, receive: Receive, send: Send, refusal: HTTPException) -> None:
        if scope["path"] == "*" and scope["method"] == "OPTIONS":  # RFC 9110 §9.3.7: of the server as a whole
            await Response(status_code=204)(scope, receive, send)
            return
        if type(refusal) is NotFound:
            elsewhere = self.router.other_slash(path_below_root(scope), scope["method"])
            if elsewhere is not None:
                query = scope["query_string"].decode("latin-1")
                await RedirectResponse(f"{elsewhere}?{query}" if query else elsewhere)(scope, receive, send)
                return
        await serve_http(self._unrouted, Exchange(scope, receive, send, self.limits), refusal)

    def _websocket(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        transport = None
        try:
            if self._hosts.active:
                self._hosts.check(scope)
            match = self.router.match_websocket(path_below_root(scope))
            if match.mount is not None:
                return match.mount.app(self._below(scope, match.mount, match.prefix), receive, send)
            operation = match.target
            transport = self._transport(scope, receive, send)
            websocket: WebSocket[Any, Any] = WebSocket(transport, HTTPConnection(scope), operation.messages)
            transport.bind(websocket.on_end, operation.limits, self.observer, operation.url)
            self._origins.check(scope)
            limit = operation.limits.max_connections
            group = operation.route if limit != self.limits.max_connections else None
            self._admission.enter(limit, group)
        except HTTPException as refusal:
            if transport is None:
                transport = self._transport(scope, receive, send)
                transport.bind(_ignore, self.limits, self.observer, "")
            return refuse_websocket(transport, refusal)
        exchange = Exchange(scope, receive, send, operation.limits, match.route, match.params)
        exchange.websocket = websocket
        scope["path_params"] = match.params
        return serve_websocket(operation, exchange, lambda: self._admission.leave(group))

    def _below(self, scope: Scope, mount: Mount, prefix: str) -> Scope:
        return scope_below(scope, prefix, self._lifespan.mounted.get(id(mount.app), {}))

    def _transport(self, scope: Scope, receive: Receive, send: Send) -> Transport:
        transport = transport_of(scope, receive, send)
        if self._refusals is None:
            return transport
        return witnessed(transport, scope, path_below_root(scope), self._refusals)

    @property
    def hub(self) -> Hub:
        """What has the channels of this process; made when somebody first asks for it."""
        if self._hub is None:
            from .channels import Broker, ChannelLimits, Hub

            broker, limits = self._carriage
            if isinstance(broker, str):
                broker = Broker.connect(broker)
            if not isinstance(broker, Broker):
                raise ConfigurationError(f"broker must be a URL or a Broker, not {broker!r}")
            if not isinstance(limits, ChannelLimits | None):
                raise ConfigurationError(f"channel_limits must be ChannelLimits(…), not {limits!r}")
            self._hub = Hub(broker, limits, self.observer)
        return self._hub

    def _used_hub(self) -> Hub | None:
        return self.hub if self._channels.used else self._hub

    @property
    def broker(self) -> Broker:
        """What carries publications."""
        return self.hub.broker

    @property
    def single_process(self) -> str | None:
        """Why one process alone can serve this application; `None` where any number can."""
        used = sorted(channel.__qualname__ for channel in self._channels.used)
        if not used or not self.broker.local:
            return None
        return (
            f"{self.broker.url} carries publications of {', '.join(used)} within one process only; "
            'give ASyncApp(broker="redis://…"), or run one worker'
        )

    async def disconnect(self, *, member: str, code: int = status.WS_1008_POLICY_VIOLATION, reason: str = "") -> None:
        """
        Close every socket with which a member joined any channel, in every process.

        Raises:
            BrokerUnavailable: If the broker does not answer; the sockets of this process are closed all the same.
        """
        from .channels.control import Disconnect

        await self.hub.control.disconnect(Disconnect(member, code, reason))

    def reference(self) -> Reference:
        """Describe the application: every documented route, as the schema documents show it."""
        from .schema.reading import read
        from .schema.reference import Info, Server

        title, version, description, servers = self._about
        info = Info(title, version, description, tuple(Server(url) for url in servers))
        return read(self.router.entries, info)

    def reverse_url(self, name: str, **parameters: object) -> str:
        """
        The URL of a route by its name; `include:route` for one below an `Include`.

        Raises:
            UsageError: If there is no such route, or the parameters do not fit its URL.
        """
        return self.router.url_for(name, **parameters)

    def render_template(self, name: str, /, **context: Any) -> str:
        """
        Render a template of `template_dir`; the context has `app` and `static_url(path)`.

        Raises:
            ConfigurationError: If the application has no `template_dir`.
        """
        if self._templates is None:
            raise ConfigurationError("render_template() needs ASyncApp(template_dir=…)")
        return self._templates.render(name, context)


def _schema_routes(url: str, reference: Callable[[], Reference]) -> list[Route]:
    from .schema.endpoints import schema_routes

    return schema_routes(url, reference)


def _ignore(_ending: object) -> None:
    """Nobody owns a connection that no route took."""
