"""
The body of a request, decoded by its content type.

| content type | decoded |
|---|---|
| `application/json`, `…+json`, or none given | JSON |
| `application/msgpack`, `application/x-msgpack` | msgpack |
| `application/x-www-form-urlencoded`, `multipart/form-data` | form fields and uploads, converted to the type |
| anything, for `Body[bytes]`, `Body[str]` and `Body` | as it is |

The request bounds it (`request.py`). Sources: RFC 9110 §8.3, §15.5.16; RFC 6839 §3.1.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.datastructures import FormData

from ..exceptions import BadRequest, ConfigurationError, InvalidMessage, UnsupportedMediaType
from ..messages.json import JSON
from ..messages.msgpack import MSGPACK
from ..messages.spelling import spell
from .form import FORMS, from_form, has_upload, lists_of
from .request import LimitedRequest

_MSGPACK = ("application/msgpack", "application/x-msgpack", "application/vnd.msgpack")

BodyReader = Callable[[LimitedRequest], Awaitable[Any]]
Decode = Callable[[bytes], Any]

NOTHING: Final = object()
"""The default of a body that must be there."""


def body_reader(annotation: Any, default: object = NOTHING) -> BodyReader:
    """
    Build, once, what reads and decodes a body as `annotation`.

    Args:
        default: Stands for an empty body; one without default is decoded like any other, which most types refuse.

    Raises:
        UnsupportedType: If no decoder can be built for it.
    """
    if annotation is bytes:
        return LimitedRequest.body
    if annotation is str:
        return _read_text
    only_form = annotation is FormData or has_upload(annotation)
    forms = FORMS if parses_forms() else ()
    if only_form and not forms:
        raise ConfigurationError("forms need python-multipart: pip install 'apistar[forms]'")
    if annotation is FormData:
        return _read_form
    from_json = _json_decoder(annotation)
    from_msgpack = None if from_json is None else MSGPACK.decoder(annotation)
    lists = lists_of(annotation)

    async def read(request: LimitedRequest) -> Any:
        if request.media_type in forms:
            return from_form(await _read_form(request), annotation, lists)
        decode = _decoder_for(request.media_type, from_json, from_msgpack, bool(forms))
        body = await request.body()
        if not body and default is not NOTHING:
            return default
        if not body:
            raise BadRequest({"detail": f"$: the body is missing; it is {spell(annotation)}", "path": "$"})
        try:
            return decode(body)
        except InvalidMessage as error:
            raise BadRequest.of(error) from None

    return read


def _decoder_for(media_type: str, from_json: Decode | None, from_msgpack: Decode | None, forms: bool) -> Decode:
    """
    What decodes a body of this type.

    Raises:
        UnsupportedMediaType: If nothing does.
    """
    decode = None
    if media_type in _MSGPACK:
        decode = from_msgpack
    elif not media_type or media_type == "application/json" or media_type.endswith("+json"):
        decode = from_json
    if decode is None:
        raise UnsupportedMediaType(
            f"content type {media_type!r} is not supported; send application/json"
            + (", application/msgpack or a form" if forms else " or application/msgpack")
        )
    return decode


def parses_forms() -> bool:
    """Whether forms can be read: python-multipart is installed."""
    return importlib.util.find_spec("python_multipart") is not None


def _json_decoder(annotation: Any) -> Decode | None:
    """A decoder, or `None` for a type with uploads, which only a form can carry."""
    return None if has_upload(annotation) else JSON.decoder(annotation)


async def _read_text(request: LimitedRequest) -> str:
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"the body is not UTF-8 at byte {error.start}") from None


async def _read_form(request: LimitedRequest) -> FormData:
    if request.media_type not in FORMS:
        raise UnsupportedMediaType(f"content type {request.media_type!r} is not a form; send {' or '.join(FORMS)}")
    return await request.form()
