"""
URL templates: `/chat/{room}` and `/files/{+rest}`.

A parameter is a whole segment. `{name}` takes one segment that is not empty; `{+name}` comes last and takes the rest
of the path, which may be empty. A trailing slash is part of the template.

Sources: RFC 3986 §3.3 (segments), RFC 6570 §3.2.3 (`{+name}`).
"""

from __future__ import annotations

import enum
import keyword
from typing import Final
from urllib.parse import quote

import msgspec

from ..exceptions import RouteConfigurationError, UsageError

_SEGMENT_SAFE = "!$&'()*+,;=:@~"
"""RFC 3986 §3.3 `pchar` without the unreserved characters, which `quote` keeps anyway."""

DOTS: Final = frozenset({".", ".."})


class Segment(msgspec.Struct, frozen=True):
    """
    One part of a template between slashes.

    Attributes:
        text: The literal, or the parameter's name.
        parameter: Whether it is one.
        rest: Whether it takes the rest of the path.
    """

    text: str
    parameter: bool = False
    rest: bool = False


class Path:
    """
    A parsed template.

    Attributes:
        template: As written, with the prefixes of its includes.
        segments: In order.
        names: Of the parameters, in order.

    Raises:
        RouteConfigurationError: If the template cannot be.
    """

    __slots__ = ("names", "segments", "template")

    def __init__(self, template: str) -> None:
        self.template = template
        if not template.startswith("/"):
            raise RouteConfigurationError(f"URL {template!r} must start with a slash")
        self.segments = tuple(self._segment(text) for text in template[1:].split("/"))
        self.names = [segment.text for segment in self.segments if segment.parameter]
        for name in self.names:
            if self.names.count(name) > 1:
                raise RouteConfigurationError(f"URL {template!r} has the parameter {name!r} twice")
        if any(segment.rest for segment in self.segments[:-1]):
            raise RouteConfigurationError(f"URL {template!r}: {{+name}} takes the rest of the path and must come last")

    def _segment(self, text: str) -> Segment:
        if "{" not in text and "}" not in text:
            if text.startswith("<") and text.endswith(">"):
                raise RouteConfigurationError(
                    f"URL {self.template!r}: write {{{text[1:-1].rpartition(':')[2]}}} for {text}"
                )
            return Segment(text)
        name = text[1:-1]
        rest = name.startswith("+")
        name = name.removeprefix("+")
        if not (text.startswith("{") and text.endswith("}")) or "{" in name or "}" in name:
            raise RouteConfigurationError(
                f"URL {self.template!r}: {text!r} must be a parameter alone, as {{name}}, or text alone"
            )
        if not name.isidentifier() or keyword.iskeyword(name):
            raise RouteConfigurationError(
                f"URL {self.template!r}: {name!r} cannot name a parameter of a function{_converted(name)}"
            )
        return Segment(name, parameter=True, rest=rest)

    def build(self, **parameters: object) -> str:
        """
        The path for these parameters, percent-encoded as UTF-8 (RFC 3986 §2.1).

        Raises:
            UsageError: If a parameter is missing or too many, or its value could not be matched again.
        """
        unknown = set(parameters) - set(self.names)
        missing = [name for name in self.names if name not in parameters]
        if unknown or missing:
            what = f"takes no {sorted(unknown)[0]!r}" if unknown else f"needs {missing[0]!r}"
            raise UsageError(f"URL {self.template!r} {what}; its parameters are {', '.join(self.names) or 'none'}")
        return "/" + "/".join(self._built(segment, parameters) for segment in self.segments)

    def _built(self, segment: Segment, parameters: dict[str, object]) -> str:
        if not segment.parameter:
            return quote(segment.text, safe=_SEGMENT_SAFE + "%")
        value = spelled(parameters[segment.text])
        if segment.rest:
            if any(not is_plain(part) for part in value.split("/")):
                raise UsageError(f"URL {self.template!r}: {value!r} cannot stand for {segment.text!r}")
            return quote(value, safe=_SEGMENT_SAFE + "/")
        if not value or "/" in value or not is_plain(value):
            raise UsageError(
                f"URL {self.template!r}: {value!r} cannot stand for {segment.text!r}, which is one segment; "
                f"{{+{segment.text}}} takes slashes"
            )
        return quote(value, safe=_SEGMENT_SAFE)

    def __repr__(self) -> str:
        return f"Path({self.template!r})"


def _converted(name: str) -> str:
    """What to write for `{name:type}`, as other frameworks spell a parameter with its type."""
    name, colon, kind = name.partition(":")
    if not colon or not name.isidentifier():
        return ""
    if kind == "path":
        return f"; write {{+{name}}} for the rest of the path"
    return f"; write {{{name}}}, and its type in the signature of the handler"


def spelled(value: object) -> str:
    """A parameter's value as it stands in a path."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value.value if isinstance(value, enum.Enum) else value)


def is_plain(segment: str) -> bool:
    """
    Whether a decoded segment may be a parameter's value.

    Dot segments (RFC 3986 §3.3), control characters, and what could not be decoded as UTF-8 never are: they are how a
    path is made to mean something else further down.
    """
    return segment.isprintable() and segment not in DOTS and "\ufffd" not in segment
