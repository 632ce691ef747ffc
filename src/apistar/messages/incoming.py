"""
The guarded decoder: whatever a peer sends, a value of the type or `InvalidMessage`; and the check of the type itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from ..exceptions import InvalidMessage, UnsupportedType
from ..types import Data
from .fault import fault
from .spelling import members, spell, strip

if TYPE_CHECKING:
    from .codec import Codec

DECODE_FAULTS: Final = (msgspec.DecodeError, ValueError, RecursionError)
"""msgspec's own; `UnicodeDecodeError` and pydantic's, which are `ValueError`s; nesting past the interpreter's limit."""


def guard_decoder(codec: Codec, tp: object, read: Callable[[Data], object]) -> Callable[[Data], object]:
    """
    Wrap a codec's reader so that a bad message raises `InvalidMessage`.

    What an application's own code raises while it decodes (a validator's bug) passes through.

    Args:
        codec: For the errors; one that travels in binary frames refuses text with 1003 (RFC 6455 §7.4.1).
        tp: The incoming type.
        read: Decodes, without translating errors.
    """

    def decode(data: Data) -> object:
        try:
            return read(data)
        except DECODE_FAULTS as error:
            raise fault(error, codec, tp, data) from None
        except TypeError:
            if isinstance(data, str) and not codec.text:
                raise InvalidMessage(
                    f"$: expected a binary message of {codec.title}, got text", expected="binary", got="text", code=1003
                ) from None
            raise

    return decode


def guard_type(tp: object) -> None:
    """
    Refuse a type that cannot be decoded, with the way to mend it.

    Raises:
        UnsupportedType: As it says.
    """
    from msgspec import inspect

    from .models import holds_model

    if holds_model(tp):
        return
    try:
        info = inspect.type_info(tp)
    except (TypeError, NameError) as error:
        raise UnsupportedType(_explain(tp, error)) from error
    try:
        msgspec.json.Decoder(tp)
    except TypeError as error:
        raise UnsupportedType(_explain(tp, error)) from error
    _walk(info, spell(tp), set())


def _walk(info: object, path: str, seen: set[int]) -> None:
    """Find what no decoder reads, wherever it stands in the type."""
    from msgspec import inspect

    from .models import is_model

    if id(info) in seen:
        return
    seen.add(id(info))
    match info:
        case inspect.CustomType(cls) if not (is_model(cls) or cls is object):
            raise UnsupportedType(
                f"{path}: cannot decode {spell(cls)}; "
                "use a msgspec.Struct, a dataclass, a TypedDict, a pydantic model or a builtin type"
            )
        case inspect.StructType() | inspect.DataclassType() | inspect.TypedDictType() | inspect.NamedTupleType():
            for field in info.fields:
                _walk(field.type, f"{path}.{field.name}", seen)
        case inspect.UnionType(types):
            for member in types:
                _walk(member, path, seen)
        case inspect.TupleType(types):
            for index, item in enumerate(types):
                _walk(item, f"{path}[{index}]", seen)
        case inspect.DictType():
            _hashable(info.key_type, f"a key of {path}")
            _walk(info.key_type, f"key of {path}", seen)
            _walk(info.value_type, f"{path}[...]", seen)
        case inspect.SetType() | inspect.FrozenSetType():
            _hashable(info.item_type, f"an item of {path}")
            _walk(info.item_type, f"{path}[...]", seen)
        case inspect.ListType() | inspect.VarTupleType() | inspect.CollectionType():
            _walk(info.item_type, f"{path}[...]", seen)


def _hashable(info: object, what: str) -> None:
    from msgspec import inspect

    match info:
        case inspect.StructType(cls) if not (cls.__struct_config__.frozen or "__hash__" in vars(cls)):
            raise UnsupportedType(f"{what} is a {spell(cls)}, which has no hash; declare it with frozen=True")
        case inspect.DataclassType(cls) if cls.__hash__ is None:
            raise UnsupportedType(f"{what} is a {spell(cls)}, which has no hash; declare it with frozen=True")
        case inspect.ListType() | inspect.DictType() | inspect.SetType() | inspect.TypedDictType():
            raise UnsupportedType(f"{what} has no hash; use a str, a number or a tuple")


def _explain(tp: object, error: Exception) -> str:
    """Say what is wrong with a type, and what to write instead."""
    parts = [strip(member) for member in members(tp)]
    structs = [part for part in parts if isinstance(part, type) and issubclass(part, msgspec.Struct)]
    untagged = [part for part in structs if part.__struct_config__.tag is None]
    if len(structs) > 1 and untagged:
        first = untagged[0]
        names = " and ".join(spell(part) for part in untagged)
        verb = "has no tag" if len(untagged) == 1 else "have no tag"
        return (
            f"{spell(tp)} cannot be told apart on the wire: {names} {verb}; "
            f'write `class {first.__name__}(msgspec.Struct, tag="{first.__name__.lower()}")`'
            + (" and likewise for each" if len(untagged) > 1 else "")
        )
    if len(structs) > 1:
        tags = ", ".join(
            f"{part.__name__} has {part.__struct_config__.tag_field}={part.__struct_config__.tag!r}" for part in structs
        )
        return (
            f"{spell(tp)} cannot be told apart on the wire: {tags}; "
            "give every Struct its own tag, all str or all int, in the same tag_field"
        )
    if "dict-like" in str(error):
        return (
            f"{spell(tp)} cannot be told apart on the wire: more than one of them is an object; "
            'make each a tagged Struct, as `class Say(msgspec.Struct, tag="say")`'
        )
    return f"{spell(tp)} cannot be decoded: {error}"
