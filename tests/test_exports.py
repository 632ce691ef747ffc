"""
The names that exist, as the design's table has them. Nothing else is public.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Final

import pytest

PUBLIC: Final[dict[str, frozenset[str]]] = {
    "apistar": frozenset(
        {
            "App",
            "ASyncApp",
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
        }
    ),
    "apistar.websocket": frozenset({"WebSocket", "WebSocketState", "status"}),
    "apistar.http": frozenset(
        {
            # to inject
            "Body",
            "Cookie",
            "Cookies",
            "FormData",
            "Header",
            "Headers",
            "Method",
            "Path",
            "PathParams",
            "QueryParam",
            "QueryParams",
            "Request",
            "URL",
            "UploadFile",
            # to give back
            "FileResponse",
            "HTMLResponse",
            "JSONResponse",
            "RedirectResponse",
            "Response",
            "ServerSentEvent",
            "StreamingResponse",
        }
    ),
    "apistar.messages": frozenset({"JSON", "MSGPACK", "Codec", "Decoder", "Encoder"}),
    "apistar.channels": frozenset(
        {
            "Broker",
            "Channel",
            "ChannelLimits",
            "Health",
            "History",
            "Hub",
            "MemberJoined",
            "MemberLeft",
            "MemoryBroker",
            "Page",
            "Policy",
            "Position",
            "Presence",
            "PresenceEvent",
            "Publication",
            "Published",
            "REJOIN",
            "Seat",
            "Subscription",
            "conflate",
            "disconnect",
            "drop_oldest",
        }
    ),
    "apistar.server": frozenset({"HTTPProtocol", "WebSocketProtocol", "run"}),
}

EXCEPTIONS: Final = frozenset(
    {
        "APIStarError",
        "BadRequest",
        "BrokerError",
        "BrokerUnavailable",
        "ConcurrentReceive",
        "ConfigurationError",
        "DependencyCycle",
        "EncodeError",
        "Forbidden",
        "HTTPException",
        "InvalidMessage",
        "InvalidSubprotocol",
        "MethodNotAllowed",
        "NotFound",
        "OutboxFull",
        "PeerError",
        "PublicationsLost",
        "RouteConfigurationError",
        "Unauthorized",
        "UnknownDependency",
        "UnsupportedType",
        "UnusableTopic",
        "UsageError",
        "WebSocketDisconnect",
        "WebSocketNotConnected",
        "WebSocketProtocolError",
    }
)


@pytest.mark.parametrize("module", PUBLIC)
def test_module_exports_what_the_design_names(module: str) -> None:
    assert set(importlib.import_module(module).__all__) == PUBLIC[module]


@pytest.mark.parametrize("module", PUBLIC)
def test_every_exported_name_can_be_imported(module: str) -> None:
    imported = importlib.import_module(module)
    for name in PUBLIC[module]:
        assert getattr(imported, name) is not None


@pytest.mark.parametrize("name", sorted(EXCEPTIONS))
def test_exception_belongs_to_the_tree(name: str) -> None:
    exceptions = importlib.import_module("apistar.exceptions")
    assert issubclass(getattr(exceptions, name), exceptions.APIStarError)


def test_testing_exports_the_clients_and_their_sessions() -> None:
    testing = importlib.import_module("apistar.testing")
    assert {"TestClient", "AsyncTestClient"} <= set(testing.__all__)
    sessions = set(testing.__all__) - {"TestClient", "AsyncTestClient"}
    assert any("Session" in name for name in sessions), f"no WebSocket session among {sorted(sessions)}"


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Websocket"):
        _ = importlib.import_module("apistar").Websocket


@pytest.mark.parametrize(
    "unused",
    ["uvicorn", "picows", "click", "httpx", "a2wsgi", "pydantic", "jinja2", "redis", "asyncpg", "yaml"],
)
def test_importing_the_names_of_an_application_imports_nothing_unused(unused: str) -> None:
    program = (
        "import sys\n"
        "from apistar import ASyncApp, Component, Include, Lifetime, Limits, Mount, Provider, Route, WebSocket\n"
        "from apistar import exceptions, http\n"
        f"sys.exit({unused!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
