"""
Cross-site WebSocket hijacking: a browser's `Origin` must be ours.

Browsers send cookies with every handshake and no same-origin policy stops them; the `Origin` tells who opened the
socket. It passes if it is listed in `allowed_origins` to the letter, or if its host and port are those of `Host`.
The scheme must be as safe as the connection's own: `http` pages do not open `wss` sockets. (`https` pages pass where
the connection looks like `ws`: behind a proxy that ends TLS the scheme is the proxy's word.)
A client that sends no `Origin` is no browser and passes.

An application behind a proxy that does not pass `Host` on sees another name than the browser; the log says so.

Sources: RFC 6455 §4.2.2 and §10.2, RFC 6454.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from ..exceptions import ConfigurationError, Forbidden
from ..types import Scope
from .headers import only_header

logger = logging.getLogger("apistar")

QUOTED_LIMIT: Final = 200
"""Characters of a header that the log repeats."""

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
        if not origin or _plain(origin) in self._allowed:
            return
        host = only_header(scope, b"host").lower()
        scheme, separator, authority = origin.partition("://")
        if separator and scheme in _DEFAULT_PORTS and not (scheme == "http" and scope.get("scheme") == "wss"):
            ours = _DEFAULT_PORTS["https" if scope.get("scheme") == "wss" else "http"]
            authority = authority.removesuffix(_DEFAULT_PORTS[scheme])
            if authority and authority in (host.removesuffix(ours), host.removesuffix(_DEFAULT_PORTS[scheme])):
                return
        logger.info(
            "refused a WebSocket from origin %a, since its host is %a; if that is your own page, list it in "
            "allowed_origins, or have the proxy pass the Host header",
            origin[:QUOTED_LIMIT],
            host[:QUOTED_LIMIT],
        )
        raise Forbidden("this WebSocket may not be opened from another site")


def _plain(origin: str) -> str:
    """Without a port that its scheme has anyway; browsers leave it out."""
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition("://")[0], "\0"))


def _origin(origin: str) -> str:
    parts = urlsplit(origin)
    if not parts.scheme or not parts.netloc or "@" in parts.netloc or parts.path or parts.query or parts.fragment:
        raise ConfigurationError(
            f"allowed origin {origin!r} must be scheme and host as a browser sends it, such as 'https://example.com' "
            "or 'http://localhost:3000'"
        )
    return _plain(origin.lower())
