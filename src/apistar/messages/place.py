"""
The types that a message may have at a place, for an error that says what would have been right there.

    at(Order, "$.items[3].colour") → (Colour,)

Each member of a union is looked into, since nothing says which of them was meant.
"""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Iterator
from typing import Final

import msgspec

from .spelling import members, strip

KEY: Final = "key of "
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


def at(tp: object, path: str) -> tuple[object, ...]:
    """
    The types at a path as msgspec writes it, unions taken apart; nothing where that cannot be said.

    Args:
        path: `$`, then `.name` of a field, `[2]` of an item, `[...]` of a value; `key of $` for the keys of a mapping.
    """
    if path.startswith(KEY):
        mappings = [typing.get_args(strip(part)) for part in at(tp, path.removeprefix(KEY))]
        return tuple(member for args in mappings if len(args) == 2 for member in members(args[0]))
    if not path.startswith("$"):
        return ()
    found = list(members(tp))
    for name, index in _STEP.findall(path):
        found = [member for part in found for inner in _inside(strip(part), name, index) for member in members(inner)]
    return tuple(found)


def _inside(tp: object, name: str, index: str) -> Iterator[object]:
    if name:
        field = _fields(tp).get(name)
        if field is not None:
            yield field
        return
    args = typing.get_args(tp)
    cls = typing.get_origin(tp) or tp
    if cls is not tuple and isinstance(cls, type) and _is_array(cls):
        if index.isdigit():
            yield from list(_fields(tp).values())[int(index) : int(index) + 1]
    elif cls is tuple and index.isdigit() and Ellipsis not in args:
        yield from args[int(index) : int(index) + 1]
    elif args:
        yield args[-1] if args[-1] is not Ellipsis else args[0]  # of a mapping, its values


def _is_array(cls: type) -> bool:
    """Whether the fields of a class travel as the items of an array."""
    return issubclass(cls, tuple) or (issubclass(cls, msgspec.Struct) and cls.__struct_config__.array_like)


def _fields(tp: object) -> dict[str, object]:
    """Annotations by their name on the wire."""
    try:
        return _annotations(tp)
    except (TypeError, NameError):  # no class, or one whose names are not to be had here
        return {}


@functools.lru_cache(maxsize=256)
def _annotations(tp: object) -> dict[str, object]:
    cls = typing.get_origin(tp) or tp
    if not isinstance(cls, type):
        return {}
    given = dict(zip(getattr(cls, "__parameters__", ()), typing.get_args(tp), strict=False))
    hints = {name: given.get(hint, hint) for name, hint in typing.get_type_hints(cls, include_extras=True).items()}
    if not issubclass(cls, msgspec.Struct):
        return hints
    names = zip(cls.__struct_encode_fields__, cls.__struct_fields__, strict=True)
    fields = {wire: hints[name] for wire, name in names}
    leads = cls.__struct_config__.array_like and cls.__struct_config__.tag is not None
    return {"": None, **fields} if leads else fields  # the tag of an array stands before its fields
