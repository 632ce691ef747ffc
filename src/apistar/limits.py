"""
Every limit of a connection, in one frozen record with a unit in every name.

`ASyncApp(limits=Limits(…))` sets the application's, `Route(…, limits=Limits(…))` overrides single fields: a field
that was not given takes the application's value, which falls back to DEFAULTS. `None` means "no limit" where the
field allows it.

Sources: THREAT_MODEL.md (why each exists), RFC 6455 §10.4 (implementation limits), Autobahn 9.* (what good clients
send).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Final

from .exceptions import ConfigurationError

KIB: Final = 1024
MIB: Final = 1024 * KIB

RETRY_AFTER_S: Final = (1, 10)
"""Bounds of the random `Retry-After` of a 503, so that refused clients do not come back in one second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    What one WebSocket or one request may cost. Sizes in bytes, durations in float seconds.

    Attributes:
        max_message_bytes: Of one message, after decompression too; past it Close 1009. Of the body of a request; past
            it 413.
        max_upload_bytes: Of all files of a form together, which are kept on disk; past it 413.
        max_fragments: Frames of one message; past it Close 1009.
        max_handshake_bytes: Of the request line and headers; past it 431.
        max_handshake_headers: Number of headers; past it 431.
        handshake_timeout_s: From the first byte to `connect()` or `reject()`.
        max_tls_handshakes: Of one process at once; others wait their turn.
        request_timeout_s: From the end of a request's head to the last byte of its body; past it 408. `None`: no such
            limit.
        ping_interval_s: Between pings; `None` sends none.
        ping_timeout_s: Wait for the pong, then the connection is lost (1006).
        idle_timeout_s: Without a message from the peer; then Close 1000 "idle". `None`: no such limit.
        close_timeout_s: Wait for the peer's Close, then drop TCP (RFC 6455 §7.1.1).
        outbox_bytes: What may wait for a slow client.
        outbox_messages: The same in messages.
        send_timeout_s: A full outbox that does not move this long is aborted (1013), and so is a client that takes
            nothing of an answer of plain HTTP for so long.
        inbox_messages: Received and not yet taken; past it the socket stops reading (TCP back-pressure).
        inbox_bytes: The same in bytes.
        max_connections: Of one process; past it 503 with Retry-After. `None`: no such limit.
        message_rate: Messages per second from one socket; past it Close 1008. `None`: no such limit.
        message_burst: Messages at once above the rate; the rate itself where `None`.
        compression: Offer permessage-deflate (RFC 7692) with bounded memory.
    """

    max_message_bytes: int = MIB
    max_upload_bytes: int = 100 * MIB
    max_fragments: int = 131_072
    max_handshake_bytes: int = 16 * KIB
    max_handshake_headers: int = 128
    handshake_timeout_s: float = 10.0
    max_tls_handshakes: int = 48
    request_timeout_s: float | None = 300.0
    ping_interval_s: float | None = 20.0
    ping_timeout_s: float | None = 20.0
    idle_timeout_s: float | None = None
    close_timeout_s: float = 5.0
    outbox_bytes: int = MIB
    outbox_messages: int = 1024
    send_timeout_s: float = 20.0
    inbox_messages: int = 32
    inbox_bytes: int = MIB
    max_connections: int | None = None
    message_rate: float | None = None
    message_burst: int | None = None
    compression: bool = False
    _given: frozenset[str] = field(init=False, repr=False, compare=False)

    def __new__(cls, **given: object) -> Limits:
        self = object.__new__(cls)
        object.__setattr__(self, "_given", frozenset(given))
        return self

    def __post_init__(self) -> None:
        for name, value in self.fields().items():
            if isinstance(value, bool):
                continue
            if value is None:
                if name not in _OPTIONAL:
                    raise ConfigurationError(f"limits.{name} cannot be None; leave it out for the default")
                continue
            if not _is_positive(value):
                raise ConfigurationError(f"limits.{name} must be a number above 0, not {value!r}")

    def fields(self) -> dict[str, int | float | bool | None]:
        """All fields by name, in the order of the table."""
        return {spec.name: getattr(self, spec.name) for spec in dataclasses.fields(self) if spec.init}

    def over(self, base: Limits) -> Limits:
        """The fields that were given here, and `base` elsewhere."""
        return dataclasses.replace(base, **{name: getattr(self, name) for name in self._given})


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and value > 0


_OPTIONAL: Final = frozenset(
    {
        "request_timeout_s",
        "ping_interval_s",
        "ping_timeout_s",
        "idle_timeout_s",
        "max_connections",
        "message_rate",
        "message_burst",
    }
)

DEFAULTS: Final = Limits()


def checked(limits: object, owner: str) -> Limits:
    """
    The limits that were given to an application or a route.

    Raises:
        ConfigurationError: If they are something else.
    """
    if not isinstance(limits, Limits):
        raise ConfigurationError(f"the limits of {owner} must be Limits(…), not {limits!r}")
    return limits
