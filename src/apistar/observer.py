"""
The hook point for whoever counts: what happened to connections, as it happens.

Subclass `Observer` and override what you want to see; every method is called synchronously on the event loop, must
return at once and must not raise. Where no observer is set nothing is called, so that off costs nothing.
`route` is the route's URL template, never the path, so that its number of values is bounded.
"""

from __future__ import annotations


class Observer:
    """Sees every event and keeps none."""

    def opened(self, route: str) -> None:
        """A handshake was completed with 101."""

    def closed(self, route: str, code: int) -> None:
        """An open connection ended, with the close code of RFC 6455 §7.4 (1006 where there was none)."""

    def received(self, route: str, size_bytes: int) -> None:
        """A whole message came in; its size after decompression."""

    def sent(self, route: str, size_bytes: int) -> None:
        """A message was handed to the connection; its size before compression."""

    def dropped(self, route: str, messages: int) -> None:
        """Messages were not delivered: refused by a full outbox, or lost in it when the connection ended."""

    def outbox(self, route: str, waiting_bytes: int) -> None:
        """A message had to wait; what waits now, in bytes."""

    def pinged(self, route: str, round_trip_s: float) -> None:
        """A pong answered our ping, after this many seconds."""

    def refused(self, route: str, status: int) -> None:
        """A handshake was answered with an HTTP status; `route` is empty where none was found."""

    def published(self, channel: str, size_bytes: int) -> None:
        """This process published; `channel` is the topic's template, `room:{room}`."""

    def delivered(self, channel: str, deliveries: int) -> None:
        """Publications were handed on: how many, times the sockets and subscriptions of this process."""

    def undelivered(self, channel: str, messages: int) -> None:
        """Publications were dropped for one socket that reads too slowly, by its policy."""
