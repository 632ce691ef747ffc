"""
What an application is made of: `Route`, `Include`, `Mount`.

These are records of what was written; `table.py` makes the routing table of them.
"""

from __future__ import annotations

import enum
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..annotations import annotations_of, has_annotations, names_later
from ..exceptions import RouteConfigurationError
from ..limits import Limits, checked
from ..messages.codec import Codec
from ..types import ASGIApp, WSGIFace, asgi_of

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})


class RouteKind(enum.Enum):
    """What a route speaks; the handler's signature decides."""

    HTTP = "http"
    WEBSOCKET = "websocket"


class Route:
    """
    One URL and the handler that answers there.

    Args:
        url: A template: `{name}` takes one segment, `{+name}` the rest of the path.
        method: For HTTP; a WebSocket route has none (its handshake is a GET).
        handler: A function; its signature says what it needs. One that needs a `WebSocket`, or an async generator,
            makes this a WebSocket route.
        name: For `reverse_url()`; the handler's name where nothing is given.
        documented: Whether the schema and the docs page show it.
        limits: Override single limits of the application.
        codecs: Of a typed WebSocket, the default first: `"json"`, `"msgpack"`, or a `Codec` of your own. A client
            asks for another one than the default by subprotocol.
    """

    __slots__ = ("codecs", "documented", "handler", "limits", "method", "name", "namespace", "url")

    def __init__(
        self,
        url: str,
        method: str = "GET",
        handler: Callable[..., Any] | None = None,
        name: str | None = None,
        documented: bool = True,
        limits: Limits | None = None,
        codecs: Sequence[str | Codec] = ("json",),
    ) -> None:
        if callable(method):
            raise RouteConfigurationError(
                f"route {url!r}: the second argument is the method; write Route({url!r}, handler=…) "
                f"or Route({url!r}, 'GET', …)"
            )
        if handler is None or not callable(handler):
            raise RouteConfigurationError(f"route {url!r} needs a handler: Route({url!r}, handler=…), not {handler!r}")
        if method.upper() not in METHODS:
            raise RouteConfigurationError(
                f"route {url!r}: {method!r} is no method; known are {', '.join(sorted(METHODS))}"
            )
        self.url = url
        self.method = method.upper()
        self.handler = handler
        self.name = name or _name(handler)
        self.documented = documented
        self.limits = None if limits is None else checked(limits, f"route {url!r}")
        self.codecs = (codecs,) if isinstance(codecs, str) else tuple(codecs)
        self.namespace: Mapping[str, Any] | None = None
        if _has_string_annotations(handler):
            self.namespace = _local_names(handler, sys._getframe(1))

    def __repr__(self) -> str:
        return f"Route({self.url!r}, {self.method!r}, {self.name})"


class Include:
    """
    Routes below a common URL; their names become `name:route`.

    Args:
        documented: False leaves all of them out of the schema.
    """

    __slots__ = ("documented", "name", "routes", "url")

    def __init__(
        self,
        url: str,
        name: str,
        routes: Iterable[Route | Include | Mount],
        documented: bool = True,
    ) -> None:
        if not isinstance(routes, Iterable):
            raise RouteConfigurationError(
                f"include {url!r} needs a list of routes, not {routes!r}; an application is put there by Mount"
            )
        self.url = url
        self.name = name
        self.routes = tuple(routes)
        self.documented = documented


class Mount:
    """
    Any ASGI application below a URL. It sees `root_path` with the URL added, as ASGI says.

    Routes of the application itself come first where both could answer. What is mounted is started and shut down with
    it, if it has a lifespan. An `App` may be mounted as it is.
    """

    __slots__ = ("app", "name", "url")

    def __init__(self, url: str, app: ASGIApp | WSGIFace, name: str | None = None) -> None:
        if not callable(app):
            raise RouteConfigurationError(f"mount {url!r} needs an ASGI application, not {app!r}")
        if isinstance(app, type) and not hasattr(app, "__await__"):  # as Starlette's endpoints have it
            raise RouteConfigurationError(
                f"mount {url!r} needs an application, not the class {app.__qualname__}; write {app.__qualname__}(…)"
            )
        self.url = url
        self.app = asgi_of(app)
        self.name = name


def _name(handler: Callable[..., Any]) -> str:
    function = getattr(handler, "func", handler)
    return str(getattr(function, "__name__", type(function).__name__))


def _function(handler: Callable[..., Any]) -> Any:
    function = getattr(handler, "func", handler)
    function = getattr(function, "__func__", function)
    return function if has_annotations(function) else type(function).__call__


def _has_string_annotations(handler: Callable[..., Any]) -> bool:
    return any(map(names_later, annotations_of(_function(handler)).values()))


def _local_names(handler: Callable[..., Any], frame: types.FrameType | None) -> dict[str, Any] | None:
    """
    What `from __future__ import annotations` hides: names that are local to the function in which the route is
    written, or to those in which the handler is, as long as they run.
    """
    function = _function(handler)
    parts = str(getattr(function, "__qualname__", "")).split(".<locals>.")
    writers = {".<locals>.".join(parts[:count]) for count in range(1, len(parts))}
    found: list[dict[str, Any]] = []
    here = True
    while frame is not None:
        wrote_handler = frame.f_code.co_qualname in writers and frame.f_globals is function.__globals__
        if frame.f_code.co_name != "<module>" and (here or wrote_handler):
            found.append(dict(frame.f_locals))
        here, frame = False, frame.f_back if writers or here else None
    return {name: value for names in reversed(found) for name, value in names.items()} if found else None
