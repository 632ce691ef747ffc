"""API Star: typed, real-time APIs for Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import exceptions, http
from .app import ASyncApp
from .injector import Component, Lifetime, Provider
from .limits import Limits
from .routing import Include, Mount, Route
from .websocket import WebSocket

if TYPE_CHECKING:
    from .testing import AsyncTestClient, TestClient
    from .wsgi import App

__version__ = "0.8.0"

__all__ = [
    "ASyncApp",
    "App",
    "AsyncTestClient",
    "Component",
    "Include",
    "Lifetime",
    "Limits",
    "Mount",
    "Provider",
    "Route",
    "TestClient",
    "WebSocket",
    "exceptions",
    "http",
]

_LAZY = {"App": "wsgi", "AsyncTestClient": "testing", "TestClient": "testing"}


def __getattr__(name: str) -> object:
    """Import what an application in service does not use when it is first asked for (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_LAZY[name]}", __name__), name)
