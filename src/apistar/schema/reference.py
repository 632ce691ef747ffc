"""
One description of an application, from which every document is written: frozen records, no format in them.

Schemas are JSON Schema that refer to `definitions` as `#/components/schemas/NAME`, which is right in OpenAPI and in
AsyncAPI alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from ..messages.description import Schema

Place: TypeAlias = Literal["path", "query", "header", "cookie"]
SecurityScheme: TypeAlias = Mapping[str, object]
"""One security scheme in OpenAPI's words: `{"type": "http", "scheme": "bearer"}` (OpenAPI 3.1 §4.8.27)."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the application is to be found: `https://example.com/v1`."""

    url: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Info:
    """What the documents say about the application as a whole."""

    title: str = "API"
    version: str = "0.1.0"
    description: str = ""
    servers: tuple[Server, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """
    What a client passes beside the body: the handler's own parameters and those of its components and hooks.

    Attributes:
        place: Where it stands in the request.
        converted: Whether some texts are no value of its type.
        rest: Whether it takes the rest of the path, slashes included.
    """

    name: str
    place: Place
    schema: Schema
    required: bool
    description: str = ""
    converted: bool = False
    rest: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Outcome:
    """
    One way in which a request, a handshake or a connection may end.

    Attributes:
        code: An HTTP status, or a close code.
        description: Why.
    """

    code: int
    description: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """A body, in a request or in a response; the schema is `None` where nothing is known of it."""

    media_types: tuple[str, ...]
    schema: Schema | None


@dataclass(frozen=True, slots=True)
class Documentation:
    """
    What a person wrote about a route.

    Attributes:
        id: Unique among all routes.
        tags: Names of the Includes around it.
    """

    id: str
    summary: str = ""
    description: str = ""
    deprecated: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HTTPOperation:
    """
    One method on one path.

    Attributes:
        status: Of success.
        returns: What the success carries; `None` where it has no body.
        may_be_empty: Whether it may have none all the same, with status 204.
        denials: Other statuses.
        security: Names of the schemes that its components declare.
        body_required: Whether a request without its body is refused.
    """

    documentation: Documentation
    path: str
    method: str
    parameters: tuple[Parameter, ...]
    body: Content | None
    status: int
    status_description: str
    returns: Content | None
    denials: tuple[Outcome, ...]
    security: tuple[str, ...] = ()
    may_be_empty: bool = False
    body_required: bool = True


@dataclass(frozen=True, slots=True)
class Message:
    """
    One message type of a channel: each member of a union is one.

    Attributes:
        name: Unique within the channel and direction.
        text: Whether it travels in text frames by default; a subprotocol may ask for another codec.
    """

    name: str
    schema: Schema
    media_type: str
    text: bool
    summary: str = ""
    description: str = ""
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Topic:
    """
    A channel of `apistar.channels` that a WebSocket route joins or publishes to.

    Attributes:
        name: Of its class.
        template: `room:{room}`.
        messages: Its publications.
        history: Size and time to live; `None` where nothing is remembered.
        presence: Grace and time to live; `None` where members are not known.
        numbered: Publications come with their positions.
    """

    name: str
    template: str
    messages: tuple[Message, ...]
    summary: str = ""
    description: str = ""
    history: Mapping[str, float] | None = None
    presence: Mapping[str, float] | None = None
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """
    One WebSocket route.

    Attributes:
        incoming: What the application receives.
        outgoing: What it sends.
        subprotocols: Name → what it means.
        denials: Statuses with which the handshake may be refused.
        closes: Codes with which the application may close.
        max_message_bytes: Of one message.
        topics: What its handler may join: publications are messages too.
    """

    documentation: Documentation
    path: str
    parameters: tuple[Parameter, ...]
    incoming: tuple[Message, ...]
    outgoing: tuple[Message, ...]
    subprotocols: Mapping[str, str]
    denials: tuple[Outcome, ...]
    closes: tuple[Outcome, ...]
    max_message_bytes: int
    security: tuple[str, ...] = ()
    topics: tuple[Topic, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """Everything that the documents are written from."""

    info: Info
    operations: tuple[HTTPOperation, ...]
    channels: tuple[Channel, ...]
    definitions: Mapping[str, Schema]
    security_schemes: Mapping[str, SecurityScheme] = field(default_factory=dict)
