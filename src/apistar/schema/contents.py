"""
What is carried: bodies, returned values and messages, as schemas.

All types of an application are described in one call at the end, so that a type has one name everywhere. Until then
each use holds an empty schema, which is filled in place.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, get_args

from starlette.datastructures import FormData, UploadFile
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response

from ..annotations import union_of
from ..components.body import BodyInfo
from ..http.body import parses_forms
from ..http.event_stream import EventStream
from ..http.form import FORMS, MULTIPART, fields_of, fits_form, has_upload
from ..http.responses import JSONResponse
from ..http.returned import is_response
from ..http.server_sent_event import event_data
from ..injector.signature import hints_of
from ..messages.description import Schema, describe
from ..messages.docstring import parse
from ..messages.json import JSON
from ..messages.message_types import RAW, MessageTypes
from ..messages.msgpack import MSGPACK
from ..messages.spelling import members, spell, strip
from ..routing import Route
from .reference import Content, Message

TEXT: Final = "text/plain"
BINARY: Final = "application/octet-stream"

_Use: TypeAlias = tuple[object, Schema, Mapping[str, object]]
"""A type, the schema to fill, and what is added to it."""


class Types:
    """The types of an application, described together."""

    def __init__(self) -> None:
        self._incoming: list[_Use] = []
        self._outgoing: list[_Use] = []

    def incoming(self, tp: object, **extra: object) -> Schema:
        """The schema of a type that the application decodes, filled by `describe()`; `extra` is added to it."""
        return self._note(self._incoming, tp, extra)

    def outgoing(self, tp: object) -> Schema:
        """The schema of a type that the application encodes, filled by `describe()`."""
        return self._note(self._outgoing, tp, {})

    def describe(self) -> dict[str, Schema]:
        """Fill all schemas; gives the named ones that they refer to."""
        incoming, outgoing = _distinct(self._incoming), _distinct(self._outgoing)
        description = describe([uses[0][0] for uses in incoming], [uses[0][0] for uses in outgoing])
        described = [*description.incoming, *description.outgoing]
        for uses, found in zip([*incoming, *outgoing], described, strict=True):
            for _, schema, extra in uses:
                schema.update(found)
                schema.update(extra)
        return description.definitions

    def _note(self, uses: list[_Use], tp: object, extra: Mapping[str, object]) -> Schema:
        schema: Schema = {}
        uses.append((tp, schema, extra))
        return schema


def _distinct(uses: list[_Use]) -> list[list[_Use]]:
    """Uses by type, so that each type is described once; by identity where it has no hash."""
    found: dict[object, list[_Use]] = {}
    for use in uses:
        try:
            found.setdefault((type(use[0]), use[0]), []).append(use)
        except TypeError:
            found[id(use)] = [use]
    return list(found.values())


def request_body(types: Types, body: BodyInfo) -> Content:
    """What a body may come as."""
    bare = strip(body.annotation)
    if bare is bytes:
        return Content((BINARY,), {"type": "string", "format": "binary"})
    if bare is str:
        return Content((TEXT,), {"type": "string"})
    if bare is FormData:
        return Content(FORMS, {"type": "object"})
    if has_upload(bare):
        return Content((MULTIPART,), _upload_form(types, bare))
    forms = FORMS if parses_forms() and fits_form(body.annotation) else ()
    return Content((JSON.media_type, MSGPACK.media_type, *forms), types.incoming(body.annotation))


def _upload_form(types: Types, form: object) -> Schema:
    """A form with files, field by field: no schema of a codec has files (OpenAPI 3.1 §4.8.14.4)."""
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for name, hint, needed in fields_of(form):
        properties[name] = _file_field(hint) or types.incoming(hint)
        if needed:
            required.append(name)
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return schema


def _file_field(hint: object) -> Schema | None:
    """The schema of one file, or of several; `None` for a field of another type."""
    for member in map(strip, members(hint)):
        if member is UploadFile:
            return {"type": "string", "format": "binary"}
        if UploadFile in get_args(member):
            return {"type": "array", "items": {"type": "string", "format": "binary"}}
    return None


def may_be_empty(route: Route) -> bool:
    """Whether a handler may return `None`, besides something else."""
    returned = [strip(member) for member in members(_returned(route))]
    return len(returned) > 1 and any(member in (None, type(None)) for member in returned)


def _returned(route: Route) -> object:
    return hints_of(route.handler, route.namespace).get("return", Any)


def response_of(types: Types, route: Route) -> tuple[int, Content | None]:
    """Status and content of success, by the return annotation of a handler."""
    returned = _returned(route)
    if returned is inspect.Parameter.empty or returned is Any:
        return 200, Content(("*/*",), None)
    data = event_data(returned)
    if data is not None:
        return 200, Content((EventStream.media_type,), _event_stream(types, data))
    rest = [member for member in members(returned) if strip(member) not in (None, type(None))]
    if not rest:
        return 204, None
    plain = [member for member in rest if not is_response(member)]
    if not plain:
        return _of_response(strip(rest[0]))
    if strip(plain[0]) is str and len(plain) == 1:
        return 200, Content(("text/html",), {"type": "string"})
    if strip(plain[0]) is bytes and len(plain) == 1:
        return 200, Content((BINARY,), {"type": "string", "format": "binary"})
    whole = returned if len(plain) == len(list(members(returned))) else union_of(plain)
    return 200, Content((JSON.media_type,), types.outgoing(whole))


def _event_stream(types: Types, data: object) -> Schema:
    """
    The events of a stream, one after the other, with JSON in their texts.

    OpenAPI 3.2 §4.14.4 describes an event so, in `itemSchema`; 3.1 has no word for what follows but an array's.
    """
    text: Schema = {"type": "string"}
    if strip(data) is not str:
        text |= {"contentMediaType": JSON.media_type, "contentSchema": types.outgoing(data)}
    word: Schema = {"type": "string"}
    retry: Schema = {"type": "integer", "minimum": 0}
    event: Schema = {"type": "object", "properties": {"data": text, "event": word, "id": word, "retry": retry}}
    return {"type": "array", "items": event}


def _of_response(tp: object) -> tuple[int, Content | None]:
    assert isinstance(tp, type)
    assert issubclass(tp, Response)
    if issubclass(tp, RedirectResponse):
        return 307, None
    if issubclass(tp, HTMLResponse):
        return 200, Content(("text/html",), {"type": "string"})
    if issubclass(tp, PlainTextResponse):
        return 200, Content((TEXT,), {"type": "string"})
    if issubclass(tp, JSONResponse) or tp.media_type == JSON.media_type:
        return 200, Content((JSON.media_type,), {})
    if issubclass(tp, FileResponse):
        return 200, Content((BINARY,), {"type": "string", "format": "binary"})
    return 200, Content(("*/*",), None)


def messages_of(types: Types, messages: MessageTypes | None, incoming: bool) -> tuple[Message, ...]:
    """The messages of one direction of a WebSocket; each member of a union is one."""
    declared: object = str | bytes
    if messages is not None:
        declared = messages.incoming if incoming else messages.outgoing
    if messages is None or declared in RAW:
        return tuple(_raw(member) for member in members(declared))
    found: dict[str, Message] = {}
    for member in members(declared):
        schema = types.incoming(member) if incoming else types.outgoing(member)
        bare = strip(member)
        docstring = parse(_described(member) or _own_docstring(bare))
        name = message_name(member)
        if name in found:
            name = next(f"{name}_{n}" for n in range(2, len(found) + 3) if f"{name}_{n}" not in found)
        found[name] = Message(
            name,
            schema,
            messages.codec.media_type,
            messages.codec.text,
            docstring.summary,
            docstring.description,
            hasattr(bare, "__deprecated__"),
        )
    return tuple(found.values())


def message_name(tp: object) -> str:
    """What a message is called: its class, or its type as far as an identifier can say."""
    bare = strip(tp)
    if bare is None or bare is type(None):
        return "Null"
    return re.sub(r"[^A-Za-z0-9_-]+", "_", spell(bare)).strip("_") or "Message"


def subprotocols_of(messages: MessageTypes | None) -> dict[str, str]:
    """The subprotocols by which a client chooses a codec; none where there is no choice."""
    codecs = [] if messages is None else messages.codecs
    if len(codecs) < 2:
        return {}
    return {
        codec.subprotocol: f"messages are {codec.title} in {'text' if codec.text else 'binary'} frames"
        for codec in codecs
    }


def _raw(kind: object) -> Message:
    if kind is bytes:
        return Message("Binary", {"type": "string", "format": "binary"}, BINARY, False, "Any binary message")
    return Message("Text", {"type": "string"}, TEXT, True, "Any text message")


def _described(tp: object) -> str | None:
    """What `Annotated[…, Meta(description=…)]` says."""
    extras = getattr(tp, "__metadata__", ())
    return next((extra.description for extra in extras if getattr(extra, "description", None)), None)


def _own_docstring(tp: object) -> str | None:
    """The docstring that a class was written with, not one that was made for it."""
    if not isinstance(tp, type) or tp.__module__ in ("builtins", "typing"):
        return None
    docstring = vars(tp).get("__doc__")
    made = isinstance(docstring, str) and docstring.startswith(f"{tp.__name__}(")
    return docstring if isinstance(docstring, str) and not made else None
