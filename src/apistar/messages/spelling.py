"""
Types as data: what a type expression is made of, and how it is written in an error or a document.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator


def strip(tp: object) -> object:
    """The type behind `Annotated`, `NewType` and `type X = …`."""
    while True:
        if typing.get_origin(tp) is typing.Annotated:
            tp = typing.get_args(tp)[0]
        elif isinstance(tp, typing.NewType):
            tp = tp.__supertype__
        elif type(tp).__name__ == "TypeAliasType":  # Python 3.12
            tp = tp.__value__  # type: ignore[attr-defined]
        else:
            return tp


def is_union(tp: object) -> bool:
    """Whether `tp` is `A | B`, `Union[A, B]` or `Optional[A]`."""
    return typing.get_origin(tp) in (typing.Union, types.UnionType)


def arguments(tp: object) -> tuple[object, ...]:
    """What a union, a container or an alias is made of; nothing for a class or a `Literal`."""
    bare = strip(tp)
    if bare is not tp:
        return (bare,)
    if typing.get_origin(tp) is typing.Literal:
        return ()
    return tuple(argument for argument in typing.get_args(tp) if argument is not Ellipsis)


def members(tp: object) -> Iterator[object]:
    """The members of a union, nested ones included; the type itself where it is no union."""
    bare = strip(tp)
    if is_union(bare):
        for argument in typing.get_args(bare):
            yield from members(argument)
    else:
        yield tp


def spell(tp: object) -> str:
    """A type as it is written in code: `Say | Leave`, `list[int]`, `int | None`."""
    tp = strip(tp)
    if tp is None or tp is types.NoneType:
        return "None"
    if tp is typing.Any:
        return "Any"
    if is_union(tp):
        return " | ".join(spell(argument) for argument in typing.get_args(tp))
    origin, args = typing.get_origin(tp), typing.get_args(tp)
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, args))}]"
    if origin is not None and args:
        return f"{spell(origin)}[{', '.join('...' if arg is Ellipsis else spell(arg) for arg in args)}]"
    name: str = getattr(tp, "__qualname__", None) or str(tp)
    return name.rpartition("<locals>.")[2]
