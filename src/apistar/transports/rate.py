"""
How many messages one socket may send: a token bucket.
"""

from __future__ import annotations

from ..limits import Limits


def rate_of(limits: Limits, now: float) -> MessageRate | None:
    """The rate that limits ask for, if they do."""
    if limits.message_rate is None:
        return None
    return MessageRate(limits.message_rate, limits.message_burst or limits.message_rate, now)


def too_many(limits: Limits) -> str:
    """What is said of a message past the rate, with 1008."""
    return f"messages exceed message_rate of {limits.message_rate} a second"


class MessageRate:
    """
    Holds up to `burst` tokens, `rate` come in each second, a message takes one.

    Args:
        rate: Messages per second.
        burst: Messages at once.
    """

    __slots__ = ("_burst", "_rate", "_tokens", "_updated_at")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._tokens = self._burst
        self._updated_at = now

    def take(self, now: float) -> bool:
        """Whether one more message is within the rate; if so it is counted."""
        self._tokens = min(self._burst, self._tokens + (now - self._updated_at) * self._rate)
        self._updated_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
