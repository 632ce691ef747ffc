"""
The guarded encoder: a value of the declared type becomes bytes, anything else is `EncodeError` before a byte is queued.

A value is encoded, then decoded by the type's own decoder: what arrives is what was declared, a wrong field of a
Struct included. Where a class vouches for its instances (`str`, an enum, a pydantic model, which pydantic checks), one
comparison is enough, and for a flat Struct one for each field (`exact.py`).
"""

from __future__ import annotations

import enum
import re
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final, cast
from uuid import UUID

import msgspec

from ..annotations import has_annotations
from ..exceptions import EncodeError, InvalidMessage
from .exact import Proof
from .models import is_model
from .spelling import members, spell, strip

ENCODE_FAULTS: Final = (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError)
"""No encoding for a value, an integer out of range, a lone surrogate, a value that contains itself."""

_WARNING: Final = re.compile(
    r"\s*(?:\w+\()?(?P<says>Expected .*?)(?: (?:with value|- serialized value|\[) ?.*?)?"
    r"(?:\[(?:field_name='(?P<name>.*?)', )?input_.*)?(?:\n|$)"
)
"""What pydantic warns of, as it words it since 2.10."""

NOTHING_PROVEN: Final[Mapping[type, Proof]] = {}
_SCALARS: Final = frozenset({str, bytes, int, bool, types.NoneType, datetime, date, time, timedelta, Decimal, UUID})
_INSTANCES: Final[dict[object, tuple[type, ...]]] = {float: (float, int), bytes: (bytes, bytearray, memoryview)}


def guard_encoder(
    tp: object,
    write: Callable[[object], bytes],
    decode: Callable[[bytes], object] | None,
    proven: Mapping[type, Proof] = NOTHING_PROVEN,
) -> Callable[[object], bytes]:
    """
    Wrap a codec's writer so that it takes values of the type and nothing else.

    Args:
        tp: The outgoing type.
        write: Encodes any value.
        decode: Decodes what was written, to check it; `None` where `write` checks.
        proven: By class, what proves a value right, so that it need not be decoded.
    """
    instances = instance_classes(tp)
    proofs: dict[type, Proof | bool] = {**proven, **dict.fromkeys(trusted_classes(tp), True)}
    proof_of = proofs.get

    def encode(value: object) -> bytes:
        proof = proof_of(type(value), False)
        if proof is False and instances is not None and not isinstance(value, instances):
            made = [f"{cls.__name__}(…)" for cls in instances if has_annotations(cls)]
            hint = f"; write {' or '.join(made)}" if isinstance(value, dict) and made else ""
            raise EncodeError(
                f"cannot send a value of type {spell(type(value))}: the outgoing type is {spell(tp)}{hint}"
            )
        try:
            data = write(value)
        except ENCODE_FAULTS as error:
            raise _unencodable(value, error) from error
        if proof is True or instances is None or decode is None or (proof is not False and proof(value)):
            return data
        try:
            decode(data)
        except InvalidMessage as error:
            raise EncodeError(f"cannot send a value that is no {spell(tp)}: {error.detail}") from None
        return data

    return encode


def trusted_classes(tp: object) -> frozenset[type]:
    """The classes whose instances need no further check: an exact instance is a value of the type."""
    return frozenset(
        types.NoneType if member is None else cast("type", member) for member in members(tp) if _trusted(member)
    )


def instance_classes(tp: object) -> tuple[type, ...] | None:
    """What a value must be an instance of, as far as classes can say; `None` where anything goes."""
    classes: list[type] = []
    for member in members(tp):
        bare = strip(member)
        origin = typing.get_origin(bare)
        if bare is None:
            classes.append(types.NoneType)
        elif origin is typing.Literal:
            classes.extend(type(value) for value in typing.get_args(bare))
        elif typing.is_typeddict(bare):
            classes.append(dict)
        elif bare is typing.Any or bare is object or isinstance(bare, typing.TypeVar):
            return None
        elif bare in _INSTANCES:
            classes.extend(_INSTANCES[bare])
        elif isinstance(origin or bare, type):
            classes.append(cast("type", origin or bare))
        else:
            return None
    return tuple(classes)


def _trusted(member: object) -> bool:
    return member is None or (isinstance(member, type) and (member in _SCALARS or _vouches(member)))


def _vouches(cls: type) -> bool:
    """Whether an instance of the class cannot hold anything wrong."""
    if cls in (dict, list) or is_model(cls) or issubclass(cls, enum.Enum):
        return True
    return issubclass(cls, msgspec.Struct) and not cls.__struct_fields__


def _unencodable(value: object, error: Exception) -> EncodeError:
    says = f"cannot encode a value of type {spell(type(value))}"
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else _reason(str(error).strip())
    return EncodeError(reason if reason.startswith(says) else f"{says}: {reason}")


def _reason(text: str) -> str:
    """The first line; of pydantic's warnings the first of them."""
    first, _, rest = text.partition("\n")
    if matched := _WARNING.match(rest):
        says = matched["says"].replace("`", "")
        return (f"{matched['name']}: " if matched["name"] else "") + says[:1].lower() + says[1:]
    return first
