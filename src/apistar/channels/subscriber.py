"""
Who follows a topic in this process: what a socket that joined (`seat.py`) and a handler that iterates
(`subscription.py`) have in common.

What the topic promises to both: `take()` is called with publications in order, each once; `lose()` once if some are
lost for those who count on the history; nothing after `Topic.remove()`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from .limits import ChannelLimits
from .payload import Arrival, PayloadType
from .policy import Outbox, Policy
from .records import NOWHERE, Position

if TYPE_CHECKING:
    from ..websocket import WebSocket


class Followed(Protocol):
    """The topic, as who follows it knows it; `topic.py` has the one that there is."""

    name: str
    label: str

    @property
    def limits(self) -> ChannelLimits: ...
    def remove(self, subscriber: Subscriber) -> None: ...
    def count_dropped(self, messages: int) -> None: ...
    def close_socket(self, websocket: WebSocket[Any, Any], code: int, reason: str) -> None: ...


class Subscriber:
    """
    One place in a topic.

    Attributes:
        position: Where the topic was when it began; `Position("", 0)` on a channel without history.
        recovered: Every publication since the position asked for was delivered, in order, once.
        dropped: Publications that its policy dropped.
        member: Who it is, on a channel with presence.
    """

    __slots__ = (
        "_after",
        "_passed",
        "_policy",
        "dropped",
        "member",
        "outbox",
        "payload",
        "position",
        "recovered",
        "topic",
        "wants_presence",
    )

    def __init__(self, topic: Followed, payload: PayloadType, policy: Policy, wants_presence: bool) -> None:
        self.topic = topic
        self.payload = payload
        self.member: str | None = None
        self.outbox: Outbox | None = None
        self.position = NOWHERE
        self.recovered = False
        self.dropped = 0
        self.wants_presence = wants_presence
        self._policy = policy
        self._after: Position | None = None
        self._passed: list[Position] | None = None

    def hold(self) -> None:
        """Keep what comes until `start()`: the history goes first."""
        self._passed = [self.position]

    def go_on_from(self, here: Position) -> bool:
        """
        Begin where the history ends: up to there what came since `hold()` is known, the rest is kept.

        False, and nothing is done, if the two are not of one life: the engine came back with older data, or without
        any, and the topic has not heard of it yet.
        """
        passed, self._passed = self._passed or [here], None
        if here.epoch != passed[0].epoch or here.offset < passed[0].offset:
            return False
        if not all(one.agrees(here.tag) for one in passed if one.offset == here.offset):
            return False
        if here.offset >= passed[-1].offset:
            self._after = here
        if self.outbox is not None:
            self.outbox.skip_until(here)
        return True

    async def replay(self, arrivals: Sequence[Arrival]) -> None:
        """Take the history since the position asked for."""
        raise NotImplementedError

    def start(self) -> None:
        """Go on with what was kept, and what comes."""

    def take(self, arrivals: Sequence[Arrival]) -> None:
        """Take what came, behind what waits."""
        raise NotImplementedError

    def lose(self) -> None:
        """Publications are lost; the subscriber counts on the history."""
        raise NotImplementedError

    def fail(self) -> None:
        """Called in the handler of an exception: one subscriber's fault stays with it."""
        raise NotImplementedError

    def new_outbox(self, limits: ChannelLimits) -> Outbox:
        return self._policy.outbox(limits, self.payload.decode)

    def _keep(self, outbox: Outbox, arrivals: Sequence[Arrival]) -> bool:
        """Put what is new into the outbox; false if it is full and may drop nothing."""
        dropped = 0
        for arrival in arrivals:
            publication, here = arrival.publication, arrival.position
            if publication is not None and here is not None:
                if self._passed is not None:
                    self._passed.append(here)
                if self._after is not None:
                    if publication.follows(self._after):
                        self._after = None  # from here on the topic's order is the subscriber's
                    elif here.epoch != self._after.epoch or self._after.covers(here):
                        continue
                    else:
                        self.topic.remove(self)
                        self.lose()
                        break
            count = outbox.add(arrival)
            if count is None:
                return False
            dropped += count
        if dropped:
            self.dropped += dropped
            self.topic.count_dropped(dropped)
        return True
