"""Test clients: any ASGI application in memory, HTTP and WebSockets."""

from .async_client import AsyncTestClient
from .client import TestClient
from .denied import WebSocketDenied
from .session import AsyncWebSocketSession, WebSocketSession, WebSocketTimeout

__all__ = [
    "AsyncTestClient",
    "AsyncWebSocketSession",
    "TestClient",
    "WebSocketDenied",
    "WebSocketSession",
    "WebSocketTimeout",
]
