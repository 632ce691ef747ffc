"""
Forms with uploads, bounded where Starlette's parser is not.

Everything but the contents of files (fields, names, headers of parts) stays in memory, within `max_message_bytes` for
the whole form. Files are on disk from their 64 KiB on, within `max_upload_bytes` for all of them, and at most
`MAX_FILES`, since each is a descriptor.

A `charset` names a codec of Python, and some of those take minutes for a megabyte: those that browsers send are taken.

Sources: RFC 7578 §4.2 (parts), §4.6 and §5.1.2 (charset), §7 (security).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from ..exceptions import BadRequest, PayloadTooLarge
from ..limits import Limits
from .responses import closing

MAX_FILES: Final = 100
SPOOL_BYTES: Final = 64 * 1024
"""Of one file, before it goes to disk."""

CHARSETS: Final = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii", b"iso-8859-1", b"latin-1", b"windows-1252"})


async def read_multipart(
    request: Request, limits: Limits, max_files: float, max_fields: float, max_part_bytes: int
) -> FormData:
    """
    Read the form.

    Raises:
        BadRequest: If it is none, or has too many parts.
        PayloadTooLarge: If it has more than `max_message_bytes` besides its files, or more than `max_upload_bytes` in
            them; the rest is not read, and no file is left.
    """
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import parse_options_header

    _, options = parse_options_header(request.headers["content-type"])
    charset = options.get(b"charset", b"utf-8")
    if charset.lower() not in CHARSETS:
        raise BadRequest(f"charset {charset[:40].decode('latin-1')!r} of a form is not supported; send UTF-8")
    try:
        async with aclosing(request.stream()) as stream:
            return await _Parser(request, stream, limits, max_files, max_fields, max_part_bytes).parse()
    except MultiPartException as error:
        raise BadRequest(error.message) from None
    except FormParserError:  # an older Starlette lets it through
        raise BadRequest("Invalid multipart data.") from None


class _Parser(MultiPartParser):
    spool_max_size = SPOOL_BYTES

    def __init__(
        self,
        request: Request,
        stream: AsyncGenerator[bytes, None],
        limits: Limits,
        max_files: float,
        max_fields: float,
        max_part_bytes: int,
    ) -> None:
        super().__init__(
            request.headers, stream, max_files=max_files, max_fields=max_fields, max_part_size=max_part_bytes
        )
        self._scope = request.scope
        self._limits = limits
        self._kept_bytes = 0
        self._file_bytes = 0

    def _keep(self, size: int) -> None:
        self._kept_bytes += size
        limit = self._limits.max_message_bytes
        if self._kept_bytes > limit:
            raise PayloadTooLarge(
                f"form of {self._kept_bytes} bytes besides its files exceeds max_message_bytes of {limit}",
                headers=closing(self._scope),
            )

    def _keep_of_file(self, size: int) -> None:
        self._file_bytes += size
        limit = self._limits.max_upload_bytes
        if self._file_bytes > limit:
            raise PayloadTooLarge(
                f"files of {self._file_bytes} bytes in a form exceed max_upload_bytes of {limit}",
                headers=closing(self._scope),
            )

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._keep(end - start)
        super().on_header_field(data, start, end)

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._keep(end - start)
        super().on_header_value(data, start, end)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        part: Any = self._current_part
        if part.file is None:
            self._keep(end - start)
        else:
            self._keep_of_file(end - start)
        super().on_part_data(data, start, end)
