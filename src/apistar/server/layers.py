"""
The layers that uvicorn and we put around an application, and what is below them.
"""

from __future__ import annotations

from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ..types import ASGIApp


class Layer:
    """An ASGI layer of the server's own in `app`'s place; it hands `receive` and `send` on as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app


def innermost(app: Any) -> Any:
    """The application below the layers that uvicorn and we put around it."""
    while isinstance(app, ProxyHeadersMiddleware | Layer):
        app = app.app
    return app


def own_of(app: object, attribute: str, kind: type[Any]) -> Any:
    """An attribute of our own application; `None` for anybody else's."""
    value = getattr(innermost(app), attribute, None)
    return value if isinstance(value, kind) else None
