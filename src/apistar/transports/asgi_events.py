"""
What ASGI's events say: sizes, endings.

Source: the ASGI specification, "WebSocket" 2.5.
"""

from __future__ import annotations

import asyncio

from ..types import Event
from .transport import Ending, Initiator


def ending_of(event: Event, gives_reasons: bool) -> Ending:
    """
    How a connection ended, by its disconnect event.

    Args:
        gives_reasons: The server says a reason with every Close, be it an empty one.
    """
    code = event.get("code")
    if code == 1005 and gives_reasons and "reason" not in event:
        code = 1006  # uvicorn's word for a connection that was lost
    return Ending(1005 if code is None else code, event.get("reason") or "", Initiator.PEER)


def size_of(event: Event) -> int:
    """Bytes of a message's payload, as they stand in its frame."""
    text: str | None = event.get("text")
    if text is None:
        return len(event["bytes"])
    return len(text) if text.isascii() else len(text.encode())


def utf8_size(text: str, limit: int) -> int:
    """The size in bytes, counted only where it could matter: a character takes 1 to 4 bytes."""
    if len(text) * 4 <= limit or text.isascii() or len(text) > limit:
        return len(text)
    return len(text.encode())


def wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
