"""
Channels of an application in its AsyncAPI document.
"""

from __future__ import annotations

from typing import Any

import pytest

from apistar import ASyncApp, Provider, Route, WebSocket
from apistar.channels import Channel, History, Presence
from apistar.schema.asyncapi import asyncapi
from tests.schema.validation import judge_asyncapi


class Room(Channel[dict[str, int]]):
    """One room.

    Nobody sees another.
    """

    topic = "room:{room}"
    history = History(size=7, ttl_s=60)
    presence = Presence(grace_s=1, ttl_s=9)
    numbered = True


class Plain(Channel[str]):
    topic = "plain:{name}"


async def chat(ws: WebSocket[str, str], room: Room, others: Provider[Plain]) -> None: ...


def document() -> dict[str, Any]:
    return asyncapi(ASyncApp([Route("/chat/{room}", handler=chat)]).reference())


def test_topics_of_a_route_are_extensions_of_its_channel() -> None:
    channel = document()["channels"]["chat"]
    assert channel["x-topics"] == {
        "Room": {
            "topic": "room:{room}",
            "summary": "One room.",
            "description": "Nobody sees another.",
            "x-history": {"size": 7, "ttl_s": 60},
            "x-presence": {"grace_s": 1, "ttl_s": 9},
            "x-numbered": True,
        },
        "Plain": {"topic": "plain:{name}"},
    }
    assert list(channel["parameters"]) == ["room"]
    assert {"1013", "4205"} <= channel["x-close-codes"].keys()


def test_publications_are_messages_of_the_route_with_an_operation_that_joins() -> None:
    found = document()
    operation = found["operations"]["chat.join.Room"]
    assert (operation["action"], operation["x-topic"]) == ("send", "room:{room}")
    (reference,) = operation["messages"]
    name = reference["$ref"].rpartition("/")[2]
    assert name in found["channels"]["chat"]["messages"]
    payload = found["components"]["messages"][name]["payload"]
    schema = found["components"]["schemas"][payload["$ref"].rpartition("/")[2]] if "$ref" in payload else payload
    assert {"data", "position"} <= schema["properties"].keys()


@pytest.mark.requires("node-asyncapi")
def test_other_peoples_parser_takes_the_document() -> None:
    assert judge_asyncapi(document()).complaints == []
