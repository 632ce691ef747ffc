"""
The deadline of a client that takes nothing of what was written for it.

What counts is progress, however slow: bytes that leave the buffer of the transport, or that the client's TCP
acknowledges. The latter is asked of the kernel where it can tell (Linux): it takes a new piece only when a third of its
own buffer is free, which a slow client with megabytes in it needs minutes for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from .tcp import unacknowledged_bytes
from .wheel import Bucket, wheel_of

LOOKS: Final = 4
"""Within the time; the end comes by a quarter of it late at most."""


class WriteClock:
    """
    Runs while something waits to be taken.

    Args:
        stuck: Called with the limit when nothing was taken for so long.
    """

    __slots__ = ("_begun", "_limit_s", "_loop", "_mark", "_since", "_stuck", "_tcp", "bucket")

    def __init__(
        self, tcp: asyncio.Transport, loop: asyncio.AbstractEventLoop, limit_s: float, stuck: Callable[[float], None]
    ) -> None:
        self.bucket: Bucket | None = None
        self._tcp = tcp
        self._loop = loop
        self._limit_s = limit_s
        self._stuck = stuck
        self._begun = False
        self._mark = (0, 0)
        self._since = 0.0

    def limit(self, limit_s: float) -> None:
        """Set the limit; what has passed counts."""
        if limit_s != self._limit_s:
            self._limit_s = limit_s
            if self._begun:
                self._schedule()

    def begin(self) -> None:
        """Something waits; nothing changes where the clock runs already."""
        if not self._begun:
            self._begun = True
            self._mark, self._since = self._left(), self._loop.time()
            self._schedule()

    def end(self) -> None:
        """Nothing waits any more, or nobody does."""
        self._begun = False
        wheel_of(self._loop).forget(self)

    def on_deadline(self) -> None:
        """Called by the wheel."""
        if not self._begun:
            return
        now, left = self._loop.time(), self._left()
        if not left[0]:
            self._begun = False  # the rest is the kernel's
        elif left != self._mark:
            self._mark, self._since = left, now
            self._schedule()
        elif now >= self._since + self._limit_s:
            self._begun = False
            self._stuck(self._limit_s)
        else:
            self._schedule()

    def _left(self) -> tuple[int, int]:
        return self._tcp.get_write_buffer_size(), unacknowledged_bytes(self._tcp)

    def _schedule(self) -> None:
        wheel_of(self._loop).schedule(self, self._limit_s / LOOKS, self._loop)
