"""
What changed between two schemas, and whether it breaks clients.

It depends on the direction. What clients send may only be widened: they go on sending what they sent. What clients get
may only be narrowed: they go on understanding what they understood, and ignore fields that they do not know.

Source: JSON Schema 2020-12 (validation vocabulary §6).
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..messages.description import Schema
from .definitions import PREFIX, resolved

_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EXACT: Final = ("pattern", "format", "multipleOf", "contentEncoding", "uniqueItems")

_TYPES: Final[dict[type, str]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
    list: "array",
}


class Direction(enum.Enum):
    """Who writes what a schema describes."""

    INCOMING = "clients send"
    OUTGOING = "clients get"


@dataclass(frozen=True, slots=True)
class Change:
    """
    One difference.

    Attributes:
        place: Where: an operation, a message, a field.
        text: What is different, as words.
        breaking: Whether a client that was right before may now be wrong.
    """

    place: str
    text: str
    breaking: bool


class Narrowing:
    """
    Compares schemas of two documents.

    Attributes:
        before, after: The definitions of the two documents.
    """

    def __init__(self, before: Mapping[str, Schema], after: Mapping[str, Schema]) -> None:
        self.before = before
        self.after = after
        self._compared: set[tuple[object, object, Direction]] = set()

    def compare(self, before: Schema, after: Schema, direction: Direction, place: str) -> Iterator[Change]:
        """The differences of two schemas; definitions are compared once for each direction."""
        names = (before.get("$ref"), after.get("$ref"))
        if names != (None, None):
            key = (*names, direction)
            if key in self._compared:
                return
            self._compared.add(key)
            if names[0] == names[1]:
                place = str(names[0]).removeprefix(PREFIX)
        before, after = _one(before, self.before), _one(after, self.after)
        yield from self._kinds(before, after, direction, place)
        yield from _values(before, after, direction, place)
        yield from _bounds(before, after, direction, place)
        yield from self._members(before, after, direction, place)
        yield from self._fields(before, after, direction, place)
        yield from self._items(before, after, direction, place)

    def _kinds(self, before: Schema, after: Schema, direction: Direction, place: str) -> Iterator[Change]:
        if _options(before) or _options(after):
            return
        old, new = _types(before), _types(after)
        if old == new:
            return
        if not old or not new:
            yield _widened(f"is now {_spelled(new)}, was {_spelled(old)}", direction, place, widened=not new)
            return
        if removed := [kind for kind in old if not _contains(new, kind)]:
            yield _widened(f"is no longer {_spelled(removed)}, but {_spelled(new)}", direction, place, widened=False)
        if added := [kind for kind in new if not _contains(old, kind)]:
            yield _widened(f"may now be {_spelled(added)}, was {_spelled(old)}", direction, place, widened=True)

    def _members(self, before: Schema, after: Schema, direction: Direction, place: str) -> Iterator[Change]:
        if not _options(before) and not _options(after):
            return
        old, new = self._named(before, self.before), self._named(after, self.after)
        for name in [name for name in old if name not in new]:
            yield _widened(f"is no longer {name}", direction, place, widened=False)
        for name in [name for name in new if name not in old]:
            yield _widened(f"may now be {name}", direction, place, widened=True)
        for name in sorted(old.keys() & new.keys()):
            yield from self.compare(old[name], new[name], direction, f"{place} ({name})")

    def _named(self, schema: Schema, definitions: Mapping[str, Schema]) -> dict[str, Schema]:
        """The members of a union by what they are called; a schema that is no union is its own only member."""
        return {_name(option, definitions): option for option in _flat(schema)}

    def _fields(self, before: Schema, after: Schema, direction: Direction, place: str) -> Iterator[Change]:
        old, new = _mapping(before, "properties"), _mapping(after, "properties")
        required_before, required_after = _list(before, "required"), _list(after, "required")
        incoming = direction is Direction.INCOMING
        for name in old:
            field = f"{place}.{name}"
            if name not in new:
                breaking = after.get("additionalProperties") is False if incoming else True
                yield Change(field, "was removed", breaking)
                continue
            was, now = name in required_before, name in required_after
            if was != now:
                yield Change(field, "is now required" if now else "may now be missing", breaking=now is incoming)
            yield from self.compare(old[name], new[name], direction, field)
        for name in new:
            if name not in old:
                required = name in required_after
                breaking = required if incoming else before.get("additionalProperties") is False
                text = "was added" if not incoming else f"was added, {'required' if required else 'optional'}"
                yield Change(f"{place}.{name}", text, breaking)
        closed = [schema.get("additionalProperties") is False for schema in (before, after)]
        if closed[0] != closed[1] and (old or new):
            text = (
                "no longer takes fields that it does not know"
                if closed[1]
                else "now takes fields that it does not know"
            )
            yield Change(place, text, breaking=closed[1] and incoming)

    def _items(self, before: Schema, after: Schema, direction: Direction, place: str) -> Iterator[Change]:
        for keyword, suffix in (("items", "[]"), ("additionalProperties", ".*"), ("contentSchema", "")):
            old, new = before.get(keyword, {}), after.get(keyword, {})
            if isinstance(old, dict) and isinstance(new, dict) and (old or new):
                yield from self.compare(old, new, direction, f"{place}{suffix}")
        old_items, new_items = _list(before, "prefixItems"), _list(after, "prefixItems")
        for index, (one, other) in enumerate(zip(old_items, new_items, strict=False)):
            yield from self.compare(one, other, direction, f"{place}[{index}]")


def _widened(text: str, direction: Direction, place: str, widened: bool) -> Change:
    return Change(place, text, breaking=widened is (direction is Direction.OUTGOING))


def _values(before: Schema, after: Schema, direction: Direction, place: str) -> Iterator[Change]:
    old, new = _allowed(before), _allowed(after)
    if old is None and new is None:
        return
    if old is None or new is None:
        text = "is now any value" if new is None else f"is now one of {', '.join(new)}"
        yield _widened(text, direction, place, widened=new is None)
        return
    for value in old:
        if value not in new:
            yield _widened(f"is no longer {value}", direction, place, widened=False)
    for value in new:
        if value not in old:
            yield _widened(f"may now be {value}", direction, place, widened=True)


def _bounds(before: Schema, after: Schema, direction: Direction, place: str) -> Iterator[Change]:
    for keyword in (*_LOWER, *_UPPER):
        old, new = before.get(keyword), after.get(keyword)
        if old == new:
            continue
        lower = keyword in _LOWER
        loosened: bool = new is None or (old is not None and _less(new, old) is lower)
        yield _widened(f"{keyword} is now {_json(new)}, was {_json(old)}", direction, place, loosened)
    for keyword in _EXACT:
        old, new = before.get(keyword), after.get(keyword)
        if old == new:
            continue
        text = f"{keyword} is now {_json(new)}, was {_json(old)}"
        if old is None or new is None:
            yield _widened(text, direction, place, widened=new is None)
        else:
            yield Change(place, text, breaking=True)


def _one(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """A schema behind its reference; `allOf` of one reference counts as that reference."""
    both = schema.get("allOf")
    if isinstance(both, list) and len(both) == 1:
        schema = {**both[0], **{key: value for key, value in schema.items() if key != "allOf"}}
    return resolved(schema, definitions)


def _name(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(PREFIX)
    return str(schema.get("title") or schema.get("format") or _spelled(_types(_one(schema, definitions))))


def _flat(schema: Schema) -> Iterator[Schema]:
    """The members of a union, those of unions within it included."""
    options = _options(schema)
    if not options:
        yield schema
    for option in options:
        yield from _flat(option)


def _options(schema: Schema) -> list[Schema]:
    return [*_list(schema, "anyOf"), *_list(schema, "oneOf")]


def _types(schema: Schema) -> list[str]:
    """The types of a schema; those of its values where it only lists values; empty for any type."""
    kind = schema.get("type")
    if isinstance(kind, str):
        return [kind]
    if isinstance(kind, list):
        return [str(one) for one in kind]
    values = [schema["const"]] if "const" in schema else _list(schema, "enum")
    return list(dict.fromkeys(_TYPES.get(type(value), "object") for value in values))


def _contains(kinds: Sequence[str], kind: str) -> bool:
    return kind in kinds or (kind == "integer" and "number" in kinds)


def _spelled(kinds: Sequence[str]) -> str:
    return " or ".join(kinds) or "anything"


def _allowed(schema: Schema) -> list[str] | None:
    if "const" in schema:
        return [_json(schema["const"])]
    values = schema.get("enum")
    return [_json(value) for value in values] if isinstance(values, list) else None


def _less(one: object, other: object) -> bool:
    return isinstance(one, int | float) and isinstance(other, int | float) and one < other


def _json(value: object) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def _mapping(schema: Schema, keyword: str) -> dict[str, Schema]:
    found = schema.get(keyword)
    return found if isinstance(found, dict) else {}


def _list(schema: Schema, keyword: str) -> list[Any]:
    found = schema.get(keyword)
    return found if isinstance(found, list) else []
