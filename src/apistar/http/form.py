"""
Forms, converted to a type; `request.py` and `multipart.py` read them.

A field that comes once is a value, one that comes several times a list; where the type says list it is one always, so
that a single ticked box is no fault. Fields are text and converted as such (`"3"` is an `int`); uploads are
`UploadFile`s.

Sources: WHATWG HTML §4.10.21 (form submission), RFC 7578 (multipart/form-data).
"""

from __future__ import annotations

import typing
from typing import Any, Final

import msgspec
from starlette.datastructures import FormData, UploadFile

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
    return any("UploadFile" in str(hint) for member in members(annotation) for hint in _hints(member).values())


def lists_of(annotation: Any) -> frozenset[str]:
    """The fields of a type that are lists, by their names on the wire."""
    found: set[str] = set()
    for member in map(strip, members(annotation)):
        spelled: dict[str, str] = {}
        if isinstance(member, type) and issubclass(member, msgspec.Struct):
            spelled = {field.name: field.encode_name for field in msgspec.structs.fields(member)}
        for name, hint in _hints(member).items():
            if any(_is_list(kind) for kind in members(hint)):
                found.add(spelled.get(name, name))
    return frozenset(found)


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
        invalid = fault(error, JSON, annotation, "")
        raise BadRequest({"detail": invalid.detail, "path": invalid.path}) from None


def _convert(expected: type, value: Any) -> Any:
    if expected is not UploadFile:
        return models.load(expected, value)
    if not isinstance(value, UploadFile):
        raise ValueError("expected a file, got text")
    return value


def _hints(member: object) -> dict[str, Any]:
    if not isinstance(member, type) or not getattr(member, "__annotations__", None):
        return {}
    try:
        return typing.get_type_hints(member)
    except NameError:  # it names what only the function knows in which it was written
        return {}


def _is_list(hint: object) -> bool:
    hint = strip(hint)
    return (typing.get_origin(hint) or hint) in (list, set, frozenset, tuple)
