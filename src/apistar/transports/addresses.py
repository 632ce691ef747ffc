"""
The addresses of a scope as ASGI has them: a host, and a port that is a number.

granian writes its ports as text. Source: the ASGI specification, "HTTP & WebSocket" (`client`, `server`).
"""

from __future__ import annotations

from ..types import Scope


def number_ports(scope: Scope) -> None:
    """Make the ports of client and server numbers where the server wrote them as text."""
    client = scope.get("client")
    if client and type(client[1]) is str:  # then the server's is, too; every other server pays for this line alone
        for end in ("client", "server"):
            host, port = scope.get(end) or ("", "")
            if type(port) is str and port.isdecimal():
                scope[end] = (host, int(port))
