"""
The routing table of an application: routes, includes and mounts, flattened and compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from ..exceptions import RouteConfigurationError
from .converters import converter_of
from .path import Path
from .route import Include, Mount, Route, RouteKind
from .router import Entry, MountEntry


class Compiled(Protocol):
    """What the application makes of a route."""

    @property
    def kind(self) -> RouteKind: ...
    @property
    def label(self) -> str: ...
    @property
    def path_types(self) -> Mapping[str, Any]: ...


T = TypeVar("T", bound=Compiled)


def table(
    routes: Iterable[Route | Include | Mount], compile: Callable[[Route, Path, bool], T]
) -> list[Entry[T] | MountEntry]:
    """
    Flatten and compile; `compile` gets each route, its whole path, and whether it is documented.

    Raises:
        RouteConfigurationError: If something in the list is no route, or a template cannot be.
    """
    return list(_entries(routes, compile, "", "", True))


def unclaimed(
    entries: Iterable[Entry[T] | MountEntry], others: Iterable[Entry[T] | MountEntry]
) -> list[Entry[T] | MountEntry]:
    """Those entries whose URL and method no other entry has: what the application serves by itself gives way."""
    claimed = {_claim(other) for other in others if isinstance(other, Entry)}
    return [entry for entry in entries if isinstance(entry, MountEntry) or _claim(entry) not in claimed]


def _claim(entry: Entry[T]) -> tuple[RouteKind, str, str]:
    return entry.kind, entry.path.template, entry.route.method


def _entries(
    routes: Iterable[Route | Include | Mount],
    compile: Callable[[Route, Path, bool], T],
    prefix: str,
    names: str,
    documented: bool,
) -> Iterable[Entry[T] | MountEntry]:
    for item in routes:
        if isinstance(item, Include):
            yield from _entries(
                item.routes,
                compile,
                prefix + item.url.rstrip("/"),
                f"{names}{item.name}:",
                documented and item.documented,
            )
        elif isinstance(item, Mount):
            yield MountEntry(item, (prefix + item.url).rstrip("/"))
        elif isinstance(item, Route):
            path = Path(prefix + item.url)
            compiled = compile(item, path, documented and item.documented)
            types = compiled.path_types
            converters = tuple((name, converter_of(types[name], name, path.template)) for name in path.names)
            yield Entry(item, compiled.kind, path, names + item.name, types, converters, compiled, compiled.label)
        else:
            raise _no_route(item)


def _no_route(item: object) -> RouteConfigurationError:
    kind = type(item)
    foreign = kind.__name__ in ("Route", "Include", "Mount", "WebSocketRoute", "APIRoute")
    hint = "; import it from apistar, or mount the application that it belongs to" if foreign else ""
    return RouteConfigurationError(
        f"routes are made of Route, Include and Mount, not {kind.__module__}.{kind.__qualname__}: {item!r}{hint}"
    )
