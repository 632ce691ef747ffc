"""
Who is in a topic, as far as this process is concerned: sockets are counted here, and the broker hears of members.

A member has one seat per process, however many sockets. The seat is kept alive while there is a socket, and given a
last time, the grace, when the last one is gone. Calls to the broker about one topic are made one after the other, so
that a leave never overtakes the next enter; those who left meanwhile leave together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..exceptions import BrokerError, BrokerUnavailable, WebSocketProtocolError
from .records import Presence

if TYPE_CHECKING:
    from .broker import Broker
    from .limits import ChannelLimits

log: Final = logging.getLogger("apistar.channels")

FULL: Final = 1013
LEAVING_AT_ONCE: Final = 500
"""Members; a broker sends what is asked at once in one round."""
SWEEP_SLACK_S: Final = 0.02
"""After a grace is over, so that it is over by the broker's clock too."""


class Owner(Protocol):
    """
    Who has the roster; `hub.py` has the one that there is.

    Attributes:
        seat: Names this process towards the broker.
    """

    broker: Broker
    limits: ChannelLimits
    seat: str

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run something in the background; a fault of it is logged."""

    def sweep_later(self, topic: str, delay_s: float) -> None:
        """Look for members of a topic who left, when a grace is over."""

    def forget_roster(self, roster: Roster) -> None:
        """Drop it if it is idle."""


class Roster:
    """
    The members of one topic in this process.

    Attributes:
        topic: Its name.
        presence: As the channel declares it.
        entered: Members whose seat the broker has.
    """

    __slots__ = ("_closed", "_counts", "_leaving", "_lock", "_owner", "_waiting", "entered", "presence", "topic")

    def __init__(self, owner: Owner, topic: str, presence: Presence) -> None:
        self._owner = owner
        self.topic = topic
        self.presence = presence
        self.entered: set[str] = set()
        self._counts: dict[str, int] = {}
        self._leaving: set[str] = set()
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._closed = False

    @property
    def idle(self) -> bool:
        return not self._counts and not self._waiting and not self.entered

    async def enter(self, member: str) -> None:
        """
        Count one socket of a member; the first one waits for the broker.

        Raises:
            WebSocketProtocolError: If the topic has as many members as it may.
            BrokerUnavailable: If the broker does not answer, or the process ends.
        """
        self._counts[member] = self._counts.get(member, 0) + 1
        self._waiting += 1
        try:
            async with self._lock:
                if self._closed:
                    raise BrokerUnavailable(f"{self._owner.broker.url}: channels have stopped in this process")
                if member not in self.entered:
                    most = self._owner.limits.max_members
                    entered = await self._owner.broker.enter(
                        self.topic, [member], self._owner.seat, self.presence.ttl_s, most
                    )
                    if not entered:
                        raise WebSocketProtocolError(f"topic has its max_members of {most}", FULL)
                    self.entered.add(member)
        except BaseException:
            self.leave(member)
            raise
        finally:
            self._waiting -= 1

    def leave(self, member: str) -> None:
        """Count one socket less; the last one lets the seat run out, in the background."""
        count = self._counts[member] - 1
        if count:
            self._counts[member] = count
            return
        del self._counts[member]
        if self._closed:
            return
        if not self._leaving:
            self._waiting += 1
            self._owner.spawn(self._leave(), f"members leave {self.topic!r}")
        self._leaving.add(member)

    async def _leave(self) -> None:
        grace_s = self.presence.grace_s
        try:
            async with self._lock:
                gone = sorted(self._leaving - self._counts.keys())  # the others came back meanwhile
                self._leaving.clear()
                await self._give_up(gone)
        except BrokerError as error:
            log.warning("%s: members of %r leave when their time has run out", error, self.topic)
        finally:
            self._waiting -= 1
            self._owner.forget_roster(self)
        if grace_s and gone:
            self._owner.sweep_later(self.topic, grace_s + SWEEP_SLACK_S)

    async def _give_up(self, members: Sequence[str]) -> None:
        """If it is cancelled, they count as entered still: `close()` gives them up then."""
        leave, seat, grace_s = self._owner.broker.leave, self._owner.seat, self.presence.grace_s
        try:
            for start in range(0, len(members), LEAVING_AT_ONCE):
                together = members[start : start + LEAVING_AT_ONCE]
                await asyncio.gather(*(leave(self.topic, member, seat, grace_s) for member in together))
        except BrokerError:
            self.entered.difference_update(members)
            raise
        self.entered.difference_update(members)

    async def keep(self) -> None:
        """
        Keep the seats of those who are here, and take them again if the broker forgot.

        Whoever waits to enter is none of them: a topic that is full would refuse it, and all others with it.
        """
        async with self._lock:
            here = [member for member in self._counts if member in self.entered]
            most = self._owner.limits.max_members
            if here and not await self._owner.broker.enter(
                self.topic, here, self._owner.seat, self.presence.ttl_s, most
            ):
                log.warning(
                    "the broker has forgotten members of %r, and the topic has its max_members of %d without them",
                    self.topic,
                    most,
                )

    async def close(self) -> None:
        """The process ends: everybody leaves, and may come back elsewhere within the grace."""
        self._closed = True
        async with self._lock:
            await self._give_up(sorted(self.entered))
