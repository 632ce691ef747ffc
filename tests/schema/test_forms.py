"""
Bodies that come as forms: the document lists a form where the server takes one, with the fields that it wants.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Generic, NotRequired, TypedDict, TypeVar

import msgspec
import pydantic
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from apistar import ASyncApp, Route, TestClient, http
from apistar.schema.openapi import openapi

T = TypeVar("T")
JSON = "application/json"
MSGPACK = "application/msgpack"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


class Item(msgspec.Struct, rename="camel"):
    """One thing."""

    the_name: Annotated[str, msgspec.Meta(max_length=9)]
    tags: list[str] = []
    size: int | None = None


class Basket(msgspec.Struct):
    items: list[Item]


class Page(msgspec.Struct, Generic[T]):
    content: T


class Row(msgspec.Struct, array_like=True):
    x: int


class Options(TypedDict):
    name: str
    sizes: NotRequired[list[int]]


class Model(pydantic.BaseModel):
    name: str = pydantic.Field(alias="theName")
    count: int = 1


@dataclasses.dataclass
class Data:
    name: str
    rows: list[list[int]] = dataclasses.field(default_factory=list)


class Upload(msgspec.Struct, rename="camel"):
    the_title: Annotated[str, msgspec.Meta(min_length=1)]
    the_file: http.UploadFile
    more: list[http.UploadFile] = []
    cover: http.UploadFile | None = None


def app_of(annotation: Any, default: Any = ...) -> ASyncApp:
    async def show(body: Any) -> dict[str, Any]:
        return {"body": repr(body)}

    # A type made at run time.
    show.__annotations__ = {"body": http.Body[annotation], "return": dict[str, Any]}  # type: ignore[misc]
    if default is not ...:
        show.__defaults__ = (default,)
    return ASyncApp([Route("/", "POST", show)])


def body_of(annotation: Any, default: Any = ...) -> Any:
    document = openapi(app_of(annotation, default).reference())
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    return document["paths"]["/"]["post"]["requestBody"]


@pytest.mark.parametrize("annotation", [Item, Item | None, Options, Model, Annotated[Item, "noted"]], ids=str)
def test_object_of_single_values_may_come_as_a_form(annotation: Any) -> None:
    content = body_of(annotation)["content"]
    assert list(content) == [JSON, MSGPACK, URLENCODED, MULTIPART]
    assert content[URLENCODED] == content[JSON]
    client = TestClient(app_of(annotation))
    fields = {"theName": "a", "name": "a"}
    assert client.post("/", data=fields).status_code == 200
    assert client.post("/", files={name: (None, value) for name, value in fields.items()}).status_code == 200
    assert client.post("/", data={"other": "a"}).status_code == 400


@pytest.mark.parametrize("annotation", [Basket, Page[int], Row, Data, list[int], int, Item | list[int], Any], ids=str)
def test_what_a_form_cannot_hold_is_listed_without_one(annotation: Any) -> None:
    assert list(body_of(annotation)["content"]) == [JSON, MSGPACK]


def test_form_with_files_says_which_fields_it_needs() -> None:
    body = body_of(Upload)
    assert body["required"] is True
    assert body["content"] == {
        MULTIPART: {
            "schema": {
                "type": "object",
                "properties": {
                    "theTitle": {"type": "string", "minLength": 1},
                    "theFile": {"type": "string", "format": "binary"},
                    "more": {"type": "array", "items": {"type": "string", "format": "binary"}},
                    "cover": {"type": "string", "format": "binary"},
                },
                "required": ["theTitle", "theFile"],
            }
        }
    }
    client = TestClient(app_of(Upload))
    assert client.post("/", data={"theTitle": "a"}, files={"theFile": b"x"}).status_code == 200
    refused = client.post("/", data={"theTitle": "a"}, files={"other": b"x"})
    assert (refused.status_code, refused.json()["detail"]) == (400, "$.theFile: required field is missing")


@pytest.mark.parametrize(
    ("annotation", "default", "required"),
    [(Item, ..., True), (Item, None, False), (Item | None, ..., False), (Item, Item("x"), False)],
    ids=["no default", "None", "Optional", "value"],
)
def test_body_that_may_be_left_out_is_not_required(annotation: Any, default: Any, required: bool) -> None:
    assert body_of(annotation, default)["required"] is required
    assert (TestClient(app_of(annotation, default)).post("/").status_code == 200) is not required
