"""
Forms, converted to a type; `request.py` and `multipart.py` read them.

A field that comes once is a value, one that comes several times a list; where the type says list it is one always, so
that a single ticked box is no fault. Fields are text and converted as such (`"3"` is an `int`); uploads are
`UploadFile`s.

Sources: WHATWG HTML §4.10.21 (form submission), RFC 7578 (multipart/form-data).
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from starlette.datastructures import FormData, UploadFile

from ..annotations import annotations_of
from ..exceptions import BadRequest
from ..messages import models
from ..messages.fault import fault
from ..messages.json import JSON
from ..messages.spelling import members, strip

URLENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
FORMS: Final = (URLENCODED, MULTIPART)


def has_upload(annotation: Any) -> bool:
    """Whether a type has a field for an uploaded file."""
    return any("UploadFile" in str(hint) for member in members(annotation) for hint in _hints(strip(member)).values())


def lists_of(annotation: Any) -> frozenset[str]:
    """The fields of a type that are lists, by their names on the wire."""
    return frozenset(
        name
        for member in members(annotation)
        for name, hint, _ in fields_of(member)
        if any(_is_list(kind) for kind in members(hint))
    )


def fields_of(tp: object) -> Iterator[tuple[str, object, bool]]:
    """The fields of an object: their names on the wire, their types, and whether they must be there."""
    cls: Any = strip(tp)
    cls = typing.get_origin(cls) or cls
    hints = _hints(cls)
    if isinstance(cls, type) and issubclass(cls, msgspec.Struct):
        for field in msgspec.structs.fields(cls):
            yield field.encode_name, hints.get(field.name, field.type), field.required
    elif models.is_model(cls):
        for name, known in getattr(cls, "__pydantic_fields__", {}).items():
            yield known.alias or name, hints.get(name, known.annotation), known.is_required()
    elif dataclasses.is_dataclass(cls):
        for one in dataclasses.fields(cls):
            needed = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
            yield one.name, hints.get(one.name, one.type), needed
    elif typing.is_typeddict(cls):
        for name, hint in hints.items():
            marked = typing.get_origin(hint) in (typing.Required, typing.NotRequired)
            yield name, typing.get_args(hint)[0] if marked else hint, name in cls.__required_keys__


def fits_form(annotation: Any) -> bool:
    """Whether a form can carry a type: it is one kind of object, whose fields are single values or lists of such."""
    kinds = [strip(member) for member in members(annotation) if strip(member) not in (None, types.NoneType)]
    if len(kinds) != 1:
        return False
    config = getattr(kinds[0], "__struct_config__", None)
    if not _is_object(kinds[0]) or (config is not None and config.array_like):
        return False
    return all(_is_plain(member) for _, hint, _ in fields_of(kinds[0]) for member in members(hint))


def _is_plain(hint: object) -> bool:
    hint = strip(hint)
    if _is_list(hint):
        inner = [argument for argument in typing.get_args(hint) if argument is not Ellipsis]
        return not any(_is_list(strip(one)) or not _is_plain(one) for part in inner for one in members(part))
    kind = typing.get_origin(hint) or hint
    return not (
        isinstance(kind, typing.TypeVar) or _is_object(kind) or (isinstance(kind, type) and issubclass(kind, Mapping))
    )


def _is_object(tp: object) -> bool:
    cls = typing.get_origin(tp) or tp
    return (
        (isinstance(cls, type) and issubclass(cls, msgspec.Struct))
        or models.is_model(cls)
        or dataclasses.is_dataclass(cls)
        or typing.is_typeddict(cls)
    )


def from_form(form: FormData, annotation: Any, lists: frozenset[str]) -> Any:
    """
    Convert a form.

    Args:
        lists: What `lists_of(annotation)` says.

    Raises:
        BadRequest: If it does not fit, with the path to the fault.
    """
    fields: dict[str, Any] = {}
    for name in form:
        values = form.getlist(name)
        fields[name] = values if len(values) > 1 or name in lists else values[0]
    try:
        return msgspec.convert(fields, annotation, strict=False, dec_hook=_convert)
    except msgspec.ValidationError as error:
        raise BadRequest.of(fault(error, JSON, annotation, "")) from None


def _convert(expected: type, value: Any) -> Any:
    if expected is not UploadFile:
        return models.load(expected, value)
    if not isinstance(value, UploadFile):
        raise ValueError("expected a file, got text")
    return value


def _hints(member: object) -> dict[str, Any]:
    if not isinstance(member, type) or not annotations_of(member):
        return {}
    try:
        return typing.get_type_hints(member, include_extras=True)
    except NameError:  # it names what only the function knows in which it was written
        return {}


def _is_list(hint: object) -> bool:
    hint = strip(hint)
    return (typing.get_origin(hint) or hint) in (list, set, frozenset, tuple)
