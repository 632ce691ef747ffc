"""
No key twice: a JSON object that has one doubled means one thing here and another to the next parser.

A key costs one colon, and a type says how many keys a message of it has at least. One that has no more colons than
those has none doubled: that settles most messages with one count. For the rest, what was understood is written again,
and has fewer colons than the message if an object lost a key to its double; what was understood without types, where
writing a type may add keys (`rewriting.py`).

Sources: RFC 8259 §4 (the names within an object should be unique), RFC 7493 §2.3 (here they must be).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import msgspec

from ..types import Data
from .keys import DoubledKey, class_of, required_keys, structs_of
from .rewriting import adds_nothing

if TYPE_CHECKING:
    from msgspec.inspect import StructType

LOCATED_BYTES: Final = 65536
"""Messages up to this size have the place of the doubled key in their error; to look through 1 MiB takes 100 ms."""


def read_unique(tp: object, read: Callable[[Data], object]) -> Callable[[Data], object]:
    """
    Wrap a JSON reader so that a message with a doubled key raises `DoubledKey`.

    Args:
        tp: What `read` makes.
        read: Decodes, and takes the last value of a key.
    """
    if tp is Any or tp is object:
        return _read_any(read)
    structs, alone = structs_of(tp)
    if alone:
        return _read_struct(structs[0], read, adds_nothing(tp))
    tagged = len(structs) > 1
    least = {class_of(struct): required_keys(struct) + tagged for struct in structs}
    return _read_one_of(least, read, adds_nothing(tp, tag_may_be_missing=True))


def _read_any(read: Callable[[Data], object]) -> Callable[[Data], object]:
    def read_any(data: Data) -> object:
        value = read(data)
        if colons := data.count(":") if isinstance(data, str) else data.count(b":"):
            _compare(data, colons, value)
        return value

    return read_any


def _read_struct(struct: StructType, read: Callable[[Data], object], plain: bool) -> Callable[[Data], object]:
    """For one Struct, whose tag may be left out; where it is there, it mostly comes first."""
    tagged = struct.tag_field is not None
    least = required_keys(struct) + tagged
    text = f"{{{_encode(struct.tag_field).decode()}:" if tagged else ""
    binary = text.encode()

    def read_struct(data: Data) -> object:
        value = read(data)
        if isinstance(data, str):
            colons = data.count(":")
            if (colons != least or text not in data) and not (
                plain and data.startswith(text) and _agrees(data, colons, value)
            ):
                _check(data, colons)
        else:
            colons = data.count(b":")
            first = data.startswith(binary)
            if (colons != least or not first) and not (plain and first and _agrees(data, colons, value)):
                _check(data, colons)
        return value

    return read_struct


def _read_one_of(least: Mapping[type, int], read: Callable[[Data], object], plain: bool) -> Callable[[Data], object]:
    """For a union, whose members have their tag, and for what is no Struct: of a `dict`, no key is known."""
    least_of = least.get

    def read_one_of(data: Data) -> object:
        value = read(data)
        colons = data.count(":") if isinstance(data, str) else data.count(b":")
        if colons != least_of(type(value), 0) and not (plain and _agrees(data, colons, value)):
            _check(data, colons)
        return value

    return read_one_of


_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


def _check(data: Data, colons: int) -> None:
    """Raise if a message, which was understood, has a doubled key."""
    try:
        value = _decode(data)
    except msgspec.DecodeError:  # a number that a Decimal can hold, or that stands in a field which nobody reads
        if (path := _place(data)) is not None:
            raise DoubledKey(path) from None
    else:
        _compare(data, colons, value)


def _compare(data: Data, colons: int, value: object) -> None:
    """Raise if the message has more colons than what was understood of it: a lost key took its own along."""
    if not _agrees(data, colons, value):
        raise DoubledKey((_place(data) if len(data) <= LOCATED_BYTES else None) or "$")


def _agrees(data: Data, colons: int, value: object) -> bool:
    """
    Whether what was understood, written again, has the message's colons.

    Writing adds none but those that came escaped, since no number and no word has one.
    """
    if "\\u003" in data if isinstance(data, str) else b"\\u003" in data:
        colons += _escaped_colons(data)
    return _encode(value).count(b":") == colons


def _escaped_colons(data: Data) -> int:
    raw = data.encode() if isinstance(data, str) else data
    raw = raw.replace(b"\\\\", b"")  # a backslash that is escaped escapes nothing
    return raw.count(b"\\u003a") + raw.count(b"\\u003A")


class _Doubled(NamedTuple):
    """Stands for an object that has this key twice."""

    key: str


_HOLDERS: Final = (dict, list, _Doubled)
_Steps: TypeAlias = "tuple[()] | tuple[_Steps, str | int]"


def _place(data: Data) -> str | None:
    """Where a doubled key is, if there is one; with the parser that shows all keys, and takes ten times as long."""
    text = data if isinstance(data, str) else data.decode()
    doubled: list[str] = []

    def mark(pairs: list[tuple[str, object]]) -> object:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        doubled.append(_twice(pairs))
        return _Doubled(doubled[-1])

    value = json.loads(text, object_pairs_hook=mark, parse_int=str, parse_float=str)
    if not doubled:
        return None
    waiting: list[tuple[_Steps, object]] = [((), value)]
    while waiting:
        steps, value = waiting.pop()
        if isinstance(value, _Doubled):
            return _written((steps, f".{value.key}"))
        if isinstance(value, dict):
            waiting.extend(((steps, f".{key}"), item) for key, item in value.items() if isinstance(item, _HOLDERS))
        elif isinstance(value, list):
            waiting.extend(((steps, index), item) for index, item in enumerate(value) if isinstance(item, _HOLDERS))
    return None


def _written(steps: _Steps) -> str:
    """A path as errors write it, from its links: a deep one, written for each of many items, would fill the memory."""
    found: list[str] = []
    while steps:
        steps, step = steps
        found.append(f"[{step}]" if isinstance(step, int) else step)
    return "$" + "".join(reversed(found))


def _twice(pairs: list[tuple[str, object]]) -> str:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return key
        seen.add(key)
    raise AssertionError("no key is doubled")
