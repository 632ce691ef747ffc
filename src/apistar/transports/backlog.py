"""
What cannot be written because TCP takes nothing now: messages, one pong, and the tasks that wait for room.

A connection has one only while its client reads more slowly than it is sent to.

Source: RFC 6455 §5.5.3 (only the latest ping must be answered).
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import Final

from ..limits import Limits
from .frames import PONG, header
from .outbox import Outbox
from .pieces import write_pieces

BATCH_BYTES: Final = 64 * 1024
"""Of waiting messages that are written at once."""


class Backlog:
    """
    The outbox of a blocked connection, and the watch over whether it moves.

    Attributes:
        blocked: TCP takes nothing. If not, tasks still stand in line, and whoever comes must stand behind them.
        pong: Payload of the latest ping that is unanswered.
        stuck_since: The outbox is full and has not moved since this moment; `None` while it is not full.
    """

    __slots__ = ("_limits", "_loop", "_mark", "_outbox", "_tcp", "blocked", "ended", "pong", "stuck_since")

    def __init__(self, tcp: asyncio.Transport, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self._tcp = tcp
        self._limits = limits
        self._loop = loop
        self._outbox: Outbox[tuple[bytes, bytes]] = Outbox(limits.outbox_bytes, limits.outbox_messages)
        self._mark = (0, 0)
        self.blocked = True
        self.ended = False
        self.pong: bytes | None = None
        self.stuck_since: float | None = None

    @property
    def waiting_bytes(self) -> int:
        """Here and in TCP's own buffer."""
        return self._outbox.waiting_bytes + self._tcp.get_write_buffer_size()

    @property
    def waiting_messages(self) -> int:
        return self._outbox.waiting_messages

    @property
    def has_line(self) -> bool:
        return self._outbox.has_line

    @property
    def over(self) -> bool:
        """Nothing waits and nobody; the connection needs no backlog any more."""
        return not (self.blocked or self._outbox.waiting_messages or self._outbox.has_line)

    @property
    def progress(self) -> tuple[int, int]:
        """Changes when TCP takes something."""
        return self._outbox.taken, self._tcp.get_write_buffer_size()

    def has_room(self, size_bytes: int) -> bool:
        return self.ended or not self.blocked or self._outbox.would_fit(size_bytes, self._tcp.get_write_buffer_size())

    def append(self, first: int, payload: bytes) -> None:
        """Queue one frame; the caller has asked `has_room()`."""
        self._outbox.append((header(first, len(payload)), payload), len(payload))

    async def wait_for_room(self, size_bytes: int) -> None:
        """Stand in line until there is room; see `Outbox.stand_in_line`."""
        self.watch()
        await self._outbox.stand_in_line(partial(self.has_room, size_bytes), self._loop)

    def flush(self) -> None:
        """TCP takes data again: write what waits, then let the line move."""
        self.blocked = False
        if self.pong is not None:
            pong, self.pong = self.pong, None
            self._tcp.write(header(PONG, len(pong)) + pong)
        while self._outbox.waiting_messages and not self.blocked:
            write_pieces(self._tcp, self._batch(BATCH_BYTES))
        if not self.blocked:
            self._outbox.call_next(self._loop)

    def write_all(self) -> None:
        """Hand everything to TCP's buffer, for a Close that follows."""
        if self._outbox.waiting_messages:
            write_pieces(self._tcp, self._batch(sys.maxsize))

    def end(self) -> int:
        """Let everybody in line go, and drop what is left; the number of dropped messages."""
        self.ended = True
        dropped = self._outbox.clear()
        self._outbox.call_next(self._loop)
        return dropped

    def _batch(self, size_bytes: int) -> list[bytes]:
        frames: list[bytes] = []
        while self._outbox.waiting_messages and size_bytes > 0:
            head, payload = self._outbox.popleft()
            frames += (head, payload)
            size_bytes -= len(head) + len(payload)
        return frames

    # The watch

    def watch(self) -> None:
        """The outbox is full: begin to look whether it moves."""
        if self.stuck_since is None:
            self.stuck_since = self._loop.time()
            self._mark = self.progress

    def stuck(self, now: float) -> bool:
        """Whether it has been full without moving for `send_timeout_s`; asked a few times within that."""
        if self.stuck_since is None:
            return False
        mark = self.progress
        if mark != self._mark:
            # It moves. If nobody is in line, whoever is refused next begins to watch again.
            self._mark = mark
            self.stuck_since = now if self.has_line else None
            return False
        return now >= self.stuck_since + self._limits.send_timeout_s
