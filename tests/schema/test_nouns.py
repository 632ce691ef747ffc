"""
Each thing that a route may say of itself, in the document where clients look for it.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta
from openapi_spec_validator import OpenAPIV31SpecValidator
from typing_extensions import deprecated

from apistar import ASyncApp, Component, Include, Limits, Route, WebSocket, http
from apistar.exceptions import Unauthorized
from apistar.schema.asyncapi import asyncapi
from apistar.schema.openapi import Document, openapi
from tests.schema.validation import judge_asyncapi


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Move(msgspec.Struct, tag="move", rename="camel"):
    """
    Move a piece.

    Two squares at a time.

    Attributes:
        to_file: Which column.
    """

    to_file: Annotated[int, Meta(ge=0, le=7, examples=[3])]
    to_rank: Annotated[int, Meta(description="Which row.", extra_json_schema={"deprecated": True})] = 0
    colour: Colour | None = None


@deprecated("use Move")
class OldMove(msgspec.Struct, tag="old"):
    square: Annotated[str, Meta(pattern="^[a-h][1-8]$", min_length=2, max_length=2)]


class Board(msgspec.Struct, tag="board"):
    moves: Annotated[list[Move], Meta(max_length=100)]
    parent: Board | None = None


class Player:
    pass


class PlayerComponent(Component):
    security = {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}

    def resolve(self, x_key: http.Header, lang: Annotated[str, Meta(examples=["en"])] = "en") -> Player:
        """
        Find the player.

        Args:
            x_key: What was mailed to you.
            lang: For the errors.

        Raises:
            Forbidden: If the account is closed.
        """
        raise Unauthorized("bring a key")


async def play(
    ws: WebSocket[Annotated[Move, Meta(examples=[{"type": "move", "toFile": 3}])] | OldMove, Board],
    game: Annotated[str, Meta(max_length=9, examples=["g1"], description="Which game.")],
    player: Player,
    colour: Colour = Colour.RED,
) -> None:
    """
    Play a game.

    The first move is white's.

    Args:
        colour: Of your pieces.

    Raises:
        WebSocketProtocolError: If it is not your turn.
    """
    await ws.connect()
    await ws.close(4001, "resigned")


@deprecated("use play")
async def watch(game: str) -> AsyncIterator[Board]:
    """Watch a game."""
    yield Board([])


async def create(
    board: http.Body[Board],
    player: Player,
    size: Annotated[int, Meta(ge=1, extra_json_schema={"deprecated": True})] = 8,
) -> Board:
    """
    Create a game.

    Returns:
        The board before the first move.
    """
    return board


@pytest.fixture(scope="module")
def app() -> ASyncApp:
    return ASyncApp(
        [
            Include(
                "/games",
                "games",
                [
                    Route("/{game}/play", handler=play, codecs=["json", "msgpack"], limits=Limits(max_connections=9)),
                    Route("/{game}/watch", handler=watch),
                    Route("/", "POST", create),
                ],
            )
        ],
        [PlayerComponent()],
        servers=["https://games.example"],
    )


@pytest.fixture(scope="module")
def http_document(app: ASyncApp) -> Document:
    return openapi(app.reference())


@pytest.fixture(scope="module")
def socket_document(app: ASyncApp) -> Document:
    return asyncapi(app.reference())


@pytest.fixture(scope="module")
def channel(socket_document: Document) -> Document:
    found: Document = socket_document["channels"]["games.play"]
    return found


@pytest.mark.requires("node-asyncapi")
def test_both_documents_are_valid(http_document: Document, socket_document: Document) -> None:
    assert list(OpenAPIV31SpecValidator(http_document).iter_errors()) == []
    verdict = judge_asyncapi(socket_document)
    assert (verdict.parsed, verdict.complaints) == (True, [])


def test_address_and_parameters_of_the_path(channel: Document) -> None:
    assert channel["address"] == "/games/{game}/play"
    assert channel["parameters"] == {"game": {"description": "Which game.", "examples": ["g1"]}}


def test_parameters_of_the_query_come_from_handlers_and_components(channel: Document) -> None:
    query = channel["bindings"]["ws"]["query"]
    assert query["properties"] == {
        "lang": {"type": "string", "examples": ["en"], "default": "en", "description": "For the errors."},
        "colour": {
            "allOf": [{"$ref": "#/components/schemas/Colour"}],
            "default": "red",
            "description": "Of your pieces.",
        },
    }
    assert "required" not in query


def test_headers_come_from_components(channel: Document, http_document: Document) -> None:
    headers = channel["bindings"]["ws"]["headers"]
    assert headers["properties"]["x-key"] == {"type": "string", "description": "What was mailed to you."}
    assert headers["required"] == ["x-key"]
    parameters = http_document["paths"]["/games/"]["post"]["parameters"]
    assert {
        "name": "x-key",
        "in": "header",
        "description": "What was mailed to you.",
        "required": True,
        "schema": {"type": "string"},
    } in parameters


def test_messages_have_their_tags_texts_and_examples(socket_document: Document) -> None:
    message = socket_document["components"]["messages"]["Move"]
    assert (message["summary"], message["description"]) == ("Move a piece.", "Two squares at a time.")
    assert message["examples"] == [{"payload": {"type": "move", "toFile": 3}}]
    schema = socket_document["components"]["schemas"]["Move"]
    assert schema["properties"]["type"] == {"const": "move"}
    assert schema["required"] == ["type", "toFile"]


def test_fields_have_their_names_on_the_wire_constraints_texts_and_examples(socket_document: Document) -> None:
    fields = socket_document["components"]["schemas"]["Move"]["properties"]
    assert fields["toFile"] == {
        "type": "integer",
        "minimum": 0,
        "maximum": 7,
        "examples": [3],
        "description": "Which column.",
    }
    old = socket_document["components"]["schemas"]["OldMove"]["properties"]["square"]
    assert old == {"type": "string", "pattern": "^[a-h][1-8]$", "minLength": 2, "maxLength": 2}
    moves = socket_document["components"]["schemas"]["Board"]["properties"]["moves"]
    assert moves == {"type": "array", "maxItems": 100, "items": {"$ref": "#/components/schemas/Move"}}


def test_deprecations_of_routes_messages_fields_and_parameters(
    socket_document: Document, http_document: Document
) -> None:
    assert socket_document["channels"]["games.watch"]["x-deprecated"] is True
    assert "x-deprecated" not in socket_document["channels"]["games.play"]
    assert socket_document["components"]["messages"]["OldMove"]["x-deprecated"] is True
    assert "x-deprecated" not in socket_document["components"]["messages"]["Move"]
    assert socket_document["components"]["schemas"]["Move"]["properties"]["toRank"]["deprecated"] is True
    size = next(
        parameter
        for parameter in http_document["paths"]["/games/"]["post"]["parameters"]
        if parameter["name"] == "size"
    )
    assert size["deprecated"] is True


def test_message_of_a_builtin_type_has_the_text_of_its_note_and_none_of_its_class() -> None:
    async def count(ws: WebSocket[Annotated[int, Meta(description="How many.")], Any]) -> None: ...

    messages = asyncapi(ASyncApp([Route("/", handler=count)]).reference())["components"]["messages"]
    assert messages["int"]["summary"] == "How many."
    assert "summary" not in messages["Any"]


def test_recursive_type_refers_to_itself(socket_document: Document) -> None:
    parent = socket_document["components"]["schemas"]["Board"]["properties"]["parent"]
    assert parent["anyOf"] == [{"$ref": "#/components/schemas/Board"}, {"type": "null"}]


def test_handshake_that_is_refused(channel: Document) -> None:
    assert {status: outcome["description"] for status, outcome in channel["x-denials"].items()} == {
        "400": "a parameter is missing or does not fit its type",
        "401": "bring a key",
        "403": "The Origin of the browser is not allowed. If the account is closed.",
        "404": "a parameter of the path does not fit its type",
        "503": "the server has its 9 connections",
    }


def test_channel_lists_the_close_codes_of_its_handler_and_limits(channel: Document) -> None:
    closes = {int(code): outcome["description"] for code, outcome in channel["x-close-codes"].items()}
    assert closes[1002] == "If it is not your turn."
    assert closes[1007] == "a message does not fit its type"
    assert closes[4001] == "resigned"
    assert {1000, 1009, 1011, 1012} <= set(closes)


def test_channel_offers_the_subprotocols_of_its_codecs(channel: Document) -> None:
    assert channel["x-subprotocols"] == {
        "json": {"description": "messages are JSON in text frames"},
        "msgpack": {"description": "messages are MessagePack in binary frames"},
    }
    protocols = channel["bindings"]["ws"]["headers"]["properties"]["Sec-WebSocket-Protocol"]
    assert protocols == {"type": "string", "enum": ["json", "msgpack"]}


def test_documents_name_the_servers_of_the_application(http_document: Document, socket_document: Document) -> None:
    assert http_document["servers"] == [{"url": "https://games.example"}]
    assert socket_document["servers"] == {"server": {"host": "games.example", "protocol": "wss"}}


def test_documents_ask_for_what_components_declare(http_document: Document, socket_document: Document) -> None:
    assert http_document["paths"]["/games/"]["post"]["security"] == [{"key": []}]
    assert http_document["components"]["securitySchemes"]["key"] == {"type": "apiKey", "in": "header", "name": "X-Key"}
    assert socket_document["components"]["securitySchemes"]["key"] == {
        "type": "httpApiKey",
        "in": "header",
        "name": "X-Key",
    }
    for action in ("receive", "send"):
        operation = socket_document["operations"][f"games.play.{action}"]
        assert operation["security"] == [{"$ref": "#/components/securitySchemes/key"}]


def test_answers_and_their_statuses(http_document: Document) -> None:
    responses = http_document["paths"]["/games/"]["post"]["responses"]
    assert responses["200"]["description"] == "The board before the first move."
    assert responses["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Board"}
    assert set(responses) == {"200", "400", "401", "403", "413", "415"}
    assert set(responses["401"]["content"]) == {"application/problem+json"}


def test_include_becomes_a_tag(http_document: Document, socket_document: Document, channel: Document) -> None:
    assert http_document["paths"]["/games/"]["post"]["tags"] == ["games"]
    assert http_document["tags"] == [{"name": "games"}]
    assert channel["tags"] == [{"name": "games"}]


def test_generator_only_sends(socket_document: Document) -> None:
    operations: dict[str, Any] = socket_document["operations"]
    assert "games.watch.receive" not in operations
    assert operations["games.watch.send"]["messages"] == [{"$ref": "#/channels/games.watch/messages/Board"}]
