"""
Flat Structs whose fields hold what they say: proved by looking at the classes of the values.

A Struct checks nothing when it is made, so `Said(by=7)` is one. To decode what was encoded finds that, and costs as
much as decoding does. Where every field is a scalar without constraints, an exact class proves as much: one function
per Struct, written on start-up, compares them in a third of the time, however long the texts are. It only ever says
"surely right": a subclass, an integer in a field of float, a NaN, an UNSET are left to the decoder.

Sources: msgspec, "Structs: Type Validation"; the attribute access of CPython, which a written expression specialises.
"""

from __future__ import annotations

import enum
import keyword
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

Proof: TypeAlias = Callable[[Any], bool]

_FINITE: Final = "(type({value}) is float and {value} - {value} == 0)"
"""An infinity less itself is not a number, which equals nothing."""


def proofs(tp: object) -> Mapping[type, Proof]:
    """
    For each flat Struct that a value of the type may be, what proves that one holds nothing wrong.

    The class must be the value's own: a subclass may have another tag.
    """
    from msgspec import inspect

    found: dict[type, Proof] = {}
    info = _bare(inspect.type_info(tp))
    for member in info.types if isinstance(info, inspect.UnionType) else (info,):
        struct = _bare(member)
        if isinstance(struct, inspect.StructType) and (proof := _proof(struct)) is not None:
            found[struct.cls] = proof
    return found


def _proof(struct: Any) -> Proof | None:
    cls: Any = struct.cls
    own_access = cls.__getattribute__ is not _GETATTRIBUTE
    if own_access or not struct.fields or not isinstance(cls, type) or hasattr(cls, "__post_init__"):
        return None  # nothing to prove, generic, or its own code has a say
    classes: dict[str, object] = {}
    conditions = []
    for field in struct.fields:
        condition = _condition(field, classes)
        if condition is None:
            return None
        conditions.append(condition)
    written = f"lambda struct: {' and '.join(conditions)}"
    proof: Proof = eval(written, classes)  # names of fields that are identifiers, and of classes by number
    return proof


def _condition(field: Any, classes: dict[str, object]) -> str | None:
    """The expression that is true of right values; `None` where no class says enough."""
    from msgspec import inspect

    if not field.name.isidentifier() or keyword.iskeyword(field.name):
        return None
    value = f"struct.{field.name}"
    info = _bare(field.type)
    alternatives = []
    for member in info.types if isinstance(info, inspect.UnionType) else (info,):
        cls = _class_of(_bare(member))
        if cls is None:
            return None
        if cls is float:
            alternatives.append(_FINITE.format(value=value))
        elif cls is type(None):
            alternatives.append(f"{value} is None")
        else:
            name = f"class_{len(classes)}"
            classes[name] = cls
            alternatives.append(f"type({value}) is {name}")
    return alternatives[0] if len(alternatives) == 1 else f"({' or '.join(alternatives)})"


def _class_of(info: Any) -> type | None:
    """The class whose exact instances fit; `None` if there are constraints, or fields inside."""
    from msgspec import inspect

    if isinstance(info, inspect.EnumType):
        return None if issubclass(info.cls, enum.Flag) else info.cls
    plain = (
        (inspect.StrType(), str),
        (inspect.IntType(), int),
        (inspect.FloatType(), float),
        (inspect.BoolType(), bool),
        (inspect.NoneType(), type(None)),
    )
    return next((cls for unconstrained, cls in plain if info == unconstrained), None)


def _bare(info: Any) -> Any:
    from msgspec import inspect

    while isinstance(info, inspect.Metadata):
        info = info.type
    return info


_GETATTRIBUTE: Final[Any] = msgspec.Struct.__getattribute__
