"""
Responses, and what a handler's return value becomes.

| returned | sent |
|---|---|
| `Response` | itself |
| `None` | 204 without a body |
| `str` | 200, `text/html; charset=utf-8` |
| `bytes` | 200, `application/octet-stream` |
| anything else that msgspec encodes: `dict`, `list`, Struct, dataclass, attrs, pydantic | 200, `application/json` |

Starlette's responses are used as they are, but for two: `JSONResponse` encodes with msgspec, and see `files.py`.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from ..exceptions import HTTPException, UsageError
from ..messages.json import JSON
from ..types import Scope
from .files import FileResponse

_encode: Final = JSON.writer()


class JSONResponse(Response):
    """A value as JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return _encode(content)


class ProblemResponse(Response):
    """An error as a problem document (RFC 9457)."""

    media_type = "application/problem+json"

    def render(self, content: Any) -> bytes:
        return _encode(content)


def response_of(value: Any) -> Response:
    """
    The response for what a handler returned.

    Raises:
        TypeError: If the value cannot be encoded as JSON.
    """
    if isinstance(value, Response):
        return value
    if value is None:
        return Response(status_code=204)
    if isinstance(value, str):
        return HTMLResponse(value)
    if isinstance(value, bytes):
        return Response(value, media_type="application/octet-stream")
    return JSONResponse(value)


def problem_of(error: HTTPException | StarletteHTTPException) -> Response:
    """The response for an exception with a status."""
    if isinstance(error, StarletteHTTPException):
        error = HTTPException(error.detail or None, error.status_code, error.headers)
    if error.status_code in (204, 304) or error.status_code < 200:
        return Response(status_code=error.status_code, headers=error.headers)
    return ProblemResponse(error.problem(), error.status_code, error.headers)


def closing(scope: Scope) -> dict[str, str]:
    """Headers of an answer after which the connection ends; in HTTP/2 a stream does, without them (RFC 9113 §8.2.2)."""
    return {"Connection": "close"} if scope.get("http_version", "1.1").startswith("1") else {}


def check_headers(response: Response) -> None:
    """
    See that no header is two: servers differ in what they do about one, and some drop the connection.

    Raises:
        UsageError: If a header has a line break or NUL (RFC 9110 §5.5).
    """
    for name, value in response.raw_headers:
        if b"\n" in value or b"\r" in value or b"\0" in value:
            raise UsageError(f"header {name.decode('latin-1')!r} contains a line break or NUL (RFC 9110 §5.5)")


__all__ = [
    "FileResponse",
    "HTMLResponse",
    "JSONResponse",
    "RedirectResponse",
    "Response",
    "StreamingResponse",
    "check_headers",
    "closing",
    "problem_of",
    "response_of",
]
