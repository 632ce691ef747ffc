"""
Type expressions as they stand in annotations: what is behind an alias, what a union is made of, what is still text.

Sources: the typing module's documentation, "Special forms" and "Introspection helpers"
(https://docs.python.org/3/library/typing.html); PEP 649, for annotations that are evaluated when they are read.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping
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


if sys.version_info >= (3, 14):
    from annotationlib import Format, get_annotations

    def annotations_of(thing: Any) -> Mapping[str, Any]:
        for form in (Format.FORWARDREF, Format.STRING):
            with contextlib.suppress(Exception):  # whatever an expression raises, and where there are none
                return get_annotations(thing, format=form)
        return {}

    def signature_of(call: Callable[..., Any]) -> inspect.Signature:
        try:
            return inspect.signature(call, annotation_format=Format.FORWARDREF)
        except Exception:  # whatever an expression raises, and where there is none
            return inspect.signature(call, annotation_format=Format.STRING)

else:

    def annotations_of(thing: Any) -> Mapping[str, Any]:
        """
        What a function or a class is annotated with, as far as it is known now.

        Python 3.14 evaluates annotations when they are read: a name that is defined further down is a `ForwardRef`, and
        all is text where one of them cannot be evaluated at all.
        """
        return getattr(thing, "__annotations__", {})

    signature_of = inspect.signature


def has_annotations(thing: object) -> bool:
    """Whether a function or a class can have annotations, as one that is written in C cannot."""
    try:
        return hasattr(thing, "__annotations__")
    except Exception:  # Python 3.14 evaluates them here
        return True


def names_later(annotation: object) -> bool:
    """Whether an annotation is text, or has a name in it that is: `"Say"`, `WebSocket["Say"]`."""
    if get_origin(annotation) is Literal:
        return False
    parts = get_args(annotation)[: 1 if get_origin(annotation) is Annotated else None]
    return isinstance(annotation, str | ForwardRef) or any(map(names_later, parts))
