"""
Cross-site WebSocket hijacking: a browser's `Origin` must be ours.

Browsers send cookies with every handshake and no same-origin policy stops them; the `Origin` tells who opened the
socket. It passes if it is, to the letter, the origin of the request itself (`http` or `https` as the socket is `ws` or
`wss`, then `Host`), or one of `allowed_origins`. A port that the scheme has anyway counts as left out (RFC 6454 §4).
A client that sends no `Origin` is no browser and passes.

The scheme is the server's word, after it has believed the `X-Forwarded-Proto` of a listed proxy. An application behind
a proxy that ends TLS or renames the host without saying so sees another origin than the browser does; answer and log
say what was compared and how to mend it.

Sources: RFC 6455 §4.2.2 and §10.2, RFC 6454.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Final

from ..exceptions import ConfigurationError, Forbidden
from ..types import Scope
from .headers import only_header

logger = logging.getLogger("apistar")

QUOTED_LIMIT: Final = 200
"""Characters of a header that the log repeats."""

_ORIGIN: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE | re.ASCII
)
"""RFC 6454 §6.2; a browser sends a host of other letters in its ASCII form (`xn--…`)."""

_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


class OriginCheck:
    """Guards the `Origin` of WebSocket handshakes."""

    def __init__(self, allowed_origins: Sequence[str]) -> None:
        if isinstance(allowed_origins, str):
            raise ConfigurationError(f"allowed_origins must be a list: allowed_origins=[{allowed_origins!r}]")
        self._any = "*" in allowed_origins
        self._allowed = {origin_of(origin) for origin in allowed_origins if origin != "*"}

    def check(self, scope: Scope) -> None:
        """
        Let a handshake pass that no other site opened.

        Raises:
            Forbidden: If a browser opened the socket from another site.
        """
        if self._any:
            return
        origin = only_header(scope, b"origin").lower()
        if not origin or _plain(origin) in self._allowed:
            return
        scheme = "https" if scope.get("scheme") in ("wss", "https") else "http"
        host = only_header(scope, b"host").lower()
        expected = _plain(f"{scheme}://{host}")
        if host and _plain(origin) == expected:
            return
        detail = _detail(origin, expected)
        logger.info("refused a WebSocket: %s", detail)
        raise Forbidden(detail)


def origin_of(origin: object) -> str:
    """
    An origin of a list as browsers send it: in lower case, without a port that its scheme has anyway.

    Args:
        origin: As it was configured; `None` where it came from a variable that is not set.

    Raises:
        ConfigurationError: If it is more or less than scheme, host and port, or a pattern.
    """
    if not isinstance(origin, str) or _ORIGIN.fullmatch(origin) is None:
        raise ConfigurationError(
            f"allowed origin {origin!r} must be scheme and host as a browser sends it, such as 'https://example.com' "
            "or 'http://localhost:3000'"
        )
    return _plain(origin.lower())


def _detail(origin: str, expected: str) -> str:
    """What came, what was expected, and what mends it where the page is the reader's own."""
    shown = ascii(origin[:QUOTED_LIMIT])
    text = f"origin {shown} is not this server's own, {expected[:QUOTED_LIMIT]!a}"
    if "://" not in origin:
        return text
    text += f"; if that page is yours, list it in allowed_origins=[{shown}], or "
    if _without_port(origin) != _without_port(expected):
        return text + "let the proxy in front pass the Host header on"
    if expected.startswith("https:"):
        return text + "serve it with https as well"
    return text + "let the proxy that ends TLS send X-Forwarded-Proto, and trust it with --forwarded-allow-ips"


def _without_port(origin: str) -> str:
    """Host and port, without a port that either scheme has anyway."""
    authority = origin.partition("://")[2]
    return authority.removesuffix(":80").removesuffix(":443")


def _plain(origin: str) -> str:
    """Without a port that its scheme has anyway; browsers leave it out."""
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition("://")[0], "\0"))
