"""
The deadlines of all connections of one loop, on one timer.

A timer per connection costs some 200 bytes and a heap operation each time it moves; here a connection sits in one set
of all those that are due in the same 1/32 s, and moving costs two set operations. Deadlines are rounded up, never
down. Nobody moves a deadline backwards: who is called too early looks at the clock and schedules again.
"""

from __future__ import annotations

import asyncio
import heapq
from typing import Final, Protocol
from weakref import WeakKeyDictionary

TICKS_PER_S: Final = 32


class Bucket(set["Member"]):
    """All members that are due at one tick."""

    __slots__ = ("tick",)

    def __init__(self, tick: int) -> None:
        super().__init__()
        self.tick = tick


class Member(Protocol):
    """Somebody with a deadline. `bucket` is the wheel's to set, `None` to begin with."""

    bucket: Bucket | None

    def on_deadline(self) -> None:
        """The time that was asked for has come, or a tick of 1/32 s after it."""


class Wheel:
    """Deadlines of many members; one timer, and none where nobody waits."""

    __slots__ = ("_armed", "_armed_tick", "_buckets", "_ticks")

    def __init__(self) -> None:
        self._buckets: dict[int, Bucket] = {}
        self._ticks: list[int] = []
        self._armed: asyncio.TimerHandle | None = None
        self._armed_tick = 0

    def schedule(self, member: Member, delay_s: float, loop: asyncio.AbstractEventLoop) -> None:
        """Have `member.on_deadline` called once, `delay_s` from now or earlier (if it was scheduled for earlier)."""
        tick = int((loop.time() + delay_s) * TICKS_PER_S) + 1
        bucket = member.bucket
        if bucket is not None:
            if bucket.tick <= tick:
                return
            self.forget(member)
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = Bucket(tick)
            heapq.heappush(self._ticks, tick)
            if self._armed is None or tick < self._armed_tick:
                self._arm(tick, loop)
        bucket.add(member)
        member.bucket = bucket

    def forget(self, member: Member) -> None:
        """Take a member out; it is not called, and nothing of it is kept."""
        bucket, member.bucket = member.bucket, None
        if bucket is None:
            return
        bucket.discard(member)
        if not bucket:
            self._buckets.pop(bucket.tick, None)
            if not self._buckets and self._armed is not None:
                self._armed.cancel()
                self._armed = None
                self._ticks.clear()

    def _arm(self, tick: int, loop: asyncio.AbstractEventLoop) -> None:
        if self._armed is not None:
            self._armed.cancel()
        self._armed_tick = tick
        self._armed = loop.call_at(tick / TICKS_PER_S, self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._armed = None
        now = loop.time() * TICKS_PER_S
        while self._ticks and self._ticks[0] <= now:
            due = self._buckets.pop(heapq.heappop(self._ticks), None)
            while due:
                member = due.pop()
                member.bucket = None
                try:
                    member.on_deadline()
                except Exception as error:
                    # One connection's fault must not cost the others their deadlines.
                    loop.call_exception_handler({"message": "a deadline failed", "exception": error})
        while self._ticks and self._ticks[0] not in self._buckets:
            heapq.heappop(self._ticks)
        if self._ticks:
            self._arm(self._ticks[0], loop)


_WHEELS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Wheel]] = WeakKeyDictionary()


def wheel_of(loop: asyncio.AbstractEventLoop) -> Wheel:
    """The wheel of a loop; it lives as long as the loop."""
    wheel = _WHEELS.get(loop)
    if wheel is None:
        wheel = _WHEELS[loop] = Wheel()
    return wheel
