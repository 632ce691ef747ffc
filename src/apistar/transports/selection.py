"""
Which transport carries a connection: ours without detour where it can, ASGI everywhere else.
"""

from __future__ import annotations

from ..types import Receive, Scope, Send
from .asgi import ASGITransport
from .transport import NATIVE_EXTENSION, Transport


def transport_of(scope: Scope, receive: Receive, send: Send) -> Transport:
    """
    The transport of a WebSocket scope.

    Our server's protocol class offers its connection in the scope. It is taken only if `receive` and `send` are the
    protocol's own: a middleware that wraps either of them wants to see every message, and sees it.
    """
    offer = (scope.get("extensions") or {}).get(NATIVE_EXTENSION)
    if offer is not None and receive == offer.receive and send == offer.send:
        transport: Transport = offer.transport
        return transport
    return ASGITransport(scope, receive, send)
