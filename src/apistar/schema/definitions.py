"""
The named schemas that a document needs, and no others: what is used on sockets alone is no part of OpenAPI.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..messages.description import Schema

PREFIX: Final = "#/components/schemas/"


def used(document: object, definitions: Mapping[str, Schema]) -> dict[str, Schema]:
    """The definitions to which a document refers, directly or through others, sorted by name."""
    found: dict[str, Schema] = {}
    waiting: list[Any] = [document]
    while waiting:
        for name in _references(waiting.pop()):
            if name in definitions and name not in found:
                found[name] = definitions[name]
                waiting.append(definitions[name])
    return dict(sorted(found.items()))


def resolved(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """The schema itself, or the definition that it only refers to."""
    name = str(schema.get("$ref", "")).removeprefix(PREFIX)
    return (
        {**definitions[name], **{key: value for key, value in schema.items() if key != "$ref"}}
        if name in definitions
        else schema
    )


def _references(node: object) -> Iterator[str]:
    """Names that stand behind `$ref`, or in the mapping of a discriminator, anywhere in a document."""
    if isinstance(node, str):
        if node.startswith(PREFIX):
            yield node.removeprefix(PREFIX)
    elif isinstance(node, dict):
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
