"""
The client's side of a connection with a server that nobody vouches for.

What the library below leaves to its user is bounded here: pongs that the server never reads, an answer that is none and
does not end, and redirects that would take what was typed for one server to another.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urljoin, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.protocol import State

MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
MAX_UNREAD_BYTES: Final = 1024 * 1024
"""Written and not yet taken by the server; past it no ping is answered."""
CLOSE_TIMEOUT_S: Final = 2.0
"""For a server to answer a Close, and for it to end TCP."""
DEFAULT_PORTS: Final = {"ws": 80, "http": 80, "wss": 443, "https": 443}


class Connection(ClientConnection):
    """Ends an answer that is none, and answers no pings for whoever reads nothing."""

    _reading = False
    _ending = False

    def data_received(self, data: bytes) -> None:
        self._reading = True
        try:
            super().data_received(data)
        finally:
            self._reading = False
        if self.response is None and self.protocol.handshake_exc is not None:
            self.transport.abort()  # it is no answer already, and may never end
        if not self._ending and self.protocol.close_expected():
            self._ending = True
            # RFC 6455 §7.1.1: it is the server that ends TCP. Where it does not, we do.
            self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)

    def send_data(self) -> None:
        # RFC 6455 §5.5.3: not every Ping need be answered. Whoever floods us with them and reads no Pong fills the
        # buffer of the transport, which has no limit of its own.
        full = self.transport.get_write_buffer_size() > MAX_UNREAD_BYTES
        if self._reading and full and self.protocol.state is State.OPEN:
            self.protocol.data_to_send()
        else:
            super().send_data()


class Connect(connect):
    """Connects, to the server that was named and to no other."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """
        Follow a redirect within the server alone.

        Elsewhere it is a refusal, shown with its `Location`: headers and cookies were typed for this server, and what
        is sent next would be as well.
        """
        if not isinstance(exc, InvalidStatus):
            return exc
        headers = exc.response.headers
        try:
            [location] = headers.get_all("Location")
            target = urljoin(self.uri, location)
            if _origin(target) != _origin(self.uri):
                return exc
        except ValueError:
            return exc
        del headers["Location"]
        headers["Location"] = _without_scheme(target)
        followed: Exception | str = super().process_redirect(exc)
        return followed


def _origin(url: str) -> tuple[bool, str | None, int | None]:
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError(f"{parts.scheme} is not a scheme of a WebSocket")
    return parts.scheme in ("wss", "https"), parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme]


def _without_scheme(url: str) -> str:
    """A URL relative to the scheme: servers write `http` where the handshake was `ws`."""
    return "//" + url.partition("://")[2]
