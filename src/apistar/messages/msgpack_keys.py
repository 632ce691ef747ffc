"""
No key twice in MessagePack either: a map that has one doubled means one thing here and another to the next parser.

A map says how many entries it has. A flat Struct whose message has as many as it must have, which the first byte tells,
has none doubled. For the rest, what was understood without types is written again: a message that is the same, or as
long as that, lost nothing, since msgspec writes the shortest form there is. Only what was written otherwise is walked
(`msgpack_walk.py`), and what may hold a map that is large enough to hurt: that before anybody understands it.

Source: the MessagePack specification, "Formats"; `json_keys.py` does the same for JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from ..types import Data
from .keys import class_of, required_keys, structs_of
from .msgpack_walk import check_keys, may_hold_large_map

if TYPE_CHECKING:
    from msgspec.inspect import StructType

_decode: Final = msgspec.msgpack.Decoder().decode
_encode: Final = msgspec.msgpack.Encoder().encode

SMALL_BYTES: Final = 16384
"""Of a message whose keys take 15 ms at most, whatever they were chosen for."""
FIXMAP: Final = 0x80
FIXMAP_ENTRIES: Final = 15
"""A map with more has a longer head, and is not told by its first byte."""
FLOAT_32: Final = b"\xca"
"""Written again as 64 bits, four bytes longer."""
TIMESTAMP_64: Final = b"\xd7\xff"
"""Its nanoseconds may be rounded up to a second that needs five bytes more."""


def read_unique(tp: object, read: Callable[[Data], object]) -> Callable[[Data], object]:
    """
    Wrap a reader so that a message with a doubled key raises `DoubledKey`.

    Args:
        tp: What `read` makes.
        read: Decodes, and takes the last value of a key.
    """
    from msgspec.inspect import type_info

    if tp is Any or tp is object:
        return _read_any(read)
    structs, alone = structs_of(tp)
    if alone:
        return _read_struct(structs[0], read)
    if not structs and _holds_no_map(type_info(tp)):
        return read
    tagged = len(structs) > 1
    heads = {class_of(struct): head for struct in structs if (head := _head(struct, tagged)) is not None}
    return _read_one_of(heads, read)


def _read_any(read: Callable[[Data], object]) -> Callable[[Data], object]:
    def read_any(data: Data) -> object:
        if len(data) > SMALL_BYTES and _walked(data):
            return read(data)
        value = read(data)
        _compare(cast(bytes, data), value)
        return value

    return read_any


def _read_struct(struct: StructType, read: Callable[[Data], object]) -> Callable[[Data], object]:
    """For one Struct, whose tag may be left out; where it is there, it mostly comes first."""
    tagged = struct.tag_field is not None
    head = _head(struct, tagged)
    start = None if head is None else bytes([head]) + (_encode(struct.tag_field) if tagged else b"")

    def read_struct(data: Data) -> object:
        if len(data) > SMALL_BYTES and _walked(data):
            return read(data)
        value = read(data)
        if start is None or not cast(bytes, data).startswith(start):
            _check(cast(bytes, data))
        return value

    return read_struct


def _read_one_of(heads: Mapping[type, int], read: Callable[[Data], object]) -> Callable[[Data], object]:
    """For a union, whose members have their tag, and for what is no Struct."""
    head_of = heads.get

    def read_one_of(data: Data) -> object:
        if len(data) > SMALL_BYTES and _walked(data):
            return read(data)
        value = read(data)
        if head_of(type(value)) != data[0]:
            _check(cast(bytes, data))
        return value

    return read_one_of


def _head(struct: StructType, tagged: bool) -> int | None:
    """The first byte of a message that has what it must have and no more; `None` where a map may be in it."""
    entries = required_keys(struct) + tagged
    flat = all(_holds_no_map(field.type) for field in struct.fields)
    return FIXMAP | entries if flat and entries <= FIXMAP_ENTRIES else None


def _walked(data: Data) -> bool:
    """Whether the keys of a large message were checked before anybody understands it; raises if they are not sound."""
    if isinstance(data, str) or not may_hold_large_map(data):
        return False
    check_keys(data)
    return True


def _check(data: bytes) -> None:
    """Raise if a message, which was understood, has a doubled key."""
    try:
        value = _decode(data)
    except ValueError:  # a map as a key, or what stands in a field that nobody reads
        check_keys(data)
    else:
        _compare(data, value)


def _compare(data: bytes, value: object) -> None:
    """Raise if the message has an entry that is not in what was understood of it."""
    written = _encode(value)
    # Most are written as msgspec does; a byte of a number may look like the head of another one.
    if written != data and (len(written) != len(data) or FLOAT_32 in data or TIMESTAMP_64 in data):
        check_keys(data)


def _holds_no_map(info: Any) -> bool:
    """Whether no value of the type is written with a map in it."""
    from msgspec import inspect

    match info:
        case inspect.Metadata(inner):
            return _holds_no_map(inner)
        case inspect.UnionType(types) | inspect.TupleType(types):
            return all(map(_holds_no_map, types))
        case inspect.CollectionType():
            return _holds_no_map(info.item_type)
    return isinstance(
        info,
        inspect.StrType
        | inspect.IntType
        | inspect.FloatType
        | inspect.BoolType
        | inspect.NoneType
        | inspect.BytesType
        | inspect.EnumType
        | inspect.LiteralType
        | inspect.UUIDType
        | inspect.DecimalType
        | inspect.DateTimeType
        | inspect.DateType
        | inspect.TimeType
        | inspect.TimeDeltaType,
    )
