"""Test clients: any ASGI application in memory, HTTP and WebSockets."""

from .async_client import AsyncTestClient
from .async_session import AsyncWebSocketSession, WebSocketTimeout
from .client import TestClient
from .denied import WebSocketDenied
from .session import WebSocketSession

__all__ = [
    "AsyncTestClient",
    "AsyncWebSocketSession",
    "TestClient",
    "WebSocketDenied",
    "WebSocketSession",
    "WebSocketTimeout",
]
