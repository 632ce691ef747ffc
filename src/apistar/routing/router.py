"""
Path → route and parameters, in a time that does not grow with the number of routes.

A URL without parameters is one look-up in a dict. Others walk a tree with one level per segment; at each node a
literal beats a parameter beats the rest of the path, and the walk steps back where a better start came to nothing.
Routes of one shape are tried in the order of definition, those that convert before those that take any text.

Sources: RFC 9110 §9.3 (HEAD, OPTIONS), §15.5.5, §15.5.6, §15.5.22.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..exceptions import MethodNotAllowed, NotFound, RouteConfigurationError, UpgradeRequired, UsageError
from .converters import NO_MATCH, Converter
from .path import Path, is_plain
from .route import Mount, Route, RouteKind

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """
    One route in the table.

    Attributes:
        name: With the names of its includes: `chat:room`.
        types: Annotations of the parameters by name.
        converters: Of the parameters by name; `None` where the text is the value.
        target: What the application compiled.
        origin: The handler with file and line, for error messages.
    """

    route: Route
    kind: RouteKind
    path: Path
    name: str
    types: Mapping[str, Any]
    converters: Mapping[str, Converter | None]
    target: T
    origin: str = ""


@dataclass(frozen=True, slots=True)
class MountEntry:
    """A mounted application in the table."""

    mount: Mount
    prefix: str


@dataclass(slots=True)
class Match(Generic[T]):
    """
    What answers a request: a route, a mounted application, or (`allow`) the table itself, to an OPTIONS.

    Attributes:
        params: Converted path parameters.
        prefix: What a mount took of the path.
        allow: The methods of a URL that has no OPTIONS of its own.
    """

    entry: Entry[T] | None
    params: dict[str, Any]
    mount: Mount | None = None
    prefix: str = ""
    allow: Sequence[str] = ()

    @property
    def target(self) -> T:
        assert self.entry is not None
        return self.entry.target

    @property
    def route(self) -> Route:
        assert self.entry is not None
        return self.entry.route


class _Node(Generic[T]):
    __slots__ = ("entries", "literals", "mount", "parameter", "rest")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.parameter: _Node[T] | None = None
        self.rest: list[Entry[T]] = []
        self.entries: list[Entry[T]] = []
        self.mount: MountEntry | None = None


class Router(Generic[T]):
    """
    The routing table.

    Raises:
        RouteConfigurationError: If two routes can never be told apart.
    """

    def __init__(self, entries: Sequence[Entry[T] | MountEntry]) -> None:
        self.entries = [entry for entry in entries if isinstance(entry, Entry)]
        self.mounts = [entry for entry in entries if isinstance(entry, MountEntry)]
        self._root: _Node[T] = _Node()
        self._static: dict[str, list[Entry[T]]] = {}
        self._names: dict[str, Entry[T]] = {}
        for entry in sorted(self.entries, key=_takes_any_text):
            self._add(entry)
        for mounted in self.mounts:
            self._mount(mounted)

    def _add(self, entry: Entry[T]) -> None:
        if not entry.path.names:
            siblings = self._static.setdefault(entry.path.template, [])
        else:
            node = self._root
            for segment in entry.path.segments:
                if segment.rest:
                    break
                if segment.parameter:
                    node.parameter = node.parameter or _Node()
                    node = node.parameter
                else:
                    node = node.literals.setdefault(segment.text, _Node())
            siblings = node.rest if entry.path.segments[-1].rest else node.entries
        for other in siblings:
            if _same(entry, other):
                first, second = (other, entry) if self._before(other, entry) else (entry, other)
                what = "WebSocket" if entry.kind is RouteKind.WEBSOCKET else entry.route.method
                raise RouteConfigurationError(
                    f"{what} {first.path.template!r} of {first.origin} and {second.path.template!r} of "
                    f"{second.origin} can never be told apart; give one of them another URL or method"
                )
        siblings.append(entry)
        self._names.setdefault(entry.name, entry)

    def _before(self, first: Entry[T], second: Entry[T]) -> bool:
        return self.entries.index(first) < self.entries.index(second)

    def _mount(self, mounted: MountEntry) -> None:
        node = self._root
        for text in mounted.prefix.split("/")[1:]:
            if "{" in text:
                raise RouteConfigurationError(f"mount {mounted.prefix!r} cannot have parameters; use a Route")
            node = node.literals.setdefault(text, _Node())
        if node.mount is not None:
            raise RouteConfigurationError(f"two applications are mounted at {mounted.prefix!r}")
        node.mount = mounted

    # Matching

    def match(self, path: str, method: str) -> Match[T]:
        """
        The route for an HTTP request.

        HEAD is answered by the route of GET, OPTIONS by the table where no route takes it.

        Raises:
            NotFound: If nothing has this path.
            MethodNotAllowed: If something has it, with other methods.
            UpgradeRequired: If only a WebSocket route has it.
        """
        allowed: list[str] = []
        websocket = False
        for entry, params in self._candidates(path):
            if isinstance(entry, MountEntry):
                if allowed or websocket:
                    break
                return Match(None, {}, entry.mount, entry.prefix)
            if entry.kind is RouteKind.WEBSOCKET:
                websocket = True
                continue
            offered = entry.route.method
            if offered == method or (offered == "GET" and method == "HEAD" and not self._has_head(path)):
                return Match(entry, params)
            allowed.append(offered)
        if allowed:
            allow = _allow(allowed)
            if method == "OPTIONS":
                return Match(None, {}, allow=allow)
            raise MethodNotAllowed(f"{path} does not answer to {method}", allow=allow)
        if websocket:
            raise UpgradeRequired(f"{path} is a WebSocket; open it with ws:// or wss://")
        raise NotFound(f"nothing is at {path}")

    def match_websocket(self, path: str) -> Match[T]:
        """
        The route for a WebSocket handshake.

        Raises:
            NotFound: If no WebSocket route and no mounted application has this path.
        """
        for entry, params in self._candidates(path):
            if isinstance(entry, MountEntry):
                return Match(None, {}, entry.mount, entry.prefix)
            if entry.kind is RouteKind.WEBSOCKET:
                return Match(entry, params)
        raise NotFound(f"no WebSocket is at {path}")

    def _has_head(self, path: str) -> bool:
        return any(isinstance(entry, Entry) and entry.route.method == "HEAD" for entry, _ in self._candidates(path))

    def _candidates(self, path: str) -> Iterator[tuple[Entry[T] | MountEntry, dict[str, Any]]]:
        for entry in self._static.get(path, ()):
            yield entry, {}
        if not path.startswith("/"):
            return
        segments = path[1:].split("/")
        yield from self._walk(self._root, segments, 0, [])

    def _walk(
        self, node: _Node[T], segments: list[str], depth: int, values: list[str]
    ) -> Iterator[tuple[Entry[T] | MountEntry, dict[str, Any]]]:
        if depth == len(segments):
            for entry in node.entries:
                params = _converted(entry, values)
                if params is not None:
                    yield entry, params
        else:
            segment = segments[depth]
            literal = node.literals.get(segment)
            if literal is not None:
                yield from self._walk(literal, segments, depth + 1, values)
            if node.parameter is not None and segment and is_plain(segment):
                yield from self._walk(node.parameter, segments, depth + 1, [*values, segment])
        if node.rest and depth < len(segments) and all(map(is_plain, segments[depth:])):
            rest = "/".join(segments[depth:])
            for entry in node.rest:
                params = _converted(entry, [*values, rest])
                if params is not None:
                    yield entry, params
        if node.mount is not None:
            yield node.mount, {}

    # Reversing

    def url_for(self, name: str, **parameters: object) -> str:
        """
        The path of a route by its name.

        Raises:
            UsageError: If there is no such route, or the parameters do not fit.
        """
        entry = self._names.get(name)
        if entry is None:
            close = difflib.get_close_matches(name, self._names, n=3)
            hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
            raise UsageError(f"no route is named {name!r}{hint}")
        return entry.path.build(**parameters)


def _converted(entry: Entry[T], values: list[str]) -> dict[str, Any] | None:
    params: dict[str, Any] = {}
    for name, text in zip(entry.path.names, values, strict=True):
        convert = entry.converters.get(name)
        value = text if convert is None else convert(text)
        if value is NO_MATCH:
            return None
        params[name] = value
    return params


def _takes_any_text(entry: Entry[T]) -> int:
    """How many parameters take any text; those with fewer are tried first."""
    return sum(entry.converters.get(name) is None for name in entry.path.names)


def _same(one: Entry[T], other: Entry[T]) -> bool:
    if one.kind is not other.kind or (one.kind is RouteKind.HTTP and one.route.method != other.route.method):
        return False
    first = [one.types.get(name) for name in one.path.names]
    second = [other.types.get(name) for name in other.path.names]
    return first == second


def _allow(methods: list[str]) -> list[str]:
    known = set(methods) | {"OPTIONS"}
    if "GET" in known:
        known.add("HEAD")
    return sorted(known)
