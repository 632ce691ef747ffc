"""
OpenAPI and AsyncAPI documents: valid by their own people's tools, and right in what they say.
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from apistar import ASyncApp, Component, Include, Route, WebSocket, http
from apistar.exceptions import ConfigurationError
from apistar.schema.asyncapi import asyncapi
from apistar.schema.documents import Format, Kind, document, parsed, text
from apistar.schema.openapi import Document, openapi
from apistar.schema.reading import read
from apistar.schema.reference import Info, Reference, Server
from apistar.schema.yaml import to_yaml
from tests.schema.application import build
from tests.schema.validation import judge_all_asyncapi

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = sorted(
    path.relative_to(FOLDER.parent).with_suffix("").as_posix().replace("/", ".")
    for path in FOLDER.rglob("*.py")
    if "\napp = " in path.read_text()
)


@pytest.fixture(scope="module")
def reference() -> Reference:
    return read(build().router.entries, Info("Shop", "1.2.0", "Sells things.", (Server("https://shop.example/api"),)))


def test_openapi_document_is_valid(reference: Reference) -> None:
    assert list(OpenAPIV31SpecValidator(openapi(reference)).iter_errors()) == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_openapi_document_of_an_example_is_valid(name: str) -> None:
    assert list(OpenAPIV31SpecValidator(openapi(reference_of(name))).iter_errors()) == []


def test_openapi_document_without_routes_is_valid() -> None:
    assert list(OpenAPIV31SpecValidator(openapi(ASyncApp().reference())).iter_errors()) == []


@pytest.mark.requires("node-asyncapi")
def test_asyncapi_documents_are_valid(reference: Reference) -> None:
    documents = {name: asyncapi(reference_of(name)) for name in EXAMPLES}
    documents["everything"] = asyncapi(reference)
    documents["no routes"] = asyncapi(ASyncApp().reference())
    documents["wrong"] = asyncapi(reference)
    documents["wrong"]["channels"]["chat"]["messages"] = {"Say": {"$ref": "#/components/messages/Nothing"}}
    verdicts = dict(zip(documents, judge_all_asyncapi(list(documents.values())), strict=True))
    wrong = verdicts.pop("wrong")
    assert not wrong.parsed
    assert wrong.complaints
    assert {name: (verdict.parsed, verdict.complaints) for name, verdict in verdicts.items()} == {
        name: (True, []) for name in verdicts
    }


def reference_of(name: str) -> Reference:
    app: ASyncApp = importlib.import_module(name).app
    return app.reference()


def test_openapi_describes_an_operation(reference: Reference) -> None:
    place = openapi(reference)["paths"]["/v1/orders/{id}"]["put"]
    assert place["summary"] == "Place an order."
    assert place["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Order"}
    assert [parameter["name"] for parameter in place["parameters"]] == ["id", "tenant", "dry", "tags", "limit"]
    assert place["parameters"][-1] == {
        "name": "limit",
        "in": "query",
        "description": "How many at most.",
        "schema": {"type": "integer", "minimum": 1, "default": 10},
    }
    assert place["responses"]["409"] == {
        "description": "order … is already placed",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def test_openapi_says_where_nothing_may_come_back(reference: Reference) -> None:
    paths = openapi(reference)["paths"]
    assert paths["/v1/orders/{id}"]["put"]["responses"]["204"] == {"description": "No Content"}
    assert set(paths["/nothing"]["delete"]["responses"]) == {"204"}
    assert "204" not in paths["/v1/orders"]["get"]["responses"]


def test_openapi_has_the_definitions_of_its_own_routes_only(reference: Reference) -> None:
    assert set(openapi(reference)["components"]["schemas"]) == {"Colour", "Order", "Problem", "Profile"}
    assert set(asyncapi(reference)["components"]["schemas"]) == {"Leave", "Profile", "Said", "Say"}


def test_openapi_writes_the_rest_of_a_path_as_a_parameter(reference: Reference) -> None:
    upload = openapi(reference)["paths"]["/files/{rest}"]["post"]
    assert upload["parameters"][0]["description"] == "The rest of the path, slashes included."


def test_openapi_names_a_security_scheme_instead_of_its_header() -> None:
    class Token(str):
        pass

    class TokenComponent(Component):
        security = {"bearer": {"type": "http", "scheme": "bearer"}}

        def resolve(self, authorization: http.Header) -> Token:
            return Token(authorization)

    def show(token: Token) -> str:
        return token

    document = openapi(read(ASyncApp([Route("/", handler=show)], [TokenComponent()]).router.entries))
    assert "parameters" not in document["paths"]["/"]["get"]
    assert document["paths"]["/"]["get"]["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}


def test_asyncapi_describes_a_channel(reference: Reference) -> None:
    document = asyncapi(reference)
    chat = document["channels"]["chat"]
    assert chat["address"] == "/chat/{room}"
    assert chat["parameters"] == {"room": {"description": "Where to talk.", "enum": ["blue", "red"]}}
    assert set(chat["messages"]) == {"Say", "Leave", "Said"}
    binding = chat["bindings"]["ws"]
    assert binding["query"]["properties"]["since"] == {
        "type": "integer",
        "default": 0,
        "description": "Number of the first message to get.",
    }
    assert binding["headers"]["required"] == ["authorization"]
    assert binding["headers"]["properties"]["Sec-WebSocket-Protocol"] == {
        "type": "string",
        "enum": ["json", "msgpack"],
    }
    assert chat["x-denials"]["404"] == {"description": "a parameter of the path does not fit its type; no such room"}
    assert chat["x-close-codes"]["4001"] == {"description": "kicked"}


def test_asyncapi_is_seen_from_the_application(reference: Reference) -> None:
    operations = asyncapi(reference)["operations"]
    assert operations["chat.receive"]["action"] == "receive"
    assert operations["chat.receive"]["messages"] == [
        {"$ref": "#/channels/chat/messages/Leave"},
        {"$ref": "#/channels/chat/messages/Say"},
    ]
    assert "v1.ticks.receive" not in operations
    assert operations["v1.ticks.send"]["messages"] == [{"$ref": "#/channels/v1.ticks/messages/Said"}]


def test_asyncapi_translates_security_schemes(reference: Reference) -> None:
    document = asyncapi(reference)
    assert document["components"]["securitySchemes"]["token"] == {"type": "httpApiKey", "in": "query", "name": "token"}
    assert document["operations"]["chat.send"]["security"] == [
        {"$ref": "#/components/securitySchemes/bearer"},
        {"$ref": "#/components/securitySchemes/token"},
    ]


def test_asyncapi_names_the_server_of_the_application(reference: Reference) -> None:
    assert asyncapi(reference)["servers"] == {"server": {"host": "shop.example", "protocol": "wss", "pathname": "/api"}}


def test_asyncapi_keeps_messages_of_one_name_apart() -> None:
    def socket(struct: type) -> Route:
        async def talk(ws: WebSocket) -> None:
            await ws.connect()

        # A type made at run time.
        talk.__annotations__ = {"ws": WebSocket[struct, str], "return": None}  # type: ignore[valid-type]
        return Route("/talk", handler=talk)

    one = msgspec.defstruct("Talk", [("a", int)])
    other = msgspec.defstruct("Talk", [("b", int)], module="elsewhere")
    app = ASyncApp([Include("/one", "one", [socket(one)]), Include("/other", "other", [socket(other)])])
    document = asyncapi(read(app.router.entries))
    assert set(document["components"]["messages"]) == {"Talk", "Talk_2", "Text"}


# As text


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("form", Format)
def test_document_as_text_reads_back_as_itself(reference: Reference, kind: Kind, form: Format) -> None:
    written = document(reference, kind)
    assert parsed(text(written, form)) == written
    assert yaml.safe_load(text(written, form)) == written


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_yaml_reads_back_as_what_was_written(value: object) -> None:
    assert yaml.safe_load(to_yaml(value)) == value


@settings(deadline=None)
@given(st.lists(st.text(alphabet="ab1_- \n:#'.\"{}[]|>&*!%@`,?~eE+0oxyn$/;=<")))
def test_yaml_quotes_what_could_be_misread(values: list[str]) -> None:
    assert yaml.safe_load(to_yaml(values)) == values
    assert yaml.safe_load(to_yaml(dict.fromkeys(values, "x"))) == dict.fromkeys(values, "x")


def test_yaml_writes_paragraphs_as_a_block() -> None:
    assert to_yaml({"description": "One.\n\nTwo: 2."}) == "description: |-\n  One.\n\n  Two: 2.\n"


@pytest.mark.parametrize("written", ["[]", "a: [", "3", "", "{"])
def test_text_that_is_no_document_is_refused(written: str) -> None:
    with pytest.raises(ConfigurationError, match="the document is"):
        parsed(written)


def test_json_ends_with_a_line_break_and_is_indented(reference: Reference) -> None:
    written: Document = openapi(reference)
    assert text(written, Format.JSON) == json.dumps(written, indent=2, ensure_ascii=False) + "\n"


def test_titles_of_asyncapi_are_names_of_classes() -> None:
    """Generators of code call what they make by a schema's title."""
    rooms = importlib.import_module("examples.rooms").app.reference()
    schemas = asyncapi(rooms)["components"]["schemas"]
    assert "Published_Said" in schemas
    assert all(re.fullmatch(r"\w+", schema["title"]) for schema in schemas.values())
