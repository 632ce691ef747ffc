"""
What a decoder found wrong, as `InvalidMessage`: the path, what was expected, what came.

    $.text: expected str, got int
    $.age: expected int >= 18
    $.items[2].id: required field is missing
    $.items[2].id: key is doubled
    $.type: unknown tag 'shout'; expected 'say' or 'leave'
    $: malformed JSON: invalid character (byte 12)

The sentence may be sent to the peer and written to a log, so what the peer sent is quoted in it cut and escaped.

Sources: the error texts of msgspec ("Constraints", "Usage") and of pydantic ("Error Handling").
"""

from __future__ import annotations

import enum
import re
import typing
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeGuard, cast

import msgspec

from ..exceptions import InvalidMessage
from ..log_text import printable
from ..types import Data
from .keys import KeyFault
from .models import InvalidModel
from .place import KEY, at
from .spelling import strip
from .wire_format import WireFormat

if TYPE_CHECKING:
    import pydantic

QUOTED_LIMIT: Final = 80
"""Characters of the peer's own words that an error repeats."""

LISTED_LIMIT: Final = 1000
"""Faults that pydantic lists one by one; 350,000 of them, in a message of 1 MiB, take it most of a second."""

LISTED_CHOICES: Final = 20
"""Values of an enum that an error lists; a sentence with more of them is no help."""

_PLACE: Final = re.compile(r" - at (?P<key>`key` in )?`(?P<path>\$.*?)`$", re.DOTALL)
_EXPECTED: Final = re.compile(r"Expected (?P<expected>.*?)(?:, got (?P<got>.*))?$", re.DOTALL)
_FIELD: Final = re.compile(r"Object (?P<what>missing required|contains unknown) field `(?P<name>.*)`$", re.DOTALL)
_VALUE: Final = re.compile(r"Invalid (?P<kind>enum )?value (?P<value>.*)$", re.DOTALL)
_FORM: Final = re.compile(
    r"Invalid (?P<form>RFC3339 encoded \w+|UUID|base64 encoded string|decimal string|ISO8601 duration)$"
)
_COMPARISONS: Final = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal"})
"""Kinds of pydantic's faults that follow from the value, so that its type explains nothing."""
_DISCRIMINATOR: Final = re.compile(r"^'(?P<name>.*)'$")
_LONE: Final = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u)[\s\S]")
_MALFORMED: Final = re.compile(r"\w+ (?:data )?is malformed: (?P<detail>.*)$", re.DOTALL)


def fault(error: Exception, codec: WireFormat, tp: object, data: Data) -> InvalidMessage:
    """
    Translate what a reader raised.

    Args:
        error: Of msgspec or pydantic, a `UnicodeError`, or a `RecursionError`.
        codec: The codec that read the message.
        tp: The declared type, to say which tags it knows.
        data: The message, to say where it is not UTF-8.
    """
    if isinstance(error, msgspec.ValidationError):
        if isinstance(cause := error.__cause__, InvalidModel):
            return _of_pydantic(cause.error, _place(str(error))[1], cause.value)
        return _of_msgspec(str(error), tp)
    if isinstance(error, msgspec.DecodeError):
        matched = _MALFORMED.match(str(error))
        if codec.text and (data[:1] == "\ufeff" or data[:3] == b"\xef\xbb\xbf"):  # RFC 8259 §8.1
            return _malformed(codec.title, "a byte order mark (byte 0)")
        return _malformed(codec.title, matched["detail"] if matched else _early(codec, data))
    if isinstance(error, KeyFault):
        return invalid(quote(error.path), expected=error.expected, says=error.says)
    if isinstance(error, UnicodeError):
        return _malformed(codec.title, _not_utf8(data) if codec.text else "invalid UTF-8")
    if isinstance(error, RecursionError):
        return _malformed(codec.title, "nested too deeply")
    if _is_pydantic(error):
        return _of_pydantic(error, "$", codec.reader(Any)(data))
    return invalid("$", expected="", got="", says=quote(str(error)))


def invalid(path: str, *, expected: str = "", got: str = "", says: str = "") -> InvalidMessage:
    """Build the sentence from its parts; `says` replaces "expected …, got …"."""
    if not says:
        says = f"expected {expected}, got {got}" if got else f"expected {expected}"
    return InvalidMessage(f"{path}: {says}", path=path, expected=expected, got=got)


def quote(text: str) -> str:
    """The peer's own words, safe to print: cut, and control characters escaped."""
    return printable(text) if len(text) <= QUOTED_LIMIT else printable(text[:QUOTED_LIMIT]) + "…"


def _malformed(codec: str, detail: str) -> InvalidMessage:
    return InvalidMessage(f"$: malformed {codec}: {quote(detail)}", path="$", expected=codec)


def _early(codec: WireFormat, data: Data) -> str:
    """What msgspec calls truncated: the message, or the second half of a surrogate pair that is none."""
    if not data:
        return "it is empty"
    if codec.text:
        text = data if isinstance(data, str) else data.decode(errors="replace")
        if (lone := _LONE.search(text)) is not None:
            return f"a surrogate without its pair (byte {len(text[: lone.start()].encode())})"
    return f"it ends early (byte {len(data)})"


def _not_utf8(data: Data) -> str:
    try:
        data.encode() if isinstance(data, str) else data.decode()
    except UnicodeError as error:
        return f"invalid UTF-8 (byte {cast('UnicodeDecodeError', error).start})"
    return "invalid UTF-8"


def _place(text: str) -> tuple[str, str]:
    """Split msgspec's text into what it says and where."""
    matched = _PLACE.search(text)
    if matched is None:
        return text, "$"
    return text[: matched.start()], KEY + matched["path"] if matched["key"] else matched["path"]


def _of_msgspec(text: str, tp: object) -> InvalidMessage:
    says, path = _place(text)
    if matched := _FIELD.match(says):
        place = f"{path}.{quote(matched['name'])}"
        if matched["what"] == "missing required":
            return invalid(place, expected="a value", says="required field is missing")
        return invalid(place, expected="no such field", says="unknown field")
    if matched := _VALUE.match(says):
        value = quote(matched["value"])
        expected, what = (_choices(tp, path), "invalid value") if matched["kind"] else (_tags(tp, path), "unknown tag")
        says = f"{what} {value}" + (f"; expected {expected}" if expected else "")
        return invalid(path, expected=expected, got=value, says=says)
    if matched := _EXPECTED.match(says):
        expected, got = matched["expected"].replace("`", ""), (matched["got"] or "").replace("`", "")
        return invalid(path, expected=expected, got="null" if got == "None" else got)
    if matched := _FORM.match(says):
        return invalid(path, expected=matched["form"], says=f"invalid {matched['form']}")
    return invalid(path, says=quote(says[:1].lower() + says[1:]))


def _tags(tp: object, path: str) -> str:
    """The tags that may stand at `path`."""
    place, _, field = path.rpartition("[" if path.endswith("]") else ".")
    tags = []
    for member in map(strip, at(tp, place)):
        cls = typing.get_origin(member) or member
        if isinstance(cls, type) and issubclass(cls, msgspec.Struct):
            config = cls.__struct_config__
            if field == ("0]" if config.array_like else config.tag_field):
                tags.append(repr(config.tag))
    return _alternatives(tags)


def _choices(tp: object, path: str) -> str:
    """The values that may stand at `path`, if they are few."""
    values: list[str] = []
    for member in map(strip, at(tp, path)):
        if isinstance(member, type) and issubclass(member, enum.Enum):
            values.extend(repr(item.value) for item in member)
        elif typing.get_origin(member) is typing.Literal:
            values.extend(repr(value) for value in typing.get_args(member))
    return _alternatives(values) if len(values) <= LISTED_CHOICES else ""


def _alternatives(words: Sequence[str]) -> str:
    return " or ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def _is_pydantic(error: Exception) -> TypeGuard[pydantic.ValidationError]:
    return type(error).__module__.startswith("pydantic") and hasattr(error, "errors")


def _of_pydantic(error: pydantic.ValidationError, base: str, value: object) -> InvalidMessage:
    count = error.error_count()
    if count > LISTED_LIMIT:
        return invalid(base, expected=error.title, says=f"not a {quote(error.title)}: {count} faults")
    faults = error.errors(include_url=False)
    first = max(faults, key=lambda fault: len(fault["loc"]))  # of a union's members, the one that went furthest
    kind, context = first["type"], first.get("ctx", {})
    if kind == "json_invalid":
        return _malformed("JSON", first["msg"].partition(": ")[2])
    path = base + _steps(first["loc"], value, missing=kind == "missing")
    if kind == "missing":
        return invalid(path, expected="a value", says="required field is missing")
    if kind == "extra_forbidden":
        return invalid(path, expected="no such field", says="unknown field")
    if kind.startswith("union_tag_"):
        path += _DISCRIMINATOR.sub(r".\g<name>", quote(str(context["discriminator"])))
        if kind == "union_tag_not_found":
            return invalid(path, expected="a value", says="required field is missing")
        return _no_choice(path, "unknown tag", context["tag"], str(context["expected_tags"]))
    message = quote(first["msg"])
    if not message.startswith("Input should be "):
        return invalid(path, got=type(first["input"]).__name__, says=message[:1].lower() + message[1:])
    expected = message.removeprefix("Input should be ")
    if kind in ("enum", "literal_error"):
        return _no_choice(path, "invalid value", first["input"], str(context["expected"]))
    if kind in _COMPARISONS:
        return invalid(path, expected=f"a value {expected}")
    got = type(first["input"]).__name__
    expected, _, reason = expected.partition(", ")
    return invalid(path, expected=expected, got=got, says=f"expected {expected}; {reason}" if reason else "")


def _no_choice(path: str, what: str, value: object, choices: str) -> InvalidMessage:
    """What msgspec says of a value that is none of a few; `choices` as pydantic lists them."""
    listed = choices.count(", ") + choices.count(" or ") < LISTED_CHOICES
    expected = _alternatives(choices.replace(" or ", ", ").split(", ")) if listed else ""
    got = quote(repr(value)) if isinstance(value, str | int | float | None) else type(value).__name__
    return invalid(
        path, expected=expected, got=got, says=f"{what} {got}" + (f"; expected {expected}" if expected else "")
    )


def _steps(location: Sequence[int | str], value: object, missing: bool) -> str:
    """
    Pydantic's location as a path. It also names the members of unions that were tried, which are no place in the
    message: a step counts if it leads somewhere, or if it is the field that is missing.
    """
    path = ""
    for position, step in enumerate(location):
        last = position == len(location) - 1
        if isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
            path += f"[{step}]"
        elif isinstance(value, dict) and step in value:
            value = value[step]
            path += f".{quote(str(step))}"
        elif last and missing:
            path += f".{quote(str(step))}"
    return path
