"""
What a channel needs of a WebSocket: its connection, and the codec that it speaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ..messages import JSON, Codec
from .websocket import WebSocket

if TYPE_CHECKING:
    from ..transports.transport import Transport


def outlet_of(websocket: WebSocket[Any, Any]) -> tuple[Transport, Codec]:
    """
    The way out of a WebSocket, past its own `send()`.

    Raises:
        WebSocketNotConnected: Before `connect()`.
        WebSocketDisconnect: After the end.
    """
    if not websocket.connected:
        raise websocket._not_connected("join")
    types = websocket._types
    # The object asks less of its connection than a channel does; each application's is a whole `Transport`.
    return cast("Transport", websocket._connection), JSON if types is None else types.codec
