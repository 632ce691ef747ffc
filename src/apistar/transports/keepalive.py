"""
When to ping, when a peer counts as vanished, and when as idle. Pure reckoning over a clock that is passed in.

A peer that gives any sign of life after our ping is not lost, even if its pong is late: the pong may stand behind a
long message. Time during which we ourselves did not read does not count either, as its pong cannot be seen.
While a ping waits for its pong no other leaves, so that an interval shorter than the time-out does not put it off.

Source: RFC 6455 §5.5.2 and §5.5.3.
"""

from __future__ import annotations

import enum
import struct

from ..limits import Limits


class Due(enum.Enum):
    """What to do now."""

    NOTHING = enum.auto()
    PING = enum.auto()
    """Send `payload` in a Ping, then tell `pinged()`."""
    IDLE = enum.auto()
    """Close with 1000 "idle"."""
    LOST = enum.auto()
    """No sign of life: drop the connection with 1006."""


class Keepalive:
    """
    The clock of one connection.

    Attributes:
        payload: Of the last ping that is unanswered; `None` where none is.
        round_trip_s: Of the last ping that was answered.
    """

    __slots__ = ("_heard_at", "_lost_at", "_ping_at", "_pinged_at", "_pings", "payload", "round_trip_s")

    def __init__(self, limits: Limits, now: float) -> None:
        self._ping_at = None if limits.ping_interval_s is None else now + limits.ping_interval_s
        self._lost_at: float | None = None
        self._heard_at = now
        self._pinged_at = 0.0
        self._pings = 0
        self.payload: bytes | None = None
        self.round_trip_s: float | None = None

    def heard(self, now: float) -> None:
        """A message came; needed only where there is an idle limit."""
        self._heard_at = now

    def pinged(self, limits: Limits, now: float) -> bytes:
        """A ping leaves now, with this payload."""
        self._pings = self._pings + 1 & 0xFFFFFFFF
        self.payload = struct.pack("!I", self._pings)
        self._pinged_at = now
        if limits.ping_timeout_s is not None:
            self._lost_at = now + limits.ping_timeout_s
        if limits.ping_interval_s is not None:
            self._ping_at = now + limits.ping_interval_s
        return self.payload

    def ponged(self, payload: bytes, now: float) -> float | None:
        """A pong came: the round-trip time if it answers the last ping, `None` if nobody asked for it."""
        if payload != self.payload:
            return None
        self.payload = None
        self._lost_at = None
        self.round_trip_s = max(now - self._pinged_at, 0.0)
        return self.round_trip_s

    def due(self, limits: Limits, now: float, alive: bool, reading: bool) -> Due:
        """
        What to do at `now`.

        Args:
            alive: The peer gave a sign of life since the last ping or since this was last asked.
            reading: We read from the peer all the while.
        """
        if limits.idle_timeout_s is not None and reading and now >= self._heard_at + limits.idle_timeout_s:
            return Due.IDLE
        if self._lost_at is not None and limits.ping_timeout_s is not None and now >= self._lost_at:
            if reading and not alive:
                return Due.LOST
            self._lost_at = None
        if self._lost_at is None and self._ping_at is not None and now >= self._ping_at:
            return Due.PING
        return Due.NOTHING

    def next_in_s(self, limits: Limits, now: float) -> float | None:
        """Seconds until the next question to `due()`; `None` where nothing is to be watched."""
        moment = self._ping_at if self._lost_at is None else self._lost_at
        moments = [] if moment is None else [moment]
        if limits.idle_timeout_s is not None:
            moments.append(self._heard_at + limits.idle_timeout_s)
        return max(min(moments) - now, 0.0) if moments else None
