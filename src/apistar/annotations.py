"""
Type expressions as they stand in annotations: what is behind an alias, what a union is made of, what is still text.

Source: the typing module's documentation, "Special forms" and "Introspection helpers"
(https://docs.python.org/3/library/typing.html).
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable
from typing import Annotated, Any, ForwardRef, Literal, get_args, get_origin


def bare(annotation: Any) -> Any:
    """An annotation without `Annotated` metadata, and what a `type X = …` stands for."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif type(annotation).__name__ == "TypeAliasType":  # Python 3.12
            annotation = annotation.__value__
        else:
            return annotation


def is_union(tp: object) -> bool:
    """Whether `tp` is `A | B`, `Union[A, B]` or `Optional[A]`."""
    return get_origin(tp) in (typing.Union, types.UnionType)


def union_of(members: Iterable[Any]) -> Any:
    """
    The union of types that are known at run time only; the type itself where there is one.

    Raises:
        TypeError: If there is none.
    """
    # `A | B` raises for members that have no `|`: a name in quotes, what `functools.partial` made of a class.
    return typing.Union[tuple(members)]  # noqa: UP007  # for a union that is written


def optional_of(annotation: Any) -> Any | None:
    """`T` of `T | None`, or `None` where the annotation is no such union."""
    annotation = bare(annotation)
    members = get_args(annotation)
    rest = [member for member in members if member is not type(None)]
    return union_of(rest) if is_union(annotation) and len(rest) < len(members) else None


def names_later(annotation: object) -> bool:
    """Whether an annotation is text, or has a name in it that is: `"Say"`, `WebSocket["Say"]`."""
    if get_origin(annotation) is Literal:
        return False
    parts = get_args(annotation)[: 1 if get_origin(annotation) is Annotated else None]
    return isinstance(annotation, str | ForwardRef) or any(map(names_later, parts))
