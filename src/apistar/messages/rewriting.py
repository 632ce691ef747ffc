"""
Types whose values, written again, have no key and no colon that did not come in the message.

Of such a type, to write the value proves that no key of the message was doubled (`json_keys.py`), for less than half of
what it takes to decode it once more. It must be known on start-up that the writer adds nothing:

- a field is required, or left out of what is written while it has its default;
- a tag came if it had to tell types apart;
- no time is written, since `+0100` would become `+01:00`, and nothing that the application's own code makes.

Source: msgspec, "Structs: Omitting Default Values", "Tagged Unions".
"""

from __future__ import annotations

import typing
from typing import Any

_EMPTY = (list, dict, set)
"""Factories whose product msgspec leaves out while it is empty."""


def adds_nothing(tp: object, tag_may_be_missing: bool = False) -> bool:
    """
    Whether writing a value of the type gives no more keys and colons than its message had.

    Args:
        tag_may_be_missing: Whether a lone Struct may have come without its tag; a union asks for the tags of its own.
    """
    from msgspec import inspect

    return _Walk().adds_nothing(inspect.type_info(tp), tag_may_be_missing)


class _Walk:
    """One type and all that is in it; what contains itself is looked at once."""

    def __init__(self) -> None:
        self._seen: set[tuple[object, bool]] = set()

    def adds_nothing(self, info: Any, tag_may_be_missing: bool = True) -> bool:
        """As the function, for a type as `msgspec.inspect` describes it."""
        from msgspec import inspect

        match info:
            case inspect.Metadata(inner):
                return self.adds_nothing(inner, tag_may_be_missing)
            case inspect.StructType():
                return self._struct(info, tag_may_be_missing)
            case inspect.UnionType(types):
                told_apart = sum(isinstance(_bare(member), inspect.StructType) for member in types) > 1
                return all(self.adds_nothing(member, not told_apart) for member in types)
            case inspect.TypedDictType(_, fields):
                return self._once(info.cls, False) or all(self.adds_nothing(field.type) for field in fields)
            case inspect.DictType():
                return self.adds_nothing(info.key_type) and self.adds_nothing(info.value_type)
            case inspect.ListType() | inspect.SetType() | inspect.FrozenSetType() | inspect.VarTupleType():
                return self.adds_nothing(info.item_type)
            case inspect.TupleType(types):
                return all(self.adds_nothing(item) for item in types)
            case inspect.EnumType(cls):
                return not any(":" in str(member.value) for member in cls)  # its `_missing_` may choose one
            case _:
                return isinstance(
                    info,
                    inspect.AnyType
                    | inspect.StrType
                    | inspect.IntType
                    | inspect.FloatType
                    | inspect.BoolType
                    | inspect.NoneType
                    | inspect.BytesType
                    | inspect.LiteralType
                    | inspect.UUIDType
                    | inspect.DecimalType
                    | inspect.DateType,
                )

    def _struct(self, info: Any, tag_may_be_missing: bool) -> bool:
        cls = typing.get_origin(info.cls) or info.cls
        if info.array_like or hasattr(cls, "__post_init__") or (tag_may_be_missing and info.tag is not None):
            return False
        return self._once(info.cls, tag_may_be_missing) or all(
            (field.required or _left_out(cls, field)) and self.adds_nothing(field.type) for field in info.fields
        )

    def _once(self, what: object, tag_may_be_missing: bool) -> bool:
        """Whether this was looked at before."""
        key = (what, tag_may_be_missing)
        if key in self._seen:
            return True
        self._seen.add(key)
        return False


def _left_out(cls: Any, field: Any) -> bool:
    from msgspec import NODEFAULT

    unset = field.default is NODEFAULT and field.default_factory is NODEFAULT
    if unset:
        return True
    return cls.__struct_config__.omit_defaults and (field.default is not NODEFAULT or field.default_factory in _EMPTY)


def _bare(info: Any) -> Any:
    from msgspec import inspect

    while isinstance(info, inspect.Metadata):
        info = info.type
    return info
