"""
Sources that go by annotation: the parts of a connection, the route, the application.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from starlette.datastructures import URL, Headers, QueryParams
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Scope as StarletteScope

from ..annotations import optional_of
from ..http.annotations import Cookies, Method, Path, PathParams
from ..injector import Binding, NotApplicable
from ..injector.signature import words
from ..routing import Route, RouteKind
from ..types import Scope
from .exchange import Exchange
from .site import Site

_BOTH: Mapping[Any, Callable[[Exchange], Any]] = {
    Cookies: lambda exchange: Cookies(exchange.connection.cookies),
    HTTPConnection: lambda exchange: exchange.connection,
    Headers: lambda exchange: exchange.connection.headers,
    Method: lambda exchange: exchange.scope.get("method", "GET"),
    Path: lambda exchange: exchange.scope["path"],
    PathParams: lambda exchange: PathParams(exchange.path_params),
    QueryParams: lambda exchange: exchange.query,
    Route: lambda exchange: exchange.route,
    Scope: lambda exchange: exchange.scope,
    StarletteScope: lambda exchange: exchange.scope,
    URL: lambda exchange: exchange.connection.url,
}

_HTTP: Mapping[Any, Callable[[Exchange], Any]] = {
    Request: lambda exchange: exchange.request,
    Response: lambda exchange: exchange.response,
}

_ERRORS: Mapping[Any, Callable[[Exchange], Any]] = {
    BaseException: lambda exchange: exchange.error,
    Exception: lambda exchange: exchange.error,
}


class ConnectionSource:
    """`http.Headers`, `http.URL`, `http.Request` and the rest that goes by annotation alone."""

    def bind(self, parameter: inspect.Parameter, site: object) -> Binding | None:
        annotation = optional_of(parameter.annotation) or parameter.annotation
        try:
            hash(annotation)
        except TypeError:
            return None
        for table in (_BOTH, _HTTP, _ERRORS):
            if annotation not in table:
                continue
            if table is _HTTP and isinstance(site, Site) and site.kind is RouteKind.WEBSOCKET:
                raise NotApplicable(
                    f"{words(annotation)} exists only for HTTP routes; for the handshake of a WebSocket ask for "
                    "http.Headers, http.URL, http.Cookies or http.QueryParams"
                )
            if annotation is PathParams and isinstance(site, Site):
                site.all_names = True
            # What hooks see changes while they run (the response, the error), so it is never read once for all.
            key: tuple[Any, ...] = (table is _BOTH and "connection", annotation)
            if table is not _BOTH:
                key = (*key, object())
            return Binding(key, table[annotation], words(annotation))
        return None


class ConstantSource:
    """One value for one annotation: the application itself."""

    def __init__(self, annotations: tuple[type, ...], value: object) -> None:
        self._annotations = annotations
        self._value = value

    def bind(self, parameter: inspect.Parameter, site: object) -> Binding | None:
        if parameter.annotation not in self._annotations:
            return None
        value = self._value
        return Binding(("constant", self._annotations), lambda _: value, words(parameter.annotation), connection=False)
