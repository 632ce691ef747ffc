"""
The AsyncAPI 3.0 document of the WebSocket routes.

Seen from the application, as the specification asks: `receive` is what clients send. What AsyncAPI has no word for
stands in extensions of a channel: `x-denials` (statuses of a refused handshake), `x-close-codes`, `x-subprotocols`,
`x-max-message-bytes`, `x-topics` (what a handler joins or publishes to, with `x-history`, `x-presence` and
`x-numbered`, and an operation `ID.join.NAME` for the publications), and `x-deprecated` where something is.

Sources: the AsyncAPI Specification 3.0.0 (https://www.asyncapi.com/docs/reference/specification/v3.0.0), its
WebSockets binding 0.1.0, and its Schema Object, which is JSON Schema draft 7 with a string as `discriminator`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from ..messages.description import Schema
from .definitions import resolved, used
from .openapi import Document
from .reference import Channel, Documentation, Message, Outcome, Parameter, Reference, SecurityScheme, Server, Topic

VERSION: Final = "3.0.0"
ANYWHERE: Final = Server("http://localhost:8000", "a server on this machine")
"""Where no server is known: a document without one is not complete."""

_PROTOCOLS: Final = {"https": "wss", "wss": "wss"}


def asyncapi(reference: Reference, servers: Sequence[Server] = ()) -> Document:
    """
    Write the document.

    Args:
        reference: The description of the application.
        servers: Where it is to be found, if the description does not say.
    """
    found = reference.info.servers or tuple(servers) or (ANYWHERE,)
    messages = _Messages(reference.channels, reference.definitions)
    names = {name for channel in reference.channels for name in channel.security}
    info = reference.info
    channels = {_id(channel): _channel(channel, messages, reference.definitions) for channel in reference.channels}
    definitions = used([messages.documents, channels], reference.definitions)
    components = {
        "messages": messages.documents,
        "schemas": {name: _named(name, schema) for name, schema in definitions.items()},
        "securitySchemes": {
            name: _scheme(scheme) for name, scheme in reference.security_schemes.items() if name in names
        },
    }
    return _without_empty(
        {
            "asyncapi": VERSION,
            "info": _without_empty({"title": info.title, "version": info.version, "description": info.description}),
            "servers": {f"server{index or ''}": _server(server) for index, server in enumerate(found)},
            "channels": channels,
            "operations": {
                name: document for channel in reference.channels for name, document in _operations(channel, messages)
            },
            "components": _without_empty(components),
        }
    )


class _Messages:
    """The messages of all channels; one type that several channels carry is one message."""

    def __init__(self, channels: Sequence[Channel], definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions
        self.documents: dict[str, Document] = {}
        self.names: dict[tuple[str, str], str] = {}
        for channel in channels:
            for message in _all_messages(channel):
                self._add(channel, message)

    def _add(self, channel: Channel, message: Message) -> None:
        document = _message(message, self._definitions)
        name = message.name
        number = 2
        while self.documents.get(name, document) != document:
            name = f"{message.name}_{number}"
            number += 1
        self.documents[name] = document
        self.names[channel.documentation.id, _identity(message)] = name

    def name(self, channel: Channel, message: Message) -> str:
        return self.names[channel.documentation.id, _identity(message)]


def _identity(message: Message) -> str:
    return f"{message.name}:{message.schema}"


def _id(channel: Channel) -> str:
    return channel.documentation.id


def _channel(channel: Channel, messages: _Messages, definitions: Mapping[str, Schema]) -> Document:
    names = sorted({messages.name(channel, message) for message in _all_messages(channel)})
    documentation = channel.documentation
    return _without_empty(
        {
            "address": channel.path.replace("{+", "{"),
            "title": documentation.id,
            "summary": documentation.summary,
            "description": documentation.description,
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
            "parameters": {
                parameter.name: _parameter(parameter, definitions)
                for parameter in channel.parameters
                if parameter.place == "path"
            },
            "tags": _tags(documentation),
            "bindings": {"ws": _binding(channel)},
            "x-cookies": _cookies(channel),
            "x-denials": _outcomes(channel.denials),
            "x-close-codes": _outcomes(channel.closes),
            "x-subprotocols": {
                name: {"description": text} if text else {} for name, text in channel.subprotocols.items()
            },
            "x-max-message-bytes": channel.max_message_bytes,
            "x-deprecated": documentation.deprecated,
            "x-topics": {topic.name: _topic(topic) for topic in channel.topics},
        }
    )


def _all_messages(channel: Channel) -> Iterator[Message]:
    yield from (*channel.incoming, *channel.outgoing)
    for topic in channel.topics:
        yield from topic.messages


def _topic(topic: Topic) -> Document:
    """What is joined: publications of the topic become messages of the socket."""
    return _without_empty(
        {
            "topic": topic.template,
            "summary": topic.summary,
            "description": topic.description,
            "x-history": dict(topic.history or {}),
            "x-presence": dict(topic.presence or {}),
            "x-numbered": topic.numbered,
        }
    )


def _tags(documentation: Documentation) -> list[Document]:
    return [{"name": tag} for tag in documentation.tags]


def _operations(channel: Channel, messages: _Messages) -> Iterator[tuple[str, Document]]:
    """What goes over a socket: `receive` and `send` of its own, and `join.NAME` for each topic."""
    documentation = channel.documentation
    for action, carried in (("receive", channel.incoming), ("send", channel.outgoing)):
        if carried:
            what = "what clients send" if action == "receive" else "what clients get"
            described = {
                "summary": documentation.summary,
                "tags": _tags(documentation),
                "x-deprecated": documentation.deprecated,
            }
            yield f"{_id(channel)}.{action}", _operation(channel, messages, action, what, carried, described)
    for topic in channel.topics:
        described = {name: value for name, value in _topic(topic).items() if name != "topic"}
        what = f"what is published on {topic.template}"
        operation = _operation(channel, messages, "send", what, topic.messages, described)
        yield f"{_id(channel)}.join.{topic.name}", {**operation, "x-topic": topic.template}


def _operation(
    channel: Channel,
    messages: _Messages,
    action: str,
    what: str,
    carried: Sequence[Message],
    described: Mapping[str, Any],
) -> Document:
    reference = f"#/channels/{_pointer(_id(channel))}"
    names = sorted({messages.name(channel, message) for message in carried})
    return _without_empty(
        {
            "action": action,
            "channel": {"$ref": reference},
            "title": f"{channel.documentation.id}: {what}",
            **described,
            "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in channel.security],
            "messages": [{"$ref": f"{reference}/messages/{name}"} for name in names],
        }
    )


def _message(message: Message, definitions: Mapping[str, Schema]) -> Document:
    examples = resolved(message.schema, definitions).get("examples")
    return _without_empty(
        {
            "name": message.name,
            "title": message.name,
            "summary": message.summary,
            "description": message.description,
            "contentType": message.media_type,
            "payload": _schema(message.schema),
            "examples": [{"payload": example} for example in examples] if isinstance(examples, list) else [],
            "x-frame": "text" if message.text else "binary",
            "x-deprecated": message.deprecated,
        }
    )


def _parameter(parameter: Parameter, definitions: Mapping[str, Schema]) -> Document:
    """A parameter of the address: text, with its values where there are few (AsyncAPI 3.0 §Parameter Object)."""
    schema = resolved(parameter.schema, definitions)
    description = parameter.description or schema.get("description", "")
    kind = schema.get("format") or schema.get("type")
    if not description and kind != "string":
        description = f"{kind}" if kind else ""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    examples = schema.get("examples")
    return _without_empty(
        {
            "description": description or parameter.name,
            "enum": [str(value) for value in values] if isinstance(values, list) else [],
            "examples": [str(example) for example in examples] if isinstance(examples, list) else [],
        }
    )


def _binding(channel: Channel) -> Document:
    """The handshake (WebSockets binding 0.1.0)."""
    headers = _object([parameter for parameter in channel.parameters if parameter.place == "header"])
    if channel.subprotocols:
        headers["properties"]["Sec-WebSocket-Protocol"] = {"type": "string", "enum": list(channel.subprotocols)}
    binding: Document = {"method": "GET"}
    query = _object([parameter for parameter in channel.parameters if parameter.place == "query"])
    if query["properties"]:
        binding["query"] = query
    if headers["properties"]:
        binding["headers"] = headers
    return {**binding, "bindingVersion": "0.1.0"}


def _cookies(channel: Channel) -> Document:
    """Cookies of the handshake; the binding has a place for headers and the query alone."""
    cookies = _object([parameter for parameter in channel.parameters if parameter.place == "cookie"])
    return cookies if cookies["properties"] else {}


def _object(parameters: Sequence[Parameter]) -> Document:
    properties: Document = {}
    for parameter in parameters:
        schema = _schema(parameter.schema)
        if parameter.description:
            schema["description"] = parameter.description
        properties[parameter.name] = schema
    required = [parameter.name for parameter in parameters if parameter.required]
    document: Document = {"type": "object", "properties": properties}
    return {**document, "required": required} if required else document


def _outcomes(outcomes: Sequence[Outcome]) -> Document:
    return {str(outcome.code): {"description": outcome.description} for outcome in outcomes}


def _server(server: Server) -> Document:
    parts = urlsplit(server.url)
    return _without_empty(
        {
            "host": parts.netloc,
            "protocol": _PROTOCOLS.get(parts.scheme, "ws"),
            "pathname": parts.path.rstrip("/"),
            "description": server.description,
        }
    )


def _scheme(scheme: SecurityScheme) -> Document:
    """OpenAPI's words in AsyncAPI's (§Security Scheme Object): a key in a header or query is `httpApiKey` there."""
    document = dict(scheme)
    if document.get("type") == "apiKey":
        document["type"] = "httpApiKey"
    flows = document.get("flows")
    if isinstance(flows, Mapping):
        document["flows"] = {name: _flow(flow) for name, flow in flows.items()}
    return document


def _flow(flow: Mapping[str, Any]) -> Document:
    return {("availableScopes" if name == "scopes" else name): value for name, value in flow.items()}


def _schema(schema: object) -> Any:
    """A schema as draft 7 has it: the discriminator is a name alone, and nothing stands beside a `$ref`."""
    if isinstance(schema, list):
        return [_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found: Schema = {name: _schema(value) for name, value in schema.items()}
    discriminator = found.get("discriminator")
    if isinstance(discriminator, dict) and "propertyName" in discriminator:
        found["discriminator"] = discriminator["propertyName"]
    if isinstance(found.get("$ref"), str) and len(found) > 1:
        found["allOf"] = [{"$ref": found.pop("$ref")}]
    return found


def _named(name: str, schema: Schema) -> Any:
    """A definition, whose title is a name as well: what makes classes of a document calls them by it."""
    found = _schema(schema)
    return {**found, "title": name} if "[" in str(found.get("title", "")) else found


def _pointer(name: str) -> str:
    """A name inside a JSON pointer (RFC 6901 §3)."""
    return re.sub("/", "~1", name.replace("~", "~0"))


def _without_empty(document: Mapping[str, Any]) -> Document:
    return {name: value for name, value in document.items() if value not in (None, "", False, [], {}, ())}
