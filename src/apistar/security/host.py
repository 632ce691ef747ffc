"""
`allowed_hosts`: which names this application answers to.

Compared literally and without case; `*.example.com` matches every name below `example.com`. A port is ignored, and so
is the dot that ends a fully qualified name.

Source: RFC 9110 §7.2; threat: a forged Host that poisons URLs.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..exceptions import BadRequest, ConfigurationError
from ..types import Scope
from .headers import only_header


class HostCheck:
    """Guards `Host`; without allowed hosts every one passes."""

    def __init__(self, allowed_hosts: Sequence[str]) -> None:
        if isinstance(allowed_hosts, str):
            raise ConfigurationError(f"allowed_hosts must be a list: allowed_hosts=[{allowed_hosts!r}]")
        for host in allowed_hosts:
            if not isinstance(host, str):
                raise ConfigurationError(
                    f"allowed host {host!r} must be text, such as 'example.com' or '*.example.com'"
                )
        self.active = bool(allowed_hosts) and "*" not in allowed_hosts
        self._exact = {host.lower() for host in allowed_hosts if not host.startswith("*.")}
        self._suffixes = tuple(host[1:].lower() for host in allowed_hosts if host.startswith("*."))
        for host in allowed_hosts:
            port = ":" in host and not (host.startswith("[") and host.endswith("]"))
            if port or "/" in host or ("*" in host.removeprefix("*.") and host != "*"):
                raise ConfigurationError(
                    f"allowed host {host!r} must be a bare name, without port, such as 'example.com' or '*.example.com'"
                )

    def check(self, scope: Scope) -> None:
        """
        Let a request pass whose host is ours.

        Raises:
            BadRequest: If the host is not allowed.
        """
        host = _without_port(only_header(scope, b"host").lower())
        if host not in self._exact and not (self._suffixes and host.endswith(self._suffixes)):
            raise BadRequest("this server does not answer to the host of the request")


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].removesuffix(".")
