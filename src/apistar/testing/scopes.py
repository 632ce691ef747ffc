"""
ASGI scopes as a server would make them for a test's client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from ..types import Scope


def websocket_scope(
    url: str,
    *,
    base_url: str,
    subprotocols: Sequence[str],
    headers: Sequence[tuple[str, str]],
    root_path: str,
    client: tuple[str, int],
    state: Mapping[str, Any],
) -> Scope:
    """The scope of a handshake; `url` is a path with an optional query, or a whole URL."""
    base, parts = urlsplit(base_url), urlsplit(url)
    host = parts.netloc or base.netloc
    secure = (parts.scheme or base.scheme) in ("https", "wss")
    raw = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers]
    names = {name for name, _ in raw}
    sent = [
        (b"host", host.encode("ascii")),
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),  # the example of RFC 6455 §1.3
    ]
    if subprotocols:
        sent.append((b"sec-websocket-protocol", ", ".join(subprotocols).encode("ascii")))
    name, _, port = host.partition(":")
    path = base.path.rstrip("/") + parts.path if not parts.netloc else parts.path
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "scheme": "wss" if secure else "ws",
        "path": root_path + unquote(path or "/"),
        "raw_path": (root_path + (path or "/")).encode("ascii", "replace"),
        "query_string": parts.query.encode("ascii"),
        "root_path": root_path,
        "headers": [pair for pair in sent if pair[0] not in names] + raw,
        "client": client,
        "server": (name, int(port) if port else 443 if secure else 80),
        "subprotocols": list(subprotocols),
        "state": dict(state),
        "extensions": {"websocket.http.response": {}},
    }
