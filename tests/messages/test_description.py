"""
Message types as JSON Schema, from both engines, under names that are unique together.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
import pydantic
import pytest
from jsonschema import Draft202012Validator

from apistar.messages.description import Description, Schema, describe, subschemas

T = TypeVar("T")


class Say(msgspec.Struct, tag="say", rename="camel"):
    """
    Say something in a room.

    Everybody hears it.

    Attributes:
        the_text: What to say, and
            how to say it.
        first_ear, second_ear (optional): Who hears it.
    """

    the_text: str
    first_ear: str | None = None
    second_ear: str | None = None


class Leave(msgspec.Struct, tag="leave"):
    pass


class Guest(msgspec.Struct):
    age: Annotated[int, msgspec.Meta(ge=18, description="in years", examples=[21])]
    old: Annotated[str, msgspec.Meta(extra_json_schema={"deprecated": True})] = ""


class Page(msgspec.Struct, Generic[T]):
    items: list[T]
    more: Page[T] | None = None


class Mode(enum.Enum):
    ONLY = "only"


@dataclass
class Point:
    x: int = 1


class Model(pydantic.BaseModel):
    """A model."""

    name: str = pydantic.Field(alias="userName")
    with_default: int = 1


class Computed(pydantic.BaseModel):
    @pydantic.computed_field  # type: ignore[prop-decorator]  # mypy wants no decorator above a property
    @property
    def total(self) -> int:
        return 1


class Holder(msgspec.Struct):
    models: list[Model]
    first: Model | None = None


def one(tp: object) -> tuple[Schema, dict[str, Schema]]:
    description = describe([tp])
    return description.incoming[0], description.definitions


def reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def test_describe_puts_docstrings_where_they_belong() -> None:
    _, definitions = one(Say)
    assert definitions["Say"] == {
        "title": "Say",
        "description": "Say something in a room.\n\nEverybody hears it.",
        "type": "object",
        "properties": {
            "type": {"const": "say"},
            "theText": {"type": "string", "description": "What to say, and how to say it."},
            "firstEar": {
                "anyOf": [{"type": "string"}, {"type": "null"}],
                "default": None,
                "description": "Who hears it.",
            },
            "secondEar": {
                "anyOf": [{"type": "string"}, {"type": "null"}],
                "default": None,
                "description": "Who hears it.",
            },
        },
        "required": ["type", "theText"],
    }


def test_describe_gives_a_tagged_union_its_discriminator() -> None:
    schema, definitions = one(Say | Leave)
    assert schema == {
        "anyOf": [reference("Say"), reference("Leave")],
        "discriminator": {
            "propertyName": "type",
            "mapping": {"say": "#/components/schemas/Say", "leave": "#/components/schemas/Leave"},
        },
    }
    assert list(definitions) == ["Leave", "Say"]


def test_describe_keeps_constraints_examples_and_deprecations() -> None:
    _, definitions = one(Guest)
    assert definitions["Guest"]["properties"] == {
        "age": {"type": "integer", "minimum": 18, "description": "in years", "examples": [21]},
        "old": {"type": "string", "deprecated": True, "default": ""},
    }


def test_describe_spells_one_value_as_const() -> None:
    assert one(Literal["a"])[0] == {"const": "a"}
    assert one(Mode)[1]["Mode"]["const"] == "only"


def test_describe_does_not_invent_a_description_for_a_dataclass() -> None:
    assert one(Point)[1]["Point"] == {
        "title": "Point",
        "type": "object",
        "properties": {"x": {"type": "integer", "default": 1}},
    }


def test_describe_names_a_generic_type_with_its_argument() -> None:
    schema, definitions = one(Page[int])
    assert schema == reference("Page_int")
    assert definitions["Page_int"]["title"] == "Page[int]"


class Sheet(pydantic.BaseModel, Generic[T]):
    item: T


@pytest.mark.parametrize(
    ("tp", "name", "title"),
    [
        (Page[Point], "Page_Point", "Page[Point]"),
        (Page[list[Point]], "Page_list_Point", "Page[list[Point]]"),
        (Page[Point | None], "Page_Point_None", "Page[Point | None]"),
        (Page[Page[Point]], "Page_Page_Point", "Page[Page[Point]]"),
        (Page[Literal["a.b"]], "Page_Literal_a_b", "Page[Literal['a.b']]"),
        (Sheet[Point], "Sheet_Point", "Sheet[Point]"),
        (Sheet[list[int]], "Sheet_list_int", "Sheet[list[int]]"),
    ],
)
def test_describe_names_a_generic_type_without_modules(tp: Any, name: str, title: str) -> None:
    described = describe([tp, list[tp]])
    assert described.incoming == (reference(name), {"type": "array", "items": reference(name)})
    assert described.definitions[name]["title"] == title
    local = type("Point", (msgspec.Struct,), {"__annotations__": {"y": int}})
    both = describe([Page[Point], Page[local]])  # type: ignore[valid-type]
    assert {"Page_Point", "Page_Point_2"} <= both.definitions.keys()


def test_describe_reads_models_by_alias() -> None:
    schema, definitions = one(Model)
    assert schema == reference("Model")
    assert definitions["Model"]["required"] == ["userName"]
    assert definitions["Model"]["description"] == "A model."


def test_describe_reads_models_by_direction_where_they_differ() -> None:
    description = describe([Computed], [Computed])
    assert description.incoming == (reference("Computed-Input"),)
    assert description.outgoing == (reference("Computed-Output"),)
    assert description.definitions["Computed-Output"]["required"] == ["total"]


def test_describe_reads_models_inside_structs() -> None:
    schema, definitions = one(Holder)
    assert schema == reference("Holder")
    assert definitions["Holder"]["properties"] == {
        "models": {"type": "array", "items": reference("Model")},
        "first": {"anyOf": [reference("Model"), {"type": "null"}], "default": None},
    }
    assert definitions["Model"]["type"] == "object"


def make(name: str) -> tuple[type, type]:
    """A Struct and a model of one name."""
    return msgspec.defstruct(name, [("a", int)]), pydantic.create_model(name, b=(str, ...))


def test_describe_renames_a_model_that_shares_its_name_with_a_struct() -> None:
    struct, model = make("Twin")
    description = describe([struct, list[model]])  # type: ignore[valid-type]  # a type made at run time
    assert description.incoming == (reference("Twin"), {"type": "array", "items": reference("Twin_2")})
    # JSON, whose values are of any type.
    assert list(description.definitions["Twin"]["properties"]) == ["a"]  # type: ignore[call-overload]
    assert list(description.definitions["Twin_2"]["properties"]) == ["b"]  # type: ignore[call-overload]  # also JSON


class Bare:
    pass


@pytest.mark.parametrize("tp", [Bare, object, Callable, "Nowhere"], ids=str)
def test_describe_allows_anything_for_a_type_it_cannot_describe(tp: object) -> None:
    description = describe([Say, tp, Model])
    assert description.incoming == (reference("Say"), {}, reference("Model"))


ALL = (Say, Say | Leave, Guest, Page[int], Page[Guest], Mode, Point, Model, Holder, dict[str, Say], tuple[int, str])


def test_describe_gives_valid_schemas_whose_references_lead_somewhere() -> None:
    description = describe(ALL, ALL)
    for schema in (*description.incoming, *description.outgoing, *description.definitions.values()):
        Draft202012Validator.check_schema(schema)
        for ref in references(schema):
            assert ref.removeprefix("#/components/schemas/") in description.definitions


def test_describe_describes_what_the_encoder_writes() -> None:
    from apistar.messages import JSON

    values: list[tuple[object, object]] = [
        (Say | Leave, Say("hello")),
        (Guest, Guest(18)),
        (Page[int], Page([1], Page([2]))),
        (Holder, Holder([Model(userName="ann")])),
    ]
    description = describe([], [tp for tp, _ in values], reference="#/$defs/{name}")
    for (tp, value), schema in zip(values, description.outgoing, strict=True):
        data = msgspec.json.decode(JSON.encoder(tp)(value))
        assert accepts(description, schema, data)
        assert not accepts(description, schema, {"type": "nothing", "age": "x"})


def accepts(description: Description, schema: Schema, data: object) -> bool:
    return bool(Draft202012Validator({**schema, "$defs": description.definitions}).is_valid(data))


def references(schema: Schema) -> list[str]:
    here = [str(schema["$ref"])] if "$ref" in schema else []
    return here + [ref for part in subschemas(schema) for ref in references(part)]
