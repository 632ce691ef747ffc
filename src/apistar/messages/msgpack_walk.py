"""
Through a MessagePack message, value by value, in search of a map that has a key twice, or keys that cost too much.

Python hashes numbers, and tuples of them, without a secret: whoever chooses them makes a `dict` of 150,000 numbers, in
1 MiB, take 20 s. So a map has a bound of such keys, and here all of them are compared as bytes, whose hash is secret.

Source: the MessagePack specification, "Formats".
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from .keys import DoubledKey, KeyFault

MAX_NUMBER_KEYS: Final = 4096
"""Of one map: so many take 10 ms where they were chosen to, and a MiB of such maps half a second."""
OTHER_KEY: Final = 16
"""What a key that is no number, and no text, counts as: tuples can be chosen that have one hash."""
MAX_DEPTH: Final = 1000
"""What msgspec's decoders take, or less."""

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
_HOLDING: Final = frozenset((*range(0x80, 0xA0), *range(0xC7, 0xCA), *range(0xD4, 0xD9), *range(0xDC, 0xE0)))
"""Maps, arrays, and extensions, which may be anything."""

_single_bytes: Final = re.compile(rb"[\x00-\x80\x90\xa0\xc0\xc2\xc3\xe0-\xff]*").match
_large_map: Final = re.compile(rb"\xdf|\xde[\x01-\xff]").search
_decode: Final = msgspec.msgpack.Decoder().decode
_encode: Final = msgspec.msgpack.Encoder().encode


_Open: TypeAlias = "tuple[int, int, int, set[bytes] | None, bytes]"
"""A map or an array: values that have not been looked at, values in all, and of a map what its keys cost so far, which
they are, and the last of them."""


def may_hold_large_map(data: bytes) -> bool:
    """Whether a map in a message may have too many keys that are no text: a map of 256 entries begins like this."""
    return _large_map(data) is not None


def check_keys(data: bytes) -> None:
    """
    Go through a message, which may be anything; what is malformed ends the way, and is left to the decoder.

    Keys are one if they are of one type and equal, however they are written. Nobody looks into keys that hold others.

    Raises:
        DoubledKey: With the path of the first key that its map has already.
        KeyFault: If a map has too many keys that are no text.
        RecursionError: If the message is nested too deeply.
    """
    with contextlib.suppress(IndexError):
        _walk(data)


def _walk(data: bytes) -> None:
    around: list[_Open] = []
    at, left, size, cost = 0, 1, 1, 0
    seen: set[bytes] | None = None
    key = b""
    while True:
        while not left:
            if not around:
                return
            left, size, cost, seen, key = around.pop()
        left -= 1
        if seen is not None:
            first = data[at]
            if 0xA0 <= first < 0xC0:  # a short text; nearly all keys are
                begin, at = at, at + first - 0x9F
                key = data[begin:at]
            else:
                begin, at = at, _end_of(data, at)
                key = _key(data[begin:at])
                cost += _cost(first)
                if cost > MAX_NUMBER_KEYS:
                    raise KeyFault(
                        _written(around[1:]),
                        f"too many keys that are no text; {MAX_NUMBER_KEYS} numbers may be",
                        expected="text as keys",
                    )
            if key in seen:
                raise DoubledKey(_written([*around[1:], (left, size, cost, seen, key)]))  # the first is the message
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
                if len(around) >= MAX_DEPTH:
                    raise RecursionError
                around.append((left, size, cost, seen, key))
                left = size = inside
                cost = 0
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


def _key(written: bytes) -> bytes:
    """A key in the shortest form; what tells it from others, since Python takes `1`, `1.0` and `True` for one."""
    if not _is_scalar(written[0]):
        return written
    try:
        value = _decode(written)
    except ValueError:  # text that is no UTF-8, and what else the decoder will refuse
        return written
    return _encode(value + 0.0 if type(value) is float else value)  # -0.0 is 0.0


def _is_scalar(first: int) -> bool:
    """Whether a value holds no others that anybody knows of."""
    return first not in _HOLDING


def _cost(first: int) -> int:
    """Of a key, by its first byte: the hash of text and bytes is secret, and costs nothing."""
    if 0xC4 <= first < 0xC7 or 0xD9 <= first < 0xDC:
        return 0
    return 1 if _is_scalar(first) else OTHER_KEY


def _written(path: Sequence[_Open]) -> str:
    steps = []
    for left, size, _, seen, key in path:
        steps.append(f"[{size - left - 1}]" if seen is None else f".{_shown(key)}")
    return "$" + "".join(steps)


def _shown(key: bytes) -> object:
    if not _is_scalar(key[0]):
        return key
    try:
        return _decode(key)
    except ValueError:
        return key
