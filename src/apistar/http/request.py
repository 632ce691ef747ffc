"""
The request as a handler gets it: Starlette's, whose `body()`, `json()` and `form()` keep to the limits of the route.

What is declared (`http.Body[T]`, `http.FormData`) is read through here as well, so there is one way in. `stream()`
hands chunks on as they come and keeps none: its reader bounds their sum.

Sources: RFC 9110 §8.6 (Content-Length), §15.5.1 (400), §15.5.14 (413); RFC 8259.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from ..exceptions import BadRequest, InvalidMessage, PayloadTooLarge
from ..limits import Limits
from ..messages.json import JSON
from ..types import Receive, Scope, Send
from .form import MULTIPART, URLENCODED
from .multipart import MAX_FILES, read_multipart
from .responses import closing
from .shared_receive import SharedReceive

if TYPE_CHECKING:
    from starlette._utils import AwaitableOrContextManager

_from_json: Final = JSON.decoder(object)
MAX_FIELDS: Final = 1000
LENGTH_DIGITS: Final = 19
"""Of a Content-Length: 2^63 has so many. Python makes no `int` of more than 4,300 (CVE-2020-10735)."""


class LimitedRequest(Request):
    """
    A request with limits.

    Args:
        limits: Of the route: `max_message_bytes` bounds a body, `max_upload_bytes` the files of a form.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: Limits) -> None:
        super().__init__(scope, receive, send)
        self.limits = limits

    def listener(self) -> Receive:
        """What a sender of the answer asks for the disconnect; the body is left to this request."""
        if hasattr(self, "_body") or self._stream_consumed:
            return self._receive
        shared = SharedReceive(self._receive)
        self._receive = shared
        return shared.listen

    @property
    def media_type(self) -> str:
        """The content type in lower case, without parameters; empty where none was given."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def body(self) -> bytes:
        """
        Read the whole body.

        Raises:
            PayloadTooLarge: If it is larger than `max_message_bytes`; the rest is not read.
            BadRequest: If its declared length is no number of bytes that anybody sends.
        """
        if not hasattr(self, "_body"):
            limit = self.limits.max_message_bytes
            declared = self._declared_bytes()
            if declared > limit:
                raise self._too_large(declared)
            chunks: list[bytes] = []
            size = 0
            async with aclosing(self.stream()) as stream:
                async for chunk in stream:
                    size += len(chunk)
                    if size > limit:
                        raise self._too_large(size)
                    chunks.append(chunk)
            self._body = b"".join(chunks)
        return self._body

    async def json(self) -> Any:
        """
        Decode the body as JSON, whatever its content type, as `http.Body` does.

        Raises:
            BadRequest: If it is none, with the path to the fault.
        """
        if not hasattr(self, "_json"):
            try:
                self._json = _from_json(await self.body())
            except InvalidMessage as error:
                raise BadRequest.of(error) from None
        return self._json

    def form(
        self, *, max_files: float = MAX_FILES, max_fields: float = MAX_FIELDS, max_part_size: int | None = None
    ) -> AwaitableOrContextManager[FormData]:
        """
        Read the form, by `await` or `async with`; a content type that is no form's gives an empty one.

        Args:
            max_files, max_fields: Of the form.
            max_part_size: Of one field, in bytes.

        Raises:
            PayloadTooLarge: If its files are larger than `max_upload_bytes`, or the rest than `max_message_bytes`.
            BadRequest: If it is none, or has too many parts.
        """
        part = self.limits.max_message_bytes if max_part_size is None else max_part_size
        return super().form(max_files=max_files, max_fields=max_fields, max_part_size=part)

    async def _get_form(
        self, *, max_files: float = MAX_FILES, max_fields: float = MAX_FIELDS, max_part_size: int = 0
    ) -> FormData:
        if self._form is not None:
            return self._form
        if self.media_type == MULTIPART:
            self._form = await read_multipart(self, self.limits, max_files, max_fields, max_part_size)
            return self._form
        if self.media_type == URLENCODED:
            await self.body()
        try:
            return await super()._get_form(max_files=max_files, max_fields=max_fields, max_part_size=max_part_size)
        except MultiPartException as error:
            raise BadRequest(error.message) from None
        except StarletteHTTPException as error:  # the same, where Starlette's application stands around ours
            raise BadRequest(error.detail) from None

    def _declared_bytes(self) -> int:
        declared = self.headers.get("content-length", "")
        if not declared.isascii() or not declared.isdigit():
            return 0
        digits = declared.lstrip("0")
        if len(digits) > LENGTH_DIGITS:
            raise BadRequest(f"header 'content-length' has {len(digits)} digits", headers=closing(self.scope))
        return int(digits or "0")

    def _too_large(self, size: int) -> PayloadTooLarge:
        return PayloadTooLarge(
            f"body of {size} bytes exceeds max_message_bytes of {self.limits.max_message_bytes}",
            headers=closing(self.scope),
        )
