"""
The hook point for whoever counts: what happened to connections, as it happens.

Subclass `Observer` and override what you want to see; every method is called synchronously on the event loop and must
return at once. What one raises is logged the first time, and disturbs no connection. Where no observer is set nothing
is called, so that off costs nothing.

`route` is the route's URL template, never the path, so that its number of values is bounded.
"""

from __future__ import annotations

import logging

logger = logging.getLogger("apistar")


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

    def tls_crowded_out(self) -> None:
        """A connection was ended before its handshake of TLS was over, in favour of others that waited."""

    def published(self, channel: str, size_bytes: int) -> None:
        """This process published; `channel` is the topic's template, `room:{room}`."""

    def delivered(self, channel: str, deliveries: int) -> None:
        """Publications were handed on: how many, times the sockets and subscriptions of this process."""

    def undelivered(self, channel: str, messages: int) -> None:
        """Publications were dropped for one socket that reads too slowly, by its policy."""


class Guarded(Observer):
    """
    Tells observers in turn; what one of them raises is logged, once for each of its methods, and goes no further.

    Args:
        observers: A connection calls this one, and never them.
    """

    def __init__(self, *observers: Observer) -> None:
        self.observers = observers
        self._failed: set[tuple[Observer, str]] = set()

    def opened(self, route: str) -> None:
        for observer in self.observers:
            try:
                observer.opened(route)
            except Exception:
                self._note(observer, "opened")

    def closed(self, route: str, code: int) -> None:
        for observer in self.observers:
            try:
                observer.closed(route, code)
            except Exception:
                self._note(observer, "closed")

    def received(self, route: str, size_bytes: int) -> None:
        for observer in self.observers:
            try:
                observer.received(route, size_bytes)
            except Exception:
                self._note(observer, "received")

    def sent(self, route: str, size_bytes: int) -> None:
        for observer in self.observers:
            try:
                observer.sent(route, size_bytes)
            except Exception:
                self._note(observer, "sent")

    def dropped(self, route: str, messages: int) -> None:
        for observer in self.observers:
            try:
                observer.dropped(route, messages)
            except Exception:
                self._note(observer, "dropped")

    def outbox(self, route: str, waiting_bytes: int) -> None:
        for observer in self.observers:
            try:
                observer.outbox(route, waiting_bytes)
            except Exception:
                self._note(observer, "outbox")

    def pinged(self, route: str, round_trip_s: float) -> None:
        for observer in self.observers:
            try:
                observer.pinged(route, round_trip_s)
            except Exception:
                self._note(observer, "pinged")

    def refused(self, route: str, status: int) -> None:
        for observer in self.observers:
            try:
                observer.refused(route, status)
            except Exception:
                self._note(observer, "refused")

    def tls_crowded_out(self) -> None:
        for observer in self.observers:
            try:
                observer.tls_crowded_out()
            except Exception:
                self._note(observer, "tls_crowded_out")

    def published(self, channel: str, size_bytes: int) -> None:
        for observer in self.observers:
            try:
                observer.published(channel, size_bytes)
            except Exception:
                self._note(observer, "published")

    def delivered(self, channel: str, deliveries: int) -> None:
        for observer in self.observers:
            try:
                observer.delivered(channel, deliveries)
            except Exception:
                self._note(observer, "delivered")

    def undelivered(self, channel: str, messages: int) -> None:
        for observer in self.observers:
            try:
                observer.undelivered(channel, messages)
            except Exception:
                self._note(observer, "undelivered")

    def _note(self, observer: Observer, method: str) -> None:
        if (observer, method) not in self._failed:
            self._failed.add((observer, method))
            name = f"{type(observer).__qualname__}.{method}"
            logger.exception("observer %s() raised; it is called on, and what it raises is not told again", name)


def guarded(observer: Observer | None) -> Guarded | None:
    """An observer that connections may call."""
    return observer if observer is None or isinstance(observer, Guarded) else Guarded(observer)
