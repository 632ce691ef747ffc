"""
A broker in this process: no connection, no task, nothing to install; gone with the process.

Publications reach the listener within `publish()`. Time is a function, so that tests can turn it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence

from .broker import POSITION_TTL_S, TIMEOUT_S, Broker
from .memory_seats import Seats
from .records import IDEMPOTENCY_TTL_S, Health, History, Page, Position, PresenceEvent, Publication

SWEEP_EVERY = 1024
"""Publications between two looks for what has run out; a look costs as much as there are topics."""

MAX_EMPTY = 10_000
"""Topics whose position is remembered although nobody follows them and nothing was published: clients name topics."""

TURN_EVERY = 64
"""Publications after which the loop has its turn: nothing here waits, and who only publishes would stop all else."""


class MemoryBroker(Broker):
    """Topics, histories and seats as dictionaries."""

    local = True

    def __init__(
        self, url: str = "memory://", *, timeout_s: float = TIMEOUT_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(url, timeout_s=timeout_s)
        self._clock = clock
        self._subscribed: set[str] = set()
        self._records: dict[str, _Record] = {}
        self._empty: dict[str, None] = {}
        self._keys: dict[tuple[str, str], tuple[float, Position | None]] = {}
        self._seats: dict[str, Seats] = {}
        self._until_tidy = SWEEP_EVERY
        self._until_turn = TURN_EVERY

    async def start(self) -> None: ...

    async def close(self) -> None:
        self._subscribed.clear()

    def health(self) -> Health:
        return Health(available=True)

    # Publications

    async def publish(
        self,
        topic: str,
        payload: bytes,
        history: History | None = None,
        *,
        idempotency_key: str | None = None,
        idempotency_ttl_s: float = IDEMPOTENCY_TTL_S,
    ) -> Position | None:
        self._until_tidy -= 1
        if self._until_tidy <= 0:
            self._tidy()
        if idempotency_key is not None:
            known = self._keys.get((topic, idempotency_key))
            if known is not None and known[0] > self._clock():
                return known[1]
        publication = Publication(payload)
        if history is not None:
            self._empty.pop(topic, None)
            publication = self._record(topic).append(payload, history, self._clock())
        if idempotency_key is not None:
            self._keys[topic, idempotency_key] = (self._clock() + idempotency_ttl_s, publication.position)
        if topic in self._subscribed:
            self.listener.on_publication(topic, publication)
        self._until_turn -= 1
        if self._until_turn <= 0:
            self._until_turn = TURN_EVERY
            await asyncio.sleep(0)
        return publication.position

    async def subscribe(self, topic: str) -> None:
        self._subscribed.add(topic)
        self._empty.pop(topic, None)

    async def unsubscribe(self, topic: str) -> None:
        self._subscribed.discard(topic)
        self._remember_empty(topic)

    async def read(self, topic: str, history: History, since: Position | None = None) -> Page:
        page = self._record(topic).page(history, since, self._clock())
        if topic not in self._subscribed:
            self._remember_empty(topic)
        return page

    async def positions(self, topics: Sequence[str]) -> list[Position | None]:
        return [self._records[topic].position if topic in self._records else None for topic in topics]

    def _record(self, topic: str) -> _Record:
        record = self._records.get(topic)
        if record is None:
            record = self._records[topic] = _Record()
        record.used = self._clock()
        return record

    def _remember_empty(self, topic: str) -> None:
        """A topic that nobody follows: without a publication it is one of MAX_EMPTY, and the oldest is forgotten."""
        record = self._records.get(topic)
        if record is None or record.position.offset:
            return
        self._empty.pop(topic, None)
        self._empty[topic] = None
        if len(self._empty) > MAX_EMPTY:
            oldest = next(iter(self._empty))
            del self._empty[oldest], self._records[oldest]

    def _tidy(self) -> None:
        """Forget what has run out, so that memory does not grow with topics and keys of the past."""
        now = self._clock()
        self._keys = {key: value for key, value in self._keys.items() if value[0] > now}
        for topic, record in list(self._records.items()):
            record.forget(now)
            if record.used + POSITION_TTL_S <= now and topic not in self._subscribed:
                del self._records[topic]
                self._empty.pop(topic, None)
        self._until_tidy = SWEEP_EVERY + len(self._keys) + len(self._records)

    # Presence

    async def enter(self, topic: str, members: Sequence[str], seat: str, ttl_s: float, max_members: int) -> bool:
        self._sweep(topic)
        seats = self._seats.get(topic) or Seats()
        new = [member for member in dict.fromkeys(members) if member not in seats]
        if new and len(seats) + len(new) > max_members:
            return False
        self._seats[topic] = seats
        ends = self._clock() + ttl_s
        for member in members:
            seats.take(member, seat, ends)
        for member in new:
            self._announce(topic, member, joined=True)
        return True

    async def leave(self, topic: str, member: str, seat: str, grace_s: float) -> None:
        seats = self._seats.get(topic)
        if seats is not None and seats.shorten(member, seat, self._clock() + grace_s):
            self._sweep(topic)

    async def sweep(self, topics: Sequence[str]) -> None:
        for topic in topics:
            self._sweep(topic)

    async def members(self, topic: str) -> list[str]:
        seats = self._seats.get(topic)
        return [] if seats is None else seats.present(self._clock())

    def _sweep(self, topic: str) -> None:
        seats = self._seats.get(topic)
        if seats is None:
            return
        gone = seats.look(self._clock())
        if not seats:
            del self._seats[topic]
        for member in gone:
            self._announce(topic, member, joined=False)

    def _announce(self, topic: str, member: str, *, joined: bool) -> None:
        if topic in self._subscribed:
            self.listener.on_presence(topic, PresenceEvent(member, joined))


class _Record:
    """The history of one topic."""

    __slots__ = ("_entries", "_epoch", "_offset", "used")

    def __init__(self) -> None:
        self._epoch = secrets.token_hex(8)
        self._offset = 0
        self._entries: deque[tuple[float, float, Publication]] | None = None
        self.used = 0.0

    @property
    def position(self) -> Position:
        return Position(self._epoch, self._offset)

    def append(self, payload: bytes, history: History, now: float) -> Publication:
        self._offset += 1
        publication = Publication(payload, self.position)
        entries = self._entries
        if entries is None:
            entries = self._entries = deque()
        entries.append((now, now + history.ttl_s, publication))
        while len(entries) > history.size:
            entries.popleft()
        self.forget(now)
        return publication

    def forget(self, now: float) -> None:
        entries = self._entries
        while entries and entries[0][1] <= now:
            entries.popleft()
        if not entries:
            self._entries = None

    def page(self, history: History, since: Position | None, now: float) -> Page:
        self.forget(now)
        if since is None or since.epoch != self._epoch or not self._entries:
            return Page(self.position)
        oldest = max(since.offset, self._offset - history.size)
        found = tuple(
            publication
            for made, _, publication in self._entries
            if publication.position is not None and publication.position.offset > oldest and made + history.ttl_s > now
        )
        return Page(self.position, found)
