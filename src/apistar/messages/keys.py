"""
The keys of a message: what its type says of them, and the error of one that is there twice.

How such a key is found is each format's own: `json_keys.py`, `msgpack_keys.py`.
"""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from msgspec.inspect import StructType


class KeyFault(ValueError):
    """
    The keys of an object are not as they must be.

    Attributes:
        path: Of the fault; `$` where it was not looked for.
        says: What is wrong there.
        expected: What must be.
    """

    def __init__(self, path: str, says: str, expected: str) -> None:
        self.path = path
        self.says = says
        self.expected = expected
        super().__init__(f"{path}: {says}")


class DoubledKey(KeyFault):
    """An object of the message has a key twice."""

    def __init__(self, path: str = "$") -> None:
        super().__init__(path, "a key is doubled" if path == "$" else "key is doubled", expected="each key once")


def structs_of(tp: object) -> tuple[list[StructType], bool]:
    """The Structs that a message may be, and whether it must be one, without a tag to tell which."""
    from msgspec import inspect

    info = inspect.type_info(tp)
    while isinstance(info, inspect.Metadata):
        info = info.type
    members = info.types if isinstance(info, inspect.UnionType) else (info,)
    structs = [member for member in members if isinstance(member, inspect.StructType) and not member.array_like]
    return structs, len(members) == len(structs) == 1


def class_of(struct: StructType) -> type:
    """The class of its instances, where it is generic."""
    return typing.get_origin(struct.cls) or struct.cls


def required_keys(struct: StructType) -> int:
    """How many keys a message of it has at least, besides a tag."""
    return sum(field.required for field in struct.fields)
