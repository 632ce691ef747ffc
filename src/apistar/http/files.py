"""
A file as a response, with Starlette's ranges where RFC 9110 §14.2 has them: of bytes, and for GET alone.

Any other `Range` is to be ignored. Starlette's class cuts the head of a HEAD as well, and refuses a unit that it does
not know.
"""

from __future__ import annotations

from starlette import responses

from ..types import Receive, Scope, Send


class FileResponse(responses.FileResponse):
    """A file, or the ranges of it that were asked for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(without_other_ranges(scope), receive, send)


def without_other_ranges(scope: Scope) -> Scope:
    """The scope of a request without a `Range` that is to be ignored."""
    if scope["type"] != "http":
        return scope
    for name, value in scope["headers"]:
        if name == b"range" and (scope["method"] != "GET" or value.partition(b"=")[0].strip().lower() != b"bytes"):
            return {**scope, "headers": [header for header in scope["headers"] if header[0] != b"range"]}
    return scope
