"""The WebSocket of the handlers: its object, its states, its close codes."""

from . import status
from .state import WebSocketState
from .websocket import WebSocket

__all__ = ["WebSocket", "WebSocketState", "status"]
