"""
Serving what is mounted: an ASGI application below a prefix.

Source: the ASGI specification, "HTTP & WebSocket": `path` includes `root_path`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException as StarletteHTTPException

from ..http.responses import problem_of
from ..transports.turns import taking_turns
from ..types import ASGIApp, Receive, Scope, Send


def path_below_root(scope: Scope) -> str:
    """The path below `root_path`, by which a route is found."""
    path: str = scope["path"]
    root = scope.get("root_path", "")
    if root and path.startswith(root) and (len(path) == len(root) or path[len(root)] == "/"):
        return path[len(root) :] or "/"
    return path


def scope_below(scope: Scope, prefix: str, state: Mapping[str, Any]) -> Scope:
    """
    The scope of an application that is mounted at `prefix`, with the state that its own lifespan gave.

    What a Starlette around us left for its `url_for()` is taken away: that one does not know our mounts.
    """
    below = {key: value for key, value in scope.items() if key not in ("router", "app_root_path")}
    below["root_path"] = scope.get("root_path", "") + prefix
    below["state"] = {**scope.get("state", {}), **state}
    return below


async def serve_mounted(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one request with a mounted application."""
    try:
        await app(scope, receive, taking_turns(scope, send))
    except StarletteHTTPException as refusal:  # Starlette's static files leave their 404 to whoever mounts them
        await problem_of(refusal)(scope, receive, send)
