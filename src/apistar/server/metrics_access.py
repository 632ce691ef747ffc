"""
Who may read `/metrics`: addresses that are listed, this machine where nothing is given, and nobody through a proxy.

The page tells names of routes and channels, and how much goes on in them. It is on the server's own port, so what a
proxy passes on comes from an address of the house; the headers that proxies add give it away. `*` lets everybody in.

Sources: RFC 7239 §4, RFC 9110 §7.6.3 (Via).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

from ..exceptions import ConfigurationError
from ..types import Scope

THIS_MACHINE: Final = ("127.0.0.0/8", "::1")
PROXIED: Final = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-proto", b"x-real-ip"})
REFUSAL: Final = b"metrics are for the addresses of --metrics-allow-ips, and for nobody through a proxy\n"


class MetricsAccess:
    """
    The addresses that may read.

    Args:
        listed: Addresses and networks, or one text with commas between them.

    Raises:
        ConfigurationError: If one is neither.
    """

    def __init__(self, listed: Sequence[str] | str | None = None) -> None:
        names = THIS_MACHINE if listed is None else listed.split(",") if isinstance(listed, str) else listed
        names = [name.strip() for name in names]
        self._everybody = "*" in names
        self._networks = [_network(name) for name in names if name != "*"]

    def allows(self, scope: Scope) -> bool:
        """Whether the peer of TCP, not who a proxy says it asks for, may read."""
        if self._everybody:
            return True
        client = scope.get("client")
        if client is None or any(name in PROXIED for name, _ in scope["headers"]):
            return False
        try:
            address = ipaddress.ip_address(client[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        return any(address in network for network in self._networks)


def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(name)
    except ValueError:
        raise ConfigurationError(
            f"metrics_allow_ips: {name!r} is no address or network such as '10.0.0.7' or '10.0.0.0/8'"
        ) from None
