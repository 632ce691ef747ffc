"""
What a handler or a script iterates over: publications, or members who come and leave.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Final, Generic, Self, TypeVar

from ..exceptions import PublicationsLost
from .payload import Arrival, PayloadType
from .policy import Outbox, Policy
from .records import MemberJoined, MemberLeft, Published
from .subscriber import Followed, Subscriber

log: Final = logging.getLogger("apistar.channels")

T = TypeVar("T")
Item = TypeVar("Item")


class Iteration(Subscriber, Generic[Item]):
    """
    What comes to a topic, for a handler that iterates.

    Raises, from the iteration:
        PublicationsLost: If some are lost: the history no longer has them, or this loop is too slow for its policy.
    """

    __slots__ = ("_ended", "_lost", "_replayed", "_wake")

    outbox: Outbox

    def __init__(self, topic: Followed, payload: PayloadType, policy: Policy, wants_presence: bool) -> None:
        super().__init__(topic, payload, policy, wants_presence)
        self.outbox = self.new_outbox(topic.limits)
        self._replayed: deque[Arrival] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._lost = ""
        self._ended = False

    async def replay(self, arrivals: Sequence[Arrival]) -> None:
        self._replayed.extend(arrivals)

    def take(self, arrivals: Sequence[Arrival]) -> None:
        if not self._lost and not self._keep(self.outbox, arrivals):
            self._fail("the loop over them is too slow")
        self._notify()

    def lose(self) -> None:
        self._fail("the history no longer has them")

    def fail(self) -> None:
        log.exception("cannot deliver to a subscription of %s", self.topic.label)
        self._fail("they cannot be delivered")

    def end(self) -> None:
        """The block is left: whoever still iterates stops."""
        self._ended = True
        self._notify()

    def _fail(self, why: str) -> None:
        self._lost = self._lost or why
        self._notify()

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        if self._replayed:
            return self._item(self._replayed.popleft())
        while not self.outbox:
            if self._lost:
                raise PublicationsLost(self.topic.name, self._lost)
            if self._ended:
                raise StopAsyncIteration
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None
        arrival = self.outbox.batch()[0]
        self.outbox.drop(1)
        return self._item(arrival)

    def _item(self, arrival: Arrival) -> Item:
        raise NotImplementedError


class Subscription(Iteration[Published[T]], Generic[T]):
    """Publications: `async for publication in publications`."""

    __slots__ = ()

    def _item(self, arrival: Arrival) -> Published[T]:
        return Published(arrival.value(self.payload.decode), arrival.position)


class Changes(Iteration[MemberJoined | MemberLeft]):
    """Members who come and leave: `async for change in changes`."""

    __slots__ = ()

    def take(self, arrivals: Sequence[Arrival]) -> None:
        super().take([arrival for arrival in arrivals if arrival.presence is not None])

    def _item(self, arrival: Arrival) -> MemberJoined | MemberLeft:
        return arrival.change()
