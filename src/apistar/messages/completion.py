"""
What msgspec leaves out of a schema, added by walking a type and its schema side by side.

- The names of keys, where a mapping's type says more than text: msgspec describes the values of `dict[Colour, int]`,
  and of its keys only the constraints of `str`. The keyword is `propertyNames` (JSON Schema 2020-12 §10.3.2.4).
- The format of `datetime` and `time`, which msgspec tells only where a timezone is asked for. They are taken with and
  without one; but whoever reads `string` and no more sends what is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_FORMATS: Final = {
    "UUIDType": "uuid",
    "DateType": "date",
    "DateTimeType": "date-time",
    "TimeType": "time",
    "TimeDeltaType": "duration",
    "DecimalType": "decimal",
}
_EITHER_ZONE: Final = ("DateTimeType", "TimeType")


def complete(types: Sequence[object], schemas: Sequence[Any], definitions: Mapping[str, Any], reference: str) -> None:
    """
    Complete the schemas of types, and the definitions that they refer to.

    Args:
        types: What was described.
        schemas: As msgspec described it, in the same order.
        definitions: By name.
        reference: How they are referred to, with `{name}`.
    """
    from msgspec import inspect

    walk = _Walk({reference.format(name=name): schema for name, schema in definitions.items()})
    for info, schema in zip(inspect.multi_type_info(types), schemas, strict=True):
        walk.visit(info, schema)


class _Walk:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._seen: set[int] = set()

    def visit(self, info: Any, schema: Any) -> None:
        """Visit a type with its schema; where the two do not match, nothing is added."""
        info = _bare(info)
        if "allOf" in schema and len(schema["allOf"]) == 1:
            [schema] = schema["allOf"]
        schema = self._definitions.get(schema.get("$ref", ""), schema)
        kind = type(info).__name__
        if kind in _EITHER_ZONE and info.tz is None and schema.get("type") == "string":
            schema.setdefault("format", _FORMATS[kind])
        for inner, part in self._parts(info, schema):
            self.visit(inner, part)

    def _parts(self, info: Any, schema: Any) -> Iterator[tuple[Any, Any]]:
        from msgspec import inspect

        match info:
            case (
                inspect.StructType() | inspect.DataclassType() | inspect.TypedDictType() | inspect.NamedTupleType()
            ) if id(schema) not in self._seen:
                self._seen.add(id(schema))
                items = schema.get("prefixItems", ())
                for field, item in zip(
                    reversed(info.fields), reversed(items), strict=False
                ):  # a tag stands before them
                    yield field.type, item
                for field in info.fields:
                    if (found := schema.get("properties", {}).get(field.encode_name)) is not None:
                        yield field.type, found
            case inspect.DictType(key, value):
                if names := _names(_bare(key)):
                    schema.setdefault("propertyNames", names)
                if "additionalProperties" in schema:
                    yield value, schema["additionalProperties"]
            case inspect.TupleType(items):
                yield from zip(items, schema.get("prefixItems", ()), strict=False)
            case inspect.CollectionType() if "items" in schema:
                yield info.item_type, schema["items"]
            case inspect.UnionType(types):
                yield from zip(_in_order(types), _options(schema), strict=False)


def _names(key: Any) -> dict[str, object]:
    """What is known of the names; nothing of plain text, which msgspec describes itself."""
    from msgspec import inspect

    match key:
        case inspect.EnumType(cls):
            return {"enum": [str(member.value) for member in cls]}
        case inspect.LiteralType(values):
            return {"enum": [str(value) for value in values]}
        case inspect.IntType():
            return {"pattern": "^-?[0-9]+$"}
    known = _FORMATS.get(type(key).__name__)
    return {"format": known} if known else {}


def _in_order(types: Sequence[Any]) -> list[Any]:
    """The members of a union as msgspec describes them: Structs last, `None` behind them."""
    from msgspec import inspect

    def rank(info: Any) -> int:
        bare = _bare(info)
        if isinstance(bare, inspect.NoneType):
            return 2
        return isinstance(bare, inspect.StructType) and not bare.array_like

    return sorted(types, key=rank)


def _options(schema: Any) -> list[Any]:
    """The members of a union as they are described; Structs with tags have a union of their own in it."""
    found: list[Any] = []
    for option in schema.get("anyOf", ()):
        found.extend(option["anyOf"] if "discriminator" in option else [option])
    return found


def _bare(info: Any) -> Any:
    from msgspec import inspect

    while isinstance(info, inspect.Metadata):
        info = info.type
    return info
