"""
Pydantic models as message types. Pydantic is never imported before it is needed: a type can only be a model where the
application has imported it already.

A type that is made of models (`Say`, `Say | Leave`, `list[Say]`, `Annotated[Say | Leave, Field(discriminator=…)]`)
is read and written by pydantic as a whole. Models inside msgspec's types (a Struct's field) pass through msgspec's
hooks, `load` and `dump`. On the wire a model has its aliases.

Source: pydantic 2, "JSON" and "Type Adapter" (https://docs.pydantic.dev/latest/concepts/type_adapter/).
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

import msgspec

from ..annotations import is_union
from ..exceptions import UnsupportedType
from ..types import Data
from .spelling import arguments, spell, strip
from .wire_format import WireFormat

if TYPE_CHECKING:
    import pydantic


def is_model(tp: object) -> bool:
    """Whether `tp` is a pydantic model or a pydantic dataclass."""
    return isinstance(tp, type) and hasattr(tp, "__pydantic_validator__")


def holds_model(tp: object) -> bool:
    """Whether `tp` is made of models: one itself, or a union or container of some."""
    origin = typing.get_origin(strip(tp))
    if isinstance(origin, type) and issubclass(origin, msgspec.Struct):
        return False  # `Page[Login]`: a Struct is msgspec's, whatever it is generic in
    return is_model(tp) or any(holds_model(argument) for argument in arguments(tp))


def adapter(tp: object) -> pydantic.TypeAdapter[object]:
    """
    Pydantic's own reader and writer of a type made of models.

    Raises:
        UnsupportedType: If pydantic cannot read it, as when a union mixes models and Structs.
    """
    import pydantic

    try:
        built = pydantic.TypeAdapter(cast("type[object]", tp))
    except (pydantic.errors.PydanticUserError, TypeError) as error:
        raise UnsupportedType(
            f"{spell(tp)} mixes pydantic models with types that pydantic cannot read: {_first_line(error)}; "
            "use models only, or Structs only"
        ) from error
    for model in reachable(tp):
        _guard_unions(model)
    return built


def reader(codec: WireFormat, tp: object) -> Callable[[Data], object] | None:
    """The reader of a type made of models; `None` for any other type."""
    if not holds_model(tp):
        return None
    check = codec.reader(typing.Any)
    if _is_json(codec):
        validate_json = adapter(tp).validate_json

        def read_json(data: Data) -> object:
            check(data)  # pydantic's JSON parser takes NaN, 1e999 and doubled keys; ours does not (RFC 8259 §4, §6)
            return validate_json(data)

        return read_json
    validate_python = adapter(tp).validate_python
    return lambda data: validate_python(check(data))


def writer(codec: WireFormat, tp: object) -> Callable[[object], bytes] | None:
    """The writer of a type made of models; `None` for any other type."""
    if not holds_model(tp):
        return None
    write, reader_of = codec.writer(), adapter(tp)
    dump_json, dump_python, validate = reader_of.dump_json, reader_of.dump_python, reader_of.validate_python

    def check(value: object) -> None:
        """Instances stay as they are, and nothing else is one: pydantic writes a model of another class as it comes."""
        import pydantic

        try:
            validate(value, strict=True)
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
            raise ValueError(f"${place}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None

    def write_model(value: object) -> bytes:
        if not is_model(type(value)):
            check(value)
        if _is_json(codec):
            return dump_json(value, by_alias=True, warnings="error")
        return write(dump_python(value, by_alias=True, warnings="error"))

    return write_model


def _is_json(codec: WireFormat) -> bool:
    return codec.media_type == "application/json"


def reachable(tp: object) -> set[type]:
    """The models that a type is made of, those in their fields included."""
    found: set[type] = set()
    waiting = [tp]
    while waiting:
        current = waiting.pop()
        if not is_model(current):
            waiting.extend(arguments(current))
        elif current not in found:
            found.add(cast("type", current))
            waiting.extend(field.annotation for field in _fields(current).values())
    return found


def _fields(model: object) -> dict[str, pydantic.fields.FieldInfo]:
    if not getattr(model, "__pydantic_complete__", True):
        cast("type[pydantic.BaseModel]", model).model_rebuild(raise_errors=False)  # it named a class before it existed
    return getattr(model, "__pydantic_fields__", None) or {}


def _guard_unions(model: type) -> None:
    """Refuse a field whose union doubles the work with each level: a message of 150 bytes would take hours."""
    for name, field in _fields(model).items():
        if field.discriminator is not None:
            continue
        for union in _unions(field.annotation):
            untagged = [strip(member) for member in typing.get_args(union) if not _tagged(member)]
            if sum(is_model(member) and model in reachable(member) for member in untagged) > 1:
                raise UnsupportedType(
                    f"{spell(model)}.{name}: pydantic tries every member of {spell(union)} on every level of nesting; "
                    "tell them apart with Field(discriminator=…)"
                )


def _tagged(tp: object) -> bool:
    return any(getattr(extra, "discriminator", None) is not None for extra in getattr(tp, "__metadata__", ()))


def _unions(tp: object) -> Iterator[object]:
    """The unions within a type that are not told apart by a discriminator."""
    if _tagged(tp):
        return
    if is_union(tp):
        yield tp
    for argument in arguments(tp):
        yield from _unions(argument)


class InvalidModel(ValueError):
    """
    What pydantic refused inside a type of msgspec, which adds the place and wraps it.

    Attributes:
        error: Pydantic's own.
        value: What was to become a model.
    """

    def __init__(self, error: pydantic.ValidationError, value: object) -> None:
        self.error = error
        self.value = value
        super().__init__(str(error))


def load(tp: type, value: object) -> object:
    """
    Hook of msgspec's decoders: a model from what was decoded in its place.

    Raises:
        InvalidModel: If it is none.
    """
    if is_model(tp):
        import pydantic

        try:
            return cast("type[pydantic.BaseModel]", tp).__pydantic_validator__.validate_python(value)
        except pydantic.ValidationError as error:
            raise InvalidModel(error, value) from None
    if tp is object:
        return value
    raise TypeError(f"cannot decode {spell(tp)}")


def vouched(tp: type, value: object) -> object:
    """
    Hook of the decoders that check what was encoded: any model of the class.

    Pydantic checked it when it was written, and what is written need not read back: names and fields may differ.
    """
    if is_model(tp):
        if isinstance(value, dict) or (hasattr(tp, "__pydantic_root_model__") and tp.__pydantic_root_model__):
            return object.__new__(tp)
        raise ValueError(f"expected {spell(tp)}, got {spell(type(value))}")
    return load(tp, value)


def dump(value: object) -> object:
    """Hook of msgspec's encoders: what can be encoded in place of a model, or of an instance of `class Name(str)`."""
    if is_model(type(value)):
        model = cast("pydantic.BaseModel", value)
        return model.__pydantic_serializer__.to_python(model, mode="json", by_alias=True, warnings="error")
    match value:
        case str():
            return str.__str__(value)
        case int():
            return int.__int__(value)
        case float():
            return float.__float__(value)
        case bytes():
            return bytes(value)
    if isinstance(value, types.CoroutineType):
        raise TypeError(f"cannot encode the coroutine {value.__qualname__}; write `await` before its call")
    raise TypeError(
        f"cannot encode a value of type {spell(type(value))}; use a msgspec.Struct, a dataclass, a pydantic model or a "
        "builtin type"
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].partition(". ")[0]
