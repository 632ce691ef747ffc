"""
What a test sees when a WebSocket was refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
import msgspec


class WebSocketDenied(Exception):
    """
    The handshake was answered with an HTTP response instead of 101.

    Attributes:
        status_code: Of the response.
        headers: Of the response, without case.
        body: Of the response.
    """

    def __init__(self, status_code: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        self.status_code = status_code
        self.headers = httpx.Headers(list(headers))
        self.body = body
        super().__init__(status_code, headers, body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)

    def __str__(self) -> str:
        lines = [f"the WebSocket was refused with HTTP {self.status_code}"]
        lines += [f"  {name}: {value}" for name, value in self.headers.items()]
        if self.body:
            lines.append(f"  {self.text[:500]}")
        return "\n".join(lines)
