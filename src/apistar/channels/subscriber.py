"""
Who follows a topic in this process: sockets that joined (`Seat`) and handlers that iterate (`Subscription`).

What the topic promises to both: `take()` is called with publications in order, each once; `lose()` once if some are
lost for those who count on the history; nothing after `Topic.remove()`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, Self, TypeVar

from ..exceptions import PublicationsLost, WebSocketDisconnect
from .limits import ChannelLimits
from .payload import Arrival, PayloadType, Wire
from .policy import Outbox, Policy
from .records import NOWHERE, MemberJoined, MemberLeft, Position, Published

if TYPE_CHECKING:
    from ..transports.transport import Transport
    from ..websocket import WebSocket

log: Final = logging.getLogger("apistar.channels")

REJOIN: Final = 4205
"""Publications were missed and cannot be had any more: join anew. HTTP's 205 is Reset Content."""
TOO_SLOW: Final = 1013
T = TypeVar("T")


class Followed(Protocol):
    """The topic, as who follows it knows it; `topic.py` has the one that there is."""

    name: str
    label: str

    @property
    def limits(self) -> ChannelLimits: ...
    def remove(self, subscriber: Subscriber) -> None: ...
    def slow_down(self, seat: Seat) -> None: ...
    def speed_up(self, seat: Seat) -> None: ...
    def passed_on(self, position: Position) -> bool: ...
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


class Seat(Subscriber):
    """
    A socket that joined a topic.

    It is in the topic's plain loop as long as its connection takes everything at once. When it does not, it has an
    outbox, and its policy acts on that one.
    """

    __slots__ = ("_catching_up", "connection", "send", "websocket", "wire")

    def __init__(
        self,
        topic: Followed,
        payload: PayloadType,
        websocket: WebSocket[Any, Any],
        connection: Transport,
        wire: Wire,
        policy: Policy,
        member: str | None,
        wants_presence: bool,
    ) -> None:
        super().__init__(topic, payload, policy, wants_presence)
        self.websocket = websocket
        self.connection = connection
        self.send = connection.send_prepared
        self.wire = wire
        self.member = member
        self._catching_up = False

    # Catching up

    def hold(self) -> None:
        super().hold()
        self._catching_up = True
        self.outbox = self.new_outbox(self.topic.limits)

    async def replay(self, arrivals: Sequence[Arrival]) -> None:
        """Send the history, waiting for the client as its own handler would."""
        for payload, text in self.wire.prepare(arrivals).messages:
            waiting = self.connection.send(payload, text)
            if waiting is not None:
                await waiting

    def start(self) -> None:
        self._catching_up = False
        if self.outbox is not None:
            self._pump()

    # Publications

    def take(self, arrivals: Sequence[Arrival]) -> None:
        if self.outbox is None:
            self.topic.slow_down(self)
            self.outbox = self.new_outbox(self.topic.limits)
        waited = bool(self.outbox)
        if not self._keep(self.outbox, arrivals):
            self._too_slow()
        elif not waited and not self._catching_up:
            self._pump()

    def fall_behind(self, arrivals: Sequence[Arrival]) -> None:
        """Leave the plain loop: the connection did not take these."""
        self.topic.slow_down(self)
        self.outbox = self.new_outbox(self.topic.limits)
        if self._keep(self.outbox, arrivals):
            self.connection.call_when_writable(self._pump)
        else:
            self._too_slow()

    def _pump(self) -> None:
        """Send what waits; back to the plain loop when nothing does."""
        outbox = self.outbox
        try:
            while outbox:
                batch = outbox.batch()
                if not self.send(self.wire.prepare(batch)):
                    self.connection.call_when_writable(self._pump)
                    return
                outbox.drop(len(batch))
        except WebSocketDisconnect:
            return
        except Exception:
            self.fail()
            return
        if self._after is None or self.topic.passed_on(self._after):
            self._after = self.outbox = None
            self.topic.speed_up(self)

    def fail(self) -> None:
        log.exception("cannot send to a socket of %s; aborting it", self.topic.label)
        self.connection.abort(1011)

    def _too_slow(self) -> None:
        self.topic.count_dropped(len(self.outbox or ()))
        self.outbox = None
        self.connection.abort(TOO_SLOW, "too slow for a channel")

    def lose(self) -> None:
        self.topic.close_socket(self.websocket, REJOIN, "rejoin: publications were missed")

    def __repr__(self) -> str:
        return f"<{self.websocket!r} in {self.topic.name!r}>"


class Subscription(Subscriber, Generic[T]):
    """
    Publications for a handler that iterates: `async for publication in publications`.

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

    async def __anext__(self) -> T:
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

    def _item(self, arrival: Arrival) -> T:
        return Published(arrival.value(self.payload.decode), arrival.position)  # type: ignore[return-value]  # `Changes` alone has another `T`, and its own `_item`


class Changes(Subscription[MemberJoined | MemberLeft]):
    """Members who come and leave, for a handler that iterates."""

    __slots__ = ()

    def take(self, arrivals: Sequence[Arrival]) -> None:
        super().take([arrival for arrival in arrivals if arrival.presence is not None])

    def _item(self, arrival: Arrival) -> MemberJoined | MemberLeft:
        return arrival.change()
