"""
The two documents of an application, as text and back: what is served, printed and checked.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import cast

import msgspec

from ..exceptions import ConfigurationError
from .asyncapi import asyncapi
from .comparison import compare
from .narrowing import Change
from .openapi import Document, openapi
from .reference import Reference, Server
from .yaml import to_yaml


class Kind(enum.Enum):
    """Which document."""

    OPENAPI = "openapi"
    ASYNCAPI = "asyncapi"


class Format(enum.Enum):
    """How it is written."""

    JSON = "json"
    YAML = "yaml"


def document(reference: Reference, kind: Kind, servers: Sequence[Server] = ()) -> Document:
    """Write a document; `servers` are named if the application does not say where it is to be found."""
    return openapi(reference, servers) if kind is Kind.OPENAPI else asyncapi(reference, servers)


def text(document: Document, format: Format) -> str:
    """A document as text, with a line break at its end."""
    if format is Format.YAML:
        return to_yaml(document)
    return msgspec.json.format(msgspec.json.encode(document).decode(), indent=2) + "\n"


def parsed(written: str) -> Document:
    """
    Read a document, written as JSON or YAML.

    Raises:
        ConfigurationError: If it is neither, or YAML and PyYAML is not there to read it.
    """
    try:
        found = msgspec.json.decode(written)
    except (msgspec.DecodeError, RecursionError):
        try:
            found = msgspec.yaml.decode(written)
        except ImportError:
            raise ConfigurationError(
                "the document is not JSON, and reading YAML needs PyYAML: pip install pyyaml"
            ) from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise ConfigurationError(f"the document is neither JSON nor YAML: {error}") from None
    if not isinstance(found, dict):
        raise ConfigurationError("the document is no mapping; it begins with `openapi:` or `asyncapi:`")
    return cast("Document", found)


def check(reference: Reference, written: str) -> list[Change]:
    """
    What changed since a document was written, breaking changes first; nothing where it is still right.

    Servers are taken from the old document unless the application names its own: where it runs is no change.

    Raises:
        ConfigurationError: If `written` is no document of ours.
    """
    before = parsed(written)
    kind = next((kind for kind in Kind if kind.value in before), None)
    if kind is None:
        raise ConfigurationError("the document is neither OpenAPI nor AsyncAPI: it has no `openapi` and no `asyncapi`")
    after = document(reference, kind)
    if not reference.info.servers:
        after = {key: before.get(key, value) if key == "servers" else value for key, value in after.items()}
        before = {key: value for key, value in before.items() if key != "servers" or key in after}
    return compare(before, after)
