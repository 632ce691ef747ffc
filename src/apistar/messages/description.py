"""
JSON Schema of message types, whoever reads them: one call describes all types of an application, so that what they
share is defined once.

- Docstrings are descriptions, and a field's line in their section `Attributes:` is the description of that field.
- `Meta(title=…, description=…, examples=…, extra_json_schema={"deprecated": True})` passes through.
- A tag is a `const`, and a union of tagged Structs has a `discriminator` as OpenAPI spells it.
- A type that cannot be described is `{}`, which allows anything: a document never fails for one type.

Sources: JSON Schema 2020-12, OpenAPI 3.1 §4.8.24 (Schema Object) and §4.8.25 (Discriminator Object).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, TypeVar, cast

import msgspec

from ..exceptions import ConfigurationError
from . import models
from .completion import complete
from .docstring import Docstring, parse

Schema: TypeAlias = dict[str, object]
Mode: TypeAlias = Literal["validation", "serialization"]
T = TypeVar("T")

REFERENCE: Final = "#/components/schemas/{name}"

_PLACEHOLDER: Final = "apistar:model"
_UNDESCRIBABLE: Final = (TypeError, ValueError, KeyError, NameError, AttributeError, RecursionError, ConfigurationError)
"""What the two engines raise for a type they cannot describe; pydantic's errors are among them."""


@dataclass(frozen=True, slots=True)
class Description:
    """
    What `describe` found.

    Attributes:
        incoming, outgoing: One schema per type, in the order given.
        definitions: The named schemas that they refer to.
    """

    incoming: tuple[Schema, ...]
    outgoing: tuple[Schema, ...]
    definitions: dict[str, Schema]


def describe(incoming: Iterable[object], outgoing: Iterable[object] = (), *, reference: str = REFERENCE) -> Description:
    """
    Describe types as JSON Schema.

    Args:
        incoming: Types that the application decodes.
        outgoing: Types that it encodes; pydantic's models may differ by direction (defaults, computed fields).
        reference: How a definition is referred to, with `{name}`.
    """
    uses: list[tuple[object, Mode]] = [(tp, "validation") for tp in incoming]
    count = len(uses)
    uses.extend((tp, "serialization") for tp in outgoing)
    drawer = _Drawer(reference)
    schemas = drawer.draw(uses)
    return Description(tuple(schemas[:count]), tuple(schemas[count:]), dict(sorted(drawer.definitions.items())))


def subschemas(schema: Schema) -> Iterator[Schema]:
    """The schemas directly inside a schema, wherever a keyword takes one (JSON Schema 2020-12 §10)."""
    for keyword, value in schema.items():
        if keyword in _ONE and isinstance(value, dict):
            yield value
        elif keyword in _MANY and isinstance(value, list):
            yield from value
        elif keyword in _NAMED and isinstance(value, dict):
            yield from cast("Iterable[Schema]", value.values())


_ONE: Final = frozenset({"items", "additionalProperties", "propertyNames", "not", "contains", "if", "then", "else"})
_MANY: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_NAMED: Final = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})


class _Drawer:
    """Collects definitions from both engines under names that are unique together."""

    def __init__(self, reference: str) -> None:
        self.definitions: dict[str, Schema] = {}
        self._reference = reference
        self._models: list[type] = []

    def draw(self, uses: Sequence[tuple[object, Mode]]) -> list[Schema]:
        modelled = [models.holds_model(tp) for tp, _ in uses]
        plain = [tp for (tp, _), model in zip(uses, modelled, strict=True) if not model]
        structs = iter(self._batch(plain, self._of_structs))
        inner: list[tuple[object, Mode]] = [(model, "validation") for model in self._models]
        whole = [use for use, model in zip(uses, modelled, strict=True) if model]
        drawn = self._batch([*whole, *inner], self._of_models)
        outer = iter(drawn)
        schemas = [next(outer) if model else next(structs) for model in modelled]
        for schema in (*schemas, *self.definitions.values()):
            self._fill(schema, drawn[len(whole) :])
            _polish(schema)
        return schemas

    def _of_structs(self, types: Sequence[object]) -> list[Schema]:
        schemas, definitions = msgspec.json.schema_components(
            types, schema_hook=self._custom, ref_template=self._reference
        )
        complete(types, schemas, definitions, self._reference)
        return self._adopt(schemas, definitions)

    def _of_models(self, uses: Sequence[tuple[object, Mode]]) -> list[Schema]:
        import pydantic

        keyed = [(index, mode, models.adapter(tp)) for index, (tp, mode) in enumerate(uses)]
        template = self._reference.replace("{name}", "{model}")
        schemas, document = pydantic.TypeAdapter.json_schemas(keyed, ref_template=template)
        return self._adopt([schemas[index, mode] for index, mode, _ in keyed], document.get("$defs", {}))

    def _batch(self, uses: Sequence[T], draw: Callable[[Sequence[T]], list[Schema]]) -> list[Schema]:
        """Draw all at once, so that names are chosen for all; one by one where some type cannot be described."""
        if not uses:
            return []
        try:
            return draw(uses)
        except _UNDESCRIBABLE:
            return [{}] if len(uses) == 1 else [schema for use in uses for schema in self._batch([use], draw)]

    def _adopt(self, schemas: Sequence[Schema], definitions: Mapping[str, Schema]) -> list[Schema]:
        """Take definitions in, renaming those whose name another type has, or whose name is no word."""
        renamed: dict[object, str] = {}
        for given, definition in definitions.items():
            name = _shorten(given, definition)
            if self.definitions.get(name, definition) != definition:
                free = next(f"{name}_{n}" for n in itertools.count(2) if f"{name}_{n}" not in self.definitions)
                name = free
            if name != given:
                renamed[self._reference.format(name=given)] = self._reference.format(name=name)
            self.definitions[name] = definition
        if renamed:
            for schema in (*schemas, *definitions.values()):
                _redirect(schema, renamed)
        return list(schemas)

    def _custom(self, cls: type) -> Schema:
        """Hook of msgspec: a model is filled in later, when pydantic has named it."""
        if not models.is_model(cls):
            return {_PLACEHOLDER: None}
        if cls not in self._models:
            self._models.append(cls)
        return {_PLACEHOLDER: self._models.index(cls)}

    def _fill(self, schema: Schema, inner: Sequence[Schema]) -> None:
        index = schema.pop(_PLACEHOLDER, None)
        if isinstance(index, int):
            schema.update(inner[index])
        for part in subschemas(schema):
            self._fill(part, inner)


def _shorten(name: str, definition: Schema) -> str:
    """
    A generic type's name: `Page_Order` where its title is `Page[Order]`.

    msgspec spells arguments that are no classes with their modules, `Page[list[shop.orders.Order]]`, and the names of
    both engines end in underscores; from them others make the names of classes.
    """
    title = definition.get("title")
    if not isinstance(title, str) or re.fullmatch(r"[\w.]+\[.*\]", title) is None:
        return name
    short = _MODULES.sub(lambda found: found[0] if found[0][0] in "'\"" else "", title)
    definition["title"] = short
    return re.sub(r"[^A-Za-z0-9]+", "_", short).strip("_") or name


_MODULES: Final = re.compile(r"'[^']*'|\"[^\"]*\"|(?:[^\W\d][\w<>]*\.|<locals>\.)+")


def _redirect(schema: Schema, renamed: Mapping[object, str]) -> None:
    if schema.get("$ref") in renamed:
        schema["$ref"] = renamed[schema["$ref"]]
    discriminator = schema.get("discriminator")
    if isinstance(discriminator, dict) and "mapping" in discriminator:
        mapping = discriminator["mapping"]
        discriminator["mapping"] = {tag: renamed.get(ref, ref) for tag, ref in mapping.items()}
    for part in subschemas(schema):
        _redirect(part, renamed)


def _polish(schema: Schema) -> None:
    """Spell a schema as documents do: `const` for one value, descriptions without the margins of the source."""
    values = schema.get("enum")
    if isinstance(values, list) and len(values) == 1:
        schema["const"] = values[0]
        del schema["enum"]
    if schema.get("required") == []:
        del schema["required"]
    if isinstance(discriminator := schema.get("discriminator"), dict) and "mapping" in discriminator:
        discriminator["mapping"] = {str(tag): ref for tag, ref in discriminator["mapping"].items()}
    description = schema.get("description")
    if isinstance(description, str):
        _describe_fields(schema, parse(description))
    for part in subschemas(schema):
        _polish(part)


def _describe_fields(schema: Schema, docstring: Docstring) -> None:
    """Give each field its line of the section `Attributes:`."""
    if docstring.text:
        schema["description"] = docstring.text
    else:
        del schema["description"]
    properties = schema.get("properties")
    if isinstance(properties, dict):
        fields = {_plain(name): field for name, field in properties.items()}
        for name, text in docstring.entries.get("Attributes", {}).items():
            if (field := fields.get(_plain(name))) is not None:
                field.setdefault("description", text)


def _plain(name: str) -> str:
    """A field's name without its style: `the_text`, `theText` and `the-text` are one field renamed."""
    return re.sub(r"[^0-9a-z]", "", name.lower())
