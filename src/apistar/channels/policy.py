"""
What happens to publications for a socket that reads more slowly than it is sent to.

Each such socket has a bounded outbox of its own, which exists only while something waits. When it is full its policy
acts; waiting is never one, since then one slow reader would stop everybody.

    disconnect      the connection is reset with 1013; the client comes back and, with history, catches up
    drop_oldest     the oldest publication is dropped
    conflate(key)   only the newest publication per key waits: prices, positions, cursors
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable
from itertools import islice
from typing import Any, Final, get_origin

import msgspec

from ..exceptions import UsageError
from ..messages.spelling import members, spell, strip
from .limits import ChannelLimits
from .payload import Arrival
from .records import Position

BATCH_BYTES: Final = 64 * 1024
BATCH_MESSAGES: Final = 64
"""Of one write: enough to spare system calls, little enough to leave the loop to others."""


class Outbox(ABC):
    """
    What waits for one subscriber, in order.

    Attributes:
        size_bytes: Of all payloads.
    """

    __slots__ = ("_limits", "size_bytes")

    def __init__(self, limits: ChannelLimits) -> None:
        self._limits = limits
        self.size_bytes = 0

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def add(self, arrival: Arrival) -> int | None:
        """Take one more; how many were dropped for it, or `None` if it is full and nothing may be dropped."""

    @abstractmethod
    def batch(self) -> list[Arrival]:
        """The first few; they stay until `drop()`."""

    @abstractmethod
    def drop(self, count: int) -> None:
        """Take away the first `count`: they have left."""

    def skip_until(self, position: Position) -> None:
        """Take away what came up to a position; those are the first ones."""
        while self and not self.batch()[0].is_after(position):
            self.drop(1)

    @property
    def over(self) -> bool:
        return len(self) > self._limits.outbox_messages or self.size_bytes > self._limits.outbox_bytes


class Policy(ABC):
    """Makes the outboxes of the sockets that joined with it."""

    name: str

    @abstractmethod
    def outbox(self, limits: ChannelLimits, decode: Callable[[bytes], Any]) -> Outbox:
        """
        Make the outbox of one socket.

        Args:
            decode: A payload → value, for a policy that must look at values.
        """

    def check(self, carried: object) -> None:  # noqa: B027  # a hook, and no duty: most serve any type
        """
        Look at the type of the publications, before the first comes.

        Raises:
            UsageError: If the policy cannot serve it.
        """

    def __repr__(self) -> str:
        return self.name


class _Queue(Outbox):
    """First in, first out; what is over stays out."""

    __slots__ = ("_items",)

    def __init__(self, limits: ChannelLimits) -> None:
        super().__init__(limits)
        self._items: deque[Arrival] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def add(self, arrival: Arrival) -> int | None:
        self._items.append(arrival)
        self.size_bytes += len(arrival.payload)
        return None if self.over and len(self._items) > 1 else 0

    def batch(self) -> list[Arrival]:
        return _first(self._items)

    def drop(self, count: int) -> None:
        for _ in range(min(count, len(self._items))):
            self.size_bytes -= len(self._items.popleft().payload)


class _DroppingQueue(_Queue):
    __slots__ = ()

    def add(self, arrival: Arrival) -> int:
        super().add(arrival)
        dropped = 0
        while self.over and len(self._items) > 1:
            self.drop(1)
            dropped += 1
        return dropped


class _Newest(Outbox):
    """One per key, in the order in which the keys came; a newer one takes the place of the older."""

    __slots__ = ("_items", "_key")

    def __init__(self, limits: ChannelLimits, key: Callable[[Arrival], Hashable]) -> None:
        super().__init__(limits)
        self._items: dict[Hashable, Arrival] = {}
        self._key = key

    def __len__(self) -> int:
        return len(self._items)

    def add(self, arrival: Arrival) -> int:
        key = self._key(arrival)
        dropped = 0
        before = self._items.get(key)
        if before is not None:
            self.size_bytes -= len(before.payload)
            dropped += 1
        self._items[key] = arrival
        self.size_bytes += len(arrival.payload)
        while self.over and len(self._items) > 1:
            self.drop(1)
            dropped += 1
        return dropped

    def batch(self) -> list[Arrival]:
        return _first(self._items.values())

    def drop(self, count: int) -> None:
        for key in list(islice(self._items, count)):
            self.size_bytes -= len(self._items.pop(key).payload)

    def skip_until(self, position: Position) -> None:
        # A newer one may stand in an older one's place, so the order of positions is not that of the queue.
        for key, arrival in list(self._items.items()):
            if not arrival.is_after(position):
                self.size_bytes -= len(self._items.pop(key).payload)


class _Disconnect(Policy):
    name = "disconnect"

    def outbox(self, limits: ChannelLimits, decode: Callable[[bytes], Any]) -> Outbox:
        return _Queue(limits)


class _DropOldest(Policy):
    name = "drop_oldest"

    def outbox(self, limits: ChannelLimits, decode: Callable[[bytes], Any]) -> Outbox:
        return _DroppingQueue(limits)


class _Conflate(Policy):
    def __init__(self, key: Callable[[Any], Hashable], field: str = "") -> None:
        self._key = key
        self._field = field
        self.name = f"conflate({repr(field) if field else getattr(key, '__name__', key)})"

    def check(self, carried: object) -> None:
        for member in map(strip, members(carried)) if self._field else ():
            cls = get_origin(member) or member
            if isinstance(cls, type) and issubclass(cls, msgspec.Struct) and not hasattr(cls, self._field):
                known = ", ".join(cls.__struct_fields__)
                raise UsageError(f"{self.name}: {spell(cls)} has no field {self._field!r}; its fields are {known}")

    def outbox(self, limits: ChannelLimits, decode: Callable[[bytes], Any]) -> Outbox:
        return _Newest(limits, lambda arrival: self._key_of(arrival, decode))

    def _key_of(self, arrival: Arrival, decode: Callable[[bytes], Any]) -> Hashable:
        if arrival.presence is not None:
            return ("presence", id(arrival))
        return ("key", self._key(arrival.value(decode)))


def conflate(key: Callable[[Any], Hashable] | str) -> Policy:
    """
    Let only the newest publication per key wait for a slow socket.

    Args:
        key: A function of the published value, or the name of one of its fields; one that the channel's type does
            not have is a `UsageError` when a socket joins.
    """
    if isinstance(key, str):
        name = key

        def field(value: Any) -> Hashable:
            found: Hashable = value[name] if isinstance(value, dict) else getattr(value, name)
            return found

        return _Conflate(field, name)
    return _Conflate(key)


disconnect: Final[Policy] = _Disconnect()
drop_oldest: Final[Policy] = _DropOldest()


def _first(items: Any) -> list[Arrival]:
    found: list[Arrival] = []
    size_bytes = 0
    for arrival in islice(items, BATCH_MESSAGES):
        found.append(arrival)
        size_bytes += len(arrival.payload)
        if size_bytes >= BATCH_BYTES:
            break
    return found
