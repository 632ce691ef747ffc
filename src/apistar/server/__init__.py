"""The server: `run()`, and the protocol classes for any uvicorn."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .http_protocol import HTTPProtocol
    from .serving import run
    from .websocket_protocol import WebSocketProtocol

__all__ = ["HTTPProtocol", "WebSocketProtocol", "run"]

_LAZY = {"HTTPProtocol": "http_protocol", "WebSocketProtocol": "websocket_protocol", "run": "serving"}


def __getattr__(name: str) -> object:
    """Import uvicorn and picows when they are asked for (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    loaded = getattr(import_module(f".{_LAZY[name]}", __name__), name)
    globals()[name] = loaded
    return loaded


def __dir__() -> list[str]:
    return [*globals(), *__all__]
