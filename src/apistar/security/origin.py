"""
Cross-site WebSocket hijacking: a browser's `Origin` must be ours.

Browsers send cookies with every handshake and no same-origin policy stops them; the `Origin` tells who opened the
socket. It passes if it is listed in `allowed_origins` to the letter, or if its host and port are those of `Host`.
The scheme must be as safe as the connection's own: `http` pages do not open `wss` sockets. (`https` pages pass where
the connection looks like `ws`: behind a proxy that ends TLS the scheme is the proxy's word.)
A client that sends no `Origin` is no browser and passes.

Sources: RFC 6455 §4.2.2 and §10.2, RFC 6454.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from ..exceptions import ConfigurationError, Forbidden
from ..types import Scope
from .headers import only_header

_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


class OriginCheck:
    """Guards the `Origin` of WebSocket handshakes."""

    def __init__(self, allowed_origins: Sequence[str]) -> None:
        if isinstance(allowed_origins, str):
            raise ConfigurationError(f"allowed_origins must be a list: allowed_origins=[{allowed_origins!r}]")
        self._any = "*" in allowed_origins
        self._allowed = {_origin(origin) for origin in allowed_origins if origin != "*"}

    def check(self, scope: Scope) -> None:
        """
        Raises:
            Forbidden: If a browser opened the socket from another site.
        """
        if self._any:
            return
        origin = only_header(scope, b"origin").lower()
        if not origin or origin in self._allowed:
            return
        scheme, separator, authority = origin.partition("://")
        if separator and scheme in _DEFAULT_PORTS and not (scheme == "http" and scope.get("scheme") == "wss"):
            host = only_header(scope, b"host").lower()
            ours = _DEFAULT_PORTS["https" if scope.get("scheme") == "wss" else "http"]
            authority = authority.removesuffix(_DEFAULT_PORTS[scheme])
            if authority and authority in (host.removesuffix(ours), host.removesuffix(_DEFAULT_PORTS[scheme])):
                return
        raise Forbidden("this WebSocket may not be opened from another site")


def _origin(origin: str) -> str:
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query or parts.fragment:
        raise ConfigurationError(
            f"allowed origin {origin!r} must be scheme and host as a browser sends it, such as 'https://example.com' "
            "or 'http://localhost:3000'"
        )
    return origin.lower()
