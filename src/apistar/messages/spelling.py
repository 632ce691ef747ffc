"""
Types as data: what a type expression is made of, and how it is written in an error or a document.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator

from ..annotations import bare, is_union


def strip(tp: object) -> object:
    """The type behind `Annotated`, `NewType` and `type X = …`."""
    while isinstance(tp := bare(tp), typing.NewType):
        tp = tp.__supertype__
    return tp


def arguments(tp: object) -> tuple[object, ...]:
    """What a union, a container or an alias is made of; nothing for a class or a `Literal`."""
    plain = strip(tp)
    if plain is not tp:
        return (plain,)
    if typing.get_origin(tp) is typing.Literal:
        return ()
    return tuple(argument for argument in typing.get_args(tp) if argument is not Ellipsis)


def members(tp: object) -> Iterator[object]:
    """The members of a union, nested ones included; the type itself where it is no union."""
    plain = strip(tp)
    if is_union(plain):
        for argument in typing.get_args(plain):
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
