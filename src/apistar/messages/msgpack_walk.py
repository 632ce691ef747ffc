"""
Through a MessagePack message, value by value, in search of a map that has a key twice.

The message was understood before: it is whole, and every value in it has the bytes that it announces.

Source: the MessagePack specification, "Formats".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

_WIDTHS: Final = {
    **dict.fromkeys((0xC4, 0xC7, 0xD9), 1),  # bin 8, ext 8, str 8
    **dict.fromkeys((0xC5, 0xC8, 0xDA, 0xDC, 0xDE), 2),  # the same of 16 bits, array 16, map 16
    **dict.fromkeys((0xC6, 0xC9, 0xDB, 0xDD, 0xDF), 4),
}
"""Bytes of a length, by first byte."""

_SIZES: Final = [1] * 256
"""Of a whole value, by its first byte; 0 where that says too little, or the value holds others."""
_SIZES[0x81:0x90] = _SIZES[0x91:0xA0] = [0] * 15  # fixmap, fixarray
_SIZES[0xA0:0xC0] = range(1, 33)  # fixstr
_SIZES[0xCA:0xD4] = [5, 9, 2, 3, 5, 9, 2, 3, 5, 9]  # float 32 and 64, uint and int 8 to 64
_SIZES[0xD4:0xD9] = [3, 4, 6, 10, 18]  # fixext 1 to 16
for _first in _WIDTHS:
    _SIZES[_first] = 0

_single_bytes: Final = re.compile(rb"[\x00-\x80\x90\xa0\xc0\xc2\xc3\xe0-\xff]*").match
_decode: Final = msgspec.msgpack.Decoder().decode


_Open: TypeAlias = "tuple[int, int, set[object] | None, object]"
"""A map or an array: values that have not been looked at, values in all, keys so far of a map, the last of them."""


def place_of_doubled(data: bytes) -> str | None:
    """
    The path of the first key that its map has already; `None` if every key is there once.

    Keys are one if they are of one type and equal, however they are written. Nobody looks into keys that are maps.
    """
    around: list[_Open] = []
    at, left, size = 0, 1, 1
    seen: set[object] | None = None
    key: object = None
    while True:
        while not left:
            if not around:
                return None
            left, size, seen, key = around.pop()
        left -= 1
        if seen is not None:
            begin, at = at, _end_of(data, at)
            key = _key(data[begin:at])
            if key in seen:
                return _written([*around[1:], (left, size, seen, key)])  # the first one is the message itself
            seen.add(key)
        whole = _SIZES[data[at]]
        if whole == 1 and seen is None:  # what is long is mostly an array of small numbers
            run = _single_bytes(data, at, at + left + 1).end() - at  # type: ignore[union-attr]  # it matches nothing, too
            at += run
            left -= run - 1
        elif whole:
            at += whole
        else:
            first = data[at]
            inside, at = _inside(data, at)
            if inside:
                around.append((left, size, seen, key))
                left = size = inside
                seen = set() if _is_map(first) else None


def _inside(data: bytes, at: int) -> tuple[int, int]:
    """How many values or entries there are in a value, and where they begin; 0 and its end where it holds none."""
    first = data[at]
    if first < 0xA0:
        return first & 15, at + 1
    begin = at + 1 + _WIDTHS[first]
    length = int.from_bytes(data[at + 1 : begin], "big")
    if first >= 0xDC:
        return length, begin
    return 0, begin + length + (0xC7 <= first <= 0xC9)  # an extension has its type besides


def _is_map(first: int) -> bool:
    return first < 0x90 or first >= 0xDE


def _end_of(data: bytes, at: int) -> int:
    """Where a value ends, with all that it holds."""
    values = 1
    while values:
        values -= 1
        first = data[at]
        if whole := _SIZES[first]:
            at += whole
        else:
            inside, at = _inside(data, at)
            values += inside * 2 if _is_map(first) else inside
    return at


def _key(written: bytes) -> object:
    """What tells a key from others; Python takes `1`, `1.0` and `True` for one."""
    try:
        value = _decode(written)
        hash(value)
    except (ValueError, TypeError):  # what Python cannot have as a key: maps, and extensions
        return written
    return value if type(value) is str else (type(value), value)


def _written(path: Sequence[_Open]) -> str:
    steps = []
    for left, size, seen, key in path:
        name = key[1] if type(key) is tuple else key
        steps.append(f"[{size - left - 1}]" if seen is None else f".{name}")
    return "$" + "".join(steps)
