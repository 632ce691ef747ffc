"""
Entering and leaving a topic: no publication is lost between the history and what comes, and none is sent twice.

1. The topic is open: from here on the broker tells of every publication.
2. The subscriber takes its place; with `since` it keeps what comes.
3. With `since`, the history is read in one step with its position; it goes first, if it continues `since`.
4. What was kept up to that position is dropped, since the history had it; the rest follows, then what comes. Both
   must be of one life of the topic: if the engine came back with older data meanwhile, nothing was recovered.

Whatever fails or is cancelled on the way, everything taken is given back.
"""

from __future__ import annotations

import warnings
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from ..exceptions import UsageError, WebSocketProtocolError
from ..websocket.outlet import outlet_of
from .payload import Arrival, PayloadType
from .policy import Policy
from .presence import Roster
from .records import MAX_OFFSET, NOWHERE, History, Position, Presence
from .seat import Seat
from .subscriber import Subscriber
from .subscription import Changes, Iteration
from .topic import Topic

if TYPE_CHECKING:
    from ..websocket import WebSocket
    from .hub import Hub

MAX_NAME: Final = 64
"""Of an epoch or a tag; ours have 16 characters."""

S = TypeVar("S", bound=Iteration[Any])


class Joinable(Protocol):
    """The channel, as who joins it knows it; `channel.py` has the one that there is."""

    @property
    def topic(self) -> str: ...
    @property
    def template(self) -> str: ...
    @property
    def hub(self) -> Hub: ...
    @property
    def payload(self) -> PayloadType: ...
    @property
    def history(self) -> History | None: ...
    def needed_history(self, what: str) -> History: ...
    def needed_presence(self, what: str) -> Presence: ...


async def begin(topic: Topic, channel: Joinable, subscriber: Subscriber, since: Position | None) -> None:
    """Steps 2 to 4, for an open topic."""
    history = channel.history
    if since is None or since == NOWHERE or history is None:
        topic.add(subscriber, at_once=True)
        subscriber.position = NOWHERE if history is None or topic.position is None else topic.position
        return
    topic.add(subscriber, at_once=False)
    subscriber.position = topic.position or NOWHERE
    subscriber.hold()
    page = await channel.hub.broker.read(channel.topic, history, since if _plausible(since) else None)
    if not subscriber.go_on_from(page.position):
        topic.check()
    else:
        subscriber.position = page.position
        if page.continues(since):
            await subscriber.replay([Arrival(publication) for publication in page.publications])
            subscriber.recovered = True
    subscriber.start()


def _plausible(since: Position) -> bool:
    """Whether a position can have come from a broker; clients send what they like, and it is no broker's business."""
    return 0 <= since.offset < MAX_OFFSET and len(since.epoch) <= MAX_NAME and len(since.tag) <= MAX_NAME


class Block:
    """What does nothing until it is entered with `async with`, and warns if nobody ever does."""

    __slots__ = ("_begun", "_channel")

    def __init__(self, channel: Joinable) -> None:
        self._channel = channel
        self._begun = False

    def __del__(self) -> None:
        if not self._begun:
            place = f"of {self._channel.topic!r} was never entered, and nothing comes"
            text = f"{type(self).__name__} {place}; write `async with`"
            warnings.warn(text, RuntimeWarning, stacklevel=2, source=self)


class Joining(Block):
    """`async with room.join(ws) as joined:`; made by `Channel.join()`, which has the contract."""

    __slots__ = ("_member", "_policy", "_presence", "_roster", "_seat", "_since", "_topic", "_websocket")

    def __init__(
        self,
        channel: Joinable,
        websocket: WebSocket[Any, Any],
        member: str | None,
        since: Position | None,
        policy: Policy,
        presence: bool,
    ) -> None:
        super().__init__(channel)
        self._websocket = websocket
        self._member = member
        self._since = since
        self._policy = policy
        self._presence = presence
        self._seat: Seat | None = None
        self._topic: Topic | None = None
        self._roster: Roster | None = None

    async def __aenter__(self) -> Seat:
        self._begun = True
        channel, websocket = self._channel, self._websocket
        hub = channel.hub
        connection, codec = outlet_of(websocket)
        times = self._checked()
        taken = hub.places_of(websocket, connection)
        if channel.topic in taken:
            raise UsageError(f"this WebSocket has joined {channel.topic!r} already")
        if len(taken) >= hub.limits.max_topics_per_socket:
            most = hub.limits.max_topics_per_socket
            raise WebSocketProtocolError(f"a socket may join max_topics_per_socket of {most}", 1008)
        topic = hub.topic(channel.topic, channel.template)
        wire = channel.payload.wire(codec)
        seat = self._seat = Seat(
            topic, channel.payload, websocket, connection, wire, self._policy, self._member, self._presence
        )
        taken[channel.topic] = self
        try:
            await topic.open(channel.history)
            self._topic = topic
            outlet_of(websocket)  # it may have ended meanwhile
            if times is not None and self._member is not None:
                await hub.control.listen()
                roster = hub.roster(channel.topic, times)
                await roster.enter(self._member)
                self._roster = roster
                outlet_of(websocket)
                hub.control.know(seat)
            await begin(topic, channel, seat, self._since)
            outlet_of(websocket)
        except BaseException:
            self.leave()
            raise
        return seat

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Give back what was taken; called again when the block is left after the socket's end."""
        seat, channel = self._seat, self._channel
        if seat is None:
            return
        hub = channel.hub
        topic, self._topic = self._topic, None
        if topic is not None:
            topic.remove(seat)
            hub.control.forget(seat)
            topic.close()
        roster, self._roster = self._roster, None
        if roster is not None and self._member is not None:
            roster.leave(self._member)
        hub.give_back(self._websocket, channel.topic, self)

    def _checked(self) -> Presence | None:
        channel = self._channel
        if self._seat is not None:
            raise UsageError("this join() was entered before; call join() again")
        if self._since not in (None, NOWHERE):
            channel.needed_history("join(since=…)")
        if self._member is None and not self._presence:
            return None
        most = channel.hub.limits.max_member_bytes
        try:
            size = 1 if self._member is None else len(self._member.encode())
        except UnicodeEncodeError:  # it would fail later, in what is sent to everybody else
            raise WebSocketProtocolError("member holds half a character, and cannot be sent", 1008) from None
        if not 0 < size <= most:
            raise WebSocketProtocolError(f"member has {size} bytes; 1 to max_member_bytes of {most} are allowed", 1008)
        presence = channel.needed_presence("join() with a member or presence")
        channel.hub.heed(presence)
        return presence


class Following(Block, Generic[S]):
    """`async with room.subscribe() as publications:`; made by `Channel.subscribe()` and `changes()`."""

    __slots__ = ("_kind", "_policy", "_since", "_subscription", "_topic")

    def __init__(self, channel: Joinable, kind: type[S], since: Position | None, policy: Policy) -> None:
        super().__init__(channel)
        self._kind = kind
        self._since = since
        self._policy = policy
        self._subscription: S | None = None
        self._topic: Topic | None = None

    async def __aenter__(self) -> S:
        self._begun = True
        channel = self._channel
        if self._subscription is not None:
            raise UsageError("this subscribe() is entered already; call subscribe() again")
        if self._since not in (None, NOWHERE):
            channel.needed_history("subscribe(since=…)")
        changes = issubclass(self._kind, Changes)
        topic = channel.hub.topic(channel.topic, channel.template)
        await topic.open(None if changes else channel.history)
        subscription = self._kind(topic, channel.payload, self._policy, changes)
        try:
            await begin(topic, channel, subscription, self._since)
        except BaseException:
            topic.remove(subscription)
            topic.close()
            raise
        self._subscription, self._topic = subscription, topic
        return subscription

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        subscription, self._subscription = self._subscription, None
        topic, self._topic = self._topic, None
        if subscription is not None and topic is not None:
            topic.remove(subscription)
            subscription.end()
            topic.close()
