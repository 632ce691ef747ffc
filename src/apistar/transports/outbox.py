"""
What waits for a slow client: bounded in bytes and in messages, first in, first out, and so are those who wait for room.

It knows no socket: the transport asks whether something fits, appends, and takes from the front when TCP moves.
One message that is larger than the whole outbox is taken where nothing else waits; otherwise it could never be sent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Outbox(Generic[Item]):
    """
    A bounded queue and the line in front of it.

    Attributes:
        waiting_bytes: Of the items inside.
        taken: How many items have left; tells whether the queue moves.
    """

    __slots__ = ("_items", "_line", "_max_bytes", "_max_messages", "taken", "waiting_bytes")

    def __init__(self, max_bytes: int, max_messages: int) -> None:
        self._max_bytes = max_bytes
        self._max_messages = max_messages
        self._items: deque[tuple[Item, int]] = deque()
        self._line: deque[asyncio.Future[None]] = deque()
        self.waiting_bytes = 0
        self.taken = 0

    @property
    def waiting_messages(self) -> int:
        return len(self._items)

    @property
    def has_line(self) -> bool:
        """Somebody waits for room; nobody may overtake."""
        return bool(self._line)

    def would_fit(self, size_bytes: int, elsewhere_bytes: int = 0) -> bool:
        """
        Whether an item may be appended now.

        Args:
            elsewhere_bytes: What waits behind the queue, in the buffer of the TCP transport, and counts too.
        """
        waiting = self.waiting_bytes + elsewhere_bytes
        if not waiting:
            return True
        return len(self._items) < self._max_messages and waiting + size_bytes <= self._max_bytes

    def append(self, item: Item, size_bytes: int) -> None:
        self._items.append((item, size_bytes))
        self.waiting_bytes += size_bytes

    def popleft(self) -> Item:
        item, size_bytes = self._items.popleft()
        self.waiting_bytes -= size_bytes
        self.taken += 1
        return item

    def clear(self) -> int:
        """Drop every item; their number."""
        dropped = len(self._items)
        self._items.clear()
        self.waiting_bytes = 0
        return dropped

    async def stand_in_line(self, ready: Callable[[], bool], loop: asyncio.AbstractEventLoop) -> None:
        """
        Wait until it is this caller's turn and `ready()` holds. What the caller does next without awaiting is in turn.

        If cancelled, the place in the line is given up and the next one is asked.
        """
        if not self._line and ready():
            return
        place: asyncio.Future[None] = loop.create_future()
        self._line.append(place)
        try:
            while True:
                await place
                if ready():
                    return
                place = self._line[0] = loop.create_future()
        finally:
            self._line.remove(place)
            self.call_next(loop)

    def call_next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ask the first in line to look again; the caller in `stand_in_line` acts before the next one is woken."""
        if self._line and not self._line[0].done():
            self._line[0].set_result(None)
