"""
Path → route and parameters, in a time that does not grow with the number of routes.

A URL without parameters is one look-up in a dict. Others walk a tree with one level per segment; at each node a
literal beats a parameter beats the rest of the path, and the walk steps back where a better start came to nothing.
Routes of one shape are tried in the order of definition, those that convert before those that take any text.

Sources: RFC 9110 §9.3 (HEAD, OPTIONS), §15.5.5, §15.5.6, §15.5.22.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from ..exceptions import HTTPException, MethodNotAllowed, NotFound, RouteConfigurationError, UpgradeRequired, UsageError
from .converters import NO_MATCH, Converter
from .path import DOTS, Path, is_plain
from .route import Mount, Route, RouteKind

T = TypeVar("T")


class Entry(msgspec.Struct, Generic[T], frozen=True):
    """
    One route in the table.

    Attributes:
        name: With the names of its includes: `chat:room`.
        types: Annotations of the parameters by name.
        converters: Of the parameters in order; `None` where the text is the value.
        target: What the application compiled.
        origin: The handler with file and line, for error messages.
    """

    route: Route
    kind: RouteKind
    path: Path
    name: str
    types: Mapping[str, Any]
    converters: tuple[tuple[str, Converter | None], ...]
    target: T
    origin: str = ""


class MountEntry(msgspec.Struct, frozen=True):
    """A mounted application in the table."""

    mount: Mount
    prefix: str


class Match(msgspec.Struct, Generic[T]):
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
        refused: list[Entry[T]] = []
        match = self._match(path, method, refused)
        if match is not None:
            return match
        if method == "HEAD":
            match = self._match(path, "GET", [])
            if match is not None:
                return match
        methods = [entry.route.method for entry in refused if entry.kind is RouteKind.HTTP]
        if methods:
            allow = _allow(methods)
            if method == "OPTIONS":
                return Match(None, {}, allow=allow)
            raise MethodNotAllowed(f"{path} does not answer to {method}", allow=allow)
        if refused:
            raise UpgradeRequired(f"{path} is a WebSocket; open it with ws:// or wss://")
        raise NotFound(f"nothing is at {path}")

    def match_websocket(self, path: str) -> Match[T]:
        """
        The route for a WebSocket handshake.

        Raises:
            NotFound: If no WebSocket route and no mounted application has this path.
        """
        refused: list[Entry[T]] = []
        match = self._match(path, None, refused)
        if match is None:
            raise NotFound(f"no WebSocket is at {path}" + (", only plain HTTP" if refused else ""))
        return match

    def other_slash(self, path: str, method: str) -> str | None:
        """
        Where a request goes that has one slash too many or too few at its end: the same path with the other end.

        The answer is relative to the path of the request (RFC 3986 §5.2), so that no Host header, proxy or prefix has a
        part in it. `None` where nothing is there either.
        """
        other = path[:-1] if path.endswith("/") else f"{path}/"
        if not other.strip("/") or other.endswith("//") or path.endswith("//"):
            return None
        try:
            self.match(other, method)
        except HTTPException:
            return None
        last = quote(other.rstrip("/").rpartition("/")[2], safe="")
        return f"../{last}" if path.endswith("/") else f"./{last}/"

    def _match(self, path: str, method: str | None, refused: list[Entry[T]]) -> Match[T] | None:
        """The first that has the path and takes the method (`None`: a WebSocket); others that have it are `refused`."""
        for entry in self._static.get(path, ()):
            if _takes(entry, method):
                return Match(entry, {})
            refused.append(entry)
        if not path.startswith("/") or not is_plain(path):
            return None
        return self._walk(self._root, path.split("/"), 1, (), method, refused)

    def _walk(
        self,
        node: _Node[T],
        segments: list[str],
        depth: int,
        values: tuple[str, ...],
        method: str | None,
        refused: list[Entry[T]],
    ) -> Match[T] | None:
        match = None
        if depth == len(segments):
            match = _first(node.entries, values, method, refused) if node.entries else None
        else:
            segment = segments[depth]
            literal = node.literals.get(segment)
            if literal is not None:
                match = self._walk(literal, segments, depth + 1, values, method, refused)
            if match is None and node.parameter is not None and segment and segment not in DOTS:
                match = self._walk(node.parameter, segments, depth + 1, (*values, segment), method, refused)
            if match is None and node.rest and DOTS.isdisjoint(segments[depth:]):
                match = _first(node.rest, (*values, "/".join(segments[depth:])), method, refused)
        if match is None and node.mount is not None and not refused:
            return Match(None, {}, node.mount.mount, node.mount.prefix)
        return match

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


def _takes(entry: Entry[T], method: str | None) -> bool:
    if method is None:
        return entry.kind is RouteKind.WEBSOCKET
    return entry.kind is RouteKind.HTTP and entry.route.method == method


def _first(
    entries: list[Entry[T]], values: tuple[str, ...], method: str | None, refused: list[Entry[T]]
) -> Match[T] | None:
    """The first entry whose parameters convert and which takes the method."""
    for entry in entries:
        params: dict[str, Any] = {}
        for (name, convert), text in zip(entry.converters, values, strict=True):
            value = text if convert is None else convert(text)
            if value is NO_MATCH:
                break
            params[name] = value
        else:
            if _takes(entry, method):
                return Match(entry, params)
            refused.append(entry)
    return None


def _takes_any_text(entry: Entry[T]) -> int:
    """How many parameters take any text; those with fewer are tried first."""
    return sum(convert is None for _, convert in entry.converters)


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
