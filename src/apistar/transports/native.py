"""
A WebSocket straight on picows: frames, limits, pings, the closing handshake and compression, with no ASGI between.

The HTTP side parses the opening handshake and makes a `NativeTransport`; see `NativeTransport` for the order of calls.

Sources: RFC 6455, RFC 7692.
"""

from __future__ import annotations

import asyncio

import picows

from .opening import ConnectionOwner, Handshake


class NativeTransport(picows.WSListener):
    """
    One WebSocket connection whose handshake the HTTP side has parsed; implements `Transport`.

    It is the asyncio protocol of its TCP transport too, so the server does, in this order:

        native = NativeTransport(loop, tcp, handshake, owner)
        tcp.set_protocol(native)          # data_received, eof_received, connection_lost, pause_… and resume_writing
        native.data_received(rest)        # bytes that came behind the handshake, if any

    and then hands it to the application, which calls `bind()` and `accept()` or `reject()`. Until then bytes that arrive
    are kept (and reading stops past a few KiB), and a lost TCP ends the connection with 1006.
    After `accept()` the transport may change the TCP transport's protocol as it likes.

    Args:
        tcp: Connected; plain TCP, TLS or a unix socket.
        handshake: Checked by the HTTP side; dropped with the answer.
        owner: Told of the handshake's answer, and when TCP is closed and nothing is kept.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tcp: asyncio.Transport,
        handshake: Handshake,
        owner: ConnectionOwner | None = None,
    ) -> None:
        raise NotImplementedError

    def start_close(self, code: int, reason: str = "") -> None:
        """
        What `close()` does, without waiting for the peer: for a shutdown of many connections.

        The connection is over at once for its owner; TCP closes within `close_timeout_s`, whatever the peer does. Before
        `accept()` it answers the handshake with 503.
        """
        raise NotImplementedError
