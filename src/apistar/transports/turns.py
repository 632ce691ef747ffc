"""
ASGI's `send`, which leaves others their turn under a body that is sent without waiting for anything.

A server's own `send` does not wait where there is room, nor where the client has reset the connection, and then nobody
would ever hear of it: the loop is kept, and with it whoever would say so.
"""

from __future__ import annotations

import asyncio
from typing import Final

from ..types import BODY_CLOCK_EXTENSION, Event, Scope, Send

TURN_PIECES: Final = 16
"""Of a body sent in a row; a file comes in pieces of 64 KiB."""


class TurnTaking:
    """One exchange's `send`."""

    __slots__ = ("_left", "_send")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._left = TURN_PIECES

    async def __call__(self, event: Event) -> None:
        """Send, and wait for a turn of the loop where enough was sent in a row."""
        await self._send(event)
        if event.get("more_body"):
            self._left -= 1
            if self._left <= 0:
                self._left = TURN_PIECES
                await asyncio.sleep(0)


def taking_turns(scope: Scope, send: Send) -> Send:
    """`send` itself on our server, which leaves others their turn under every application."""
    return send if BODY_CLOCK_EXTENSION in (scope.get("extensions") or {}) else TurnTaking(send)
