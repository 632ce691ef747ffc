"""
Types that no decoder reads, found on start-up, and how to mend them.

    Env.body: Say | Ping cannot be told apart on the wire: Ping has no tag; write `class Ping(msgspec.Struct, …`
    list[complex][...]: cannot decode complex; use a msgspec.Struct, a dataclass, …

Sources: msgspec, "Supported Types" and "Structs: Tagged Unions"
(https://jcristharif.com/msgspec/supported-types.html).
"""

from __future__ import annotations

import contextlib
import typing
from collections.abc import Iterator
from typing import Final

import msgspec

from ..annotations import has_annotations, is_union
from ..exceptions import UnsupportedType
from .models import holds_model, is_model
from .spelling import arguments, members, spell, strip

_ALIKE: Final = {
    "str-like": "a string",
    "int-like": "an integer",
    "array-like": "an array",
}
"""What msgspec calls them, and what they are on the wire."""


def guard_type(tp: object) -> None:
    """
    Refuse a type that cannot be decoded, with the way to mend it.

    Raises:
        UnsupportedType: As it says.
    """
    from msgspec import inspect

    try:
        if holds_model(tp):
            return
        info = inspect.type_info(tp)
        msgspec.json.Decoder(tp)
    except RecursionError:
        name = getattr(tp, "__name__", "the type")
        raise UnsupportedType(
            f"{name} cannot be decoded: it is an alias that contains itself; use a Struct with a field of its own type"
        ) from None
    except (TypeError, NameError) as error:
        path, part, cause = _smallest(tp, error)
        raise UnsupportedType(_placed(path, _explain(part, cause))) from error
    _walk(info, spell(tp), set())


def _walk(info: object, path: str, seen: set[int]) -> None:
    """Find what no decoder reads, wherever it stands in the type."""
    from msgspec import inspect

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


def _smallest(tp: object, error: Exception) -> tuple[str, object, Exception]:
    """The part of a type that is at fault: where it stands, itself, and what msgspec says of it."""
    seen: set[int] = set()
    path = ""
    while True:
        for step, part in _parts(tp):
            if id(part) in seen:
                continue
            seen.add(id(part))
            try:
                msgspec.json.Decoder(part)
            except (TypeError, NameError) as inner:
                tp, error, path = part, inner, step or path
                break
        else:
            return path, tp, error


def _parts(tp: object) -> Iterator[tuple[str, object]]:
    """What a type is made of; a union of what cannot be told apart has sound parts."""
    bare = strip(tp)
    if isinstance(bare, type) and has_annotations(bare) and not typing.get_args(bare):
        with contextlib.suppress(NameError, TypeError):
            for name, hint in typing.get_type_hints(bare, include_extras=True).items():
                if typing.get_origin(hint) is not typing.ClassVar:
                    yield f"{bare.__name__}.{name}", hint
    else:
        for part in arguments(bare):
            yield "", part


def _placed(path: str, sentence: str) -> str:
    return f"{path}: {sentence}" if path else sentence


def _explain(tp: object, error: Exception) -> str:
    """Say what is wrong with a type, and what to write instead."""
    if isinstance(error, NameError):
        return (
            f"{spell(tp)} cannot be decoded: {error}; define or import the name in the module of {spell(tp)}, "
            "outside of `if TYPE_CHECKING`"
        )
    if not is_union(strip(tp)):
        return _explain_one(tp, error)
    return f"{spell(tp)} cannot be told apart on the wire: {_alike(tp, str(error))}"


def _explain_one(tp: object, error: Exception) -> str:
    if isinstance(tp, str | typing.ForwardRef):
        name = tp if isinstance(tp, str) else tp.__forward_arg__
        return f"{name!r} is a name that was not resolved; write the type itself"
    says = str(error).partition(" - type `")[0]
    return f"{spell(tp)} cannot be decoded: {says[:1].lower() + says[1:]}"


def _alike(tp: object, says: str) -> str:
    """Why the members of a union look alike, and what to write instead."""
    parts = [strip(member) for member in members(tp)]
    modelled = [part for part in parts if is_model(part)]
    if len(modelled) > 1:
        union = " | ".join(spell(part) for part in modelled)
        return f"in a Struct a model stands alone; write `class Any{spell(modelled[0])}(pydantic.RootModel[{union}])`"
    structs = [part for part in parts if isinstance(part, type) and issubclass(part, msgspec.Struct)]
    untagged = [part for part in structs if part.__struct_config__.tag is None]
    if len(structs) > 1 and untagged:
        return _untagged(untagged)
    if len(structs) > 1 and len({part.__struct_config__.array_like for part in structs}) > 1:
        arrays = [spell(part) for part in structs if part.__struct_config__.array_like]
        verb = "is" if len(arrays) == 1 else "are"
        return f"{' and '.join(arrays)} {verb} array_like, the rest not; make all alike"
    if len(structs) > 1:
        tags = ", ".join(
            f"{part.__name__} has {part.__struct_config__.tag_field}={part.__struct_config__.tag!r}" for part in structs
        )
        return f"{tags}; give every Struct its own tag, all str or all int, in the same tag_field"
    if "dict-like" in says or "dataclass" in says or "TypedDict" in says:
        named = [part.__name__ for part in parts if isinstance(part, type) and part is not dict]
        return f"more than one of them is an object; make each a tagged Struct, as {_tagged(named[0])}"
    for kind, wire in _ALIKE.items():
        if kind in says:
            return f"more than one of them is {wire}; keep one, or put each into a tagged Struct of its own"
    return says.partition(" - type `")[0]


def _untagged(structs: list[type[msgspec.Struct]]) -> str:
    names = " and ".join(spell(part) for part in structs)
    if len(structs) == 1:
        return f"{names} has no tag; write {_tagged(structs[0].__name__)}"
    return f"{names} have no tag; write {_tagged(structs[0].__name__)} and likewise for each"


def _tagged(name: str) -> str:
    return f'`class {name}(msgspec.Struct, tag="{name.lower()}")`'
