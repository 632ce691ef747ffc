"""
What a client asked with: the parts of its opening handshake that a handler may want to see (RFC 6455 §4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.datastructures import URL, Address, Headers, QueryParams
    from starlette.requests import HTTPConnection


class UpgradeRequest:
    """
    The request of a handshake; the `WebSocket` is one, too.

    Attributes:
        subprotocols: What the client offers, in its order.
    """

    __slots__ = ("_handshake", "subprotocols")

    def __init__(self, handshake: HTTPConnection) -> None:
        self._handshake = handshake
        self.subprotocols: Sequence[str] = tuple(handshake.scope.get("subprotocols", ()))

    @property
    def url(self) -> URL:
        return self._handshake.url

    @property
    def path_params(self) -> dict[str, Any]:
        return self._handshake.path_params

    @property
    def query_params(self) -> QueryParams:
        return self._handshake.query_params

    @property
    def headers(self) -> Headers:
        return self._handshake.headers

    @property
    def cookies(self) -> dict[str, str]:
        return self._handshake.cookies

    @property
    def client(self) -> Address | None:
        return self._handshake.client
