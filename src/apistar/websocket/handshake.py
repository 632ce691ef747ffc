"""
Headers and bodies of our answers to a handshake, as the wire takes them.

Source: RFC 9110 §5.5 (field values).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ..exceptions import UsageError


def raw_headers(headers: Mapping[str, str] | Sequence[tuple[str, str]] | None) -> list[tuple[bytes, bytes]]:
    """
    Headers as ASGI has them: names in lower case, values in Latin-1.

    Raises:
        UsageError: If one of them would be read as two, or is no text.
    """
    if not headers:
        return []
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    raw = []
    for name, value in pairs:
        if not isinstance(value, str):
            raise UsageError(f"header {name!r} must be str, not {type(value).__name__}")
        if any(character in value or character in name for character in "\r\n\0"):
            raise UsageError(f"header {name!r} contains a line break or NUL (RFC 9110 §5.5)")
        raw.append((name.lower().encode("ascii"), value.encode("latin-1")))
    return raw


def encoded_body(body: str | bytes | Mapping[str, object] | None) -> tuple[bytes, bytes]:
    """The bytes of a body, and its content type."""
    if body is None:
        return b"", b""
    if isinstance(body, bytes):
        return body, b"application/octet-stream"
    if isinstance(body, str):
        return body.encode(), b"text/plain; charset=utf-8"
    return msgspec.json.encode(body), b"application/json"
