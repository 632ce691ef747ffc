"""
`App`: the WSGI face of the same routes, for code without WebSockets.

Source: PEP 3333; a2wsgi runs the ASGI application underneath.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, cast

from .app import ASyncApp
from .components import ConstantSource
from .dispatch.operation import Operation, Style
from .exceptions import ConfigurationError
from .injector import Component
from .injector.plan import ASYNC_KINDS
from .limits import DEFAULTS, Limits
from .routing import Include, Mount, Route, RouteKind


class App:
    """
    A WSGI application of plain HTTP routes.

    Args: As `ASyncApp`; handlers, components and hooks are sync.

    Raises:
        ConfigurationError: If a handler takes a WebSocket, or something asks for async work.
    """

    def __init__(
        self,
        routes: Iterable[Route | Include | Mount] = (),
        components: Sequence[Component] = (),
        event_hooks: Sequence[object] = (),
        *,
        static_dir: str | os.PathLike[str] | None = None,
        static_url: str = "/static/",
        template_dir: str | os.PathLike[str] | None = None,
        allowed_hosts: Sequence[str] = (),
        limits: Limits = DEFAULTS,
        schema_url: str | None = "/schema/",
        docs_url: str | None = "/docs/",
        title: str = "API",
        version: str = "0.1.0",
        description: str = "",
        servers: Sequence[str] = (),
    ) -> None:
        self.asgi: ASyncApp = _Routes(
            self,
            routes,
            components,
            event_hooks,
            static_dir=static_dir,
            static_url=static_url,
            template_dir=template_dir,
            allowed_hosts=allowed_hosts,
            limits=limits,
            schema_url=schema_url,
            docs_url=docs_url,
            title=title,
            version=version,
            description=description,
            servers=servers,
        )
        for entry in self.asgi.router.entries:
            _check(entry.target)
        self._wsgi: Any = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request, as PEP 3333 asks."""
        if self._wsgi is None:
            from a2wsgi import ASGIMiddleware

            self._wsgi = ASGIMiddleware(cast(Any, self.asgi))
        return _Begun(self._wsgi(environ, start_response))

    def reverse_url(self, name: str, **parameters: object) -> str:
        """As `ASyncApp.reverse_url()`."""
        return self.asgi.reverse_url(name, **parameters)

    def render_template(self, name: str, /, **context: Any) -> str:
        """As `ASyncApp.render_template()`."""
        return self.asgi.render_template(name, **context)


class _Begun(Iterator[bytes]):
    """
    A response whose head is out when the application returns.

    PEP 3333 lets an application call `start_response()` later, when its first chunk is asked for, as a2wsgi does;
    granian then sends a 200 without headers.
    """

    __slots__ = ("_chunks", "_first")

    def __init__(self, chunks: Generator[bytes, None, None]) -> None:
        self._chunks = chunks
        self._first = next(chunks, None)

    def __next__(self) -> bytes:
        first, self._first = self._first, None
        return next(self._chunks) if first is None else first

    def close(self) -> None:
        self._chunks.close()


class _Routes(ASyncApp):
    """The application underneath, in which `App` is the face that its handlers ask for."""

    def __init__(self, face: App, *arguments: Any, **options: Any) -> None:
        self._face = face
        super().__init__(*arguments, **options)

    def _sources(self) -> list[Any]:
        return [ConstantSource((App,), self._face), *super()._sources()]


def _check(operation: Operation) -> None:
    if operation.kind is RouteKind.WEBSOCKET:
        raise ConfigurationError(f"{operation.label} takes a WebSocket, which WSGI does not have; use ASyncApp")
    if operation.style is not Style.SYNC:
        raise ConfigurationError(f"{operation.label} is async; an App runs sync handlers, use ASyncApp")
    for step in operation.plan.steps:
        if step.kind in ASYNC_KINDS and step.origin:
            raise ConfigurationError(
                f"{operation.label} → {step.label} ({step.origin}) is async; an App runs sync components, use ASyncApp"
            )
