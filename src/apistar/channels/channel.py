"""
`Channel[T]`: what an application writes and handlers use.

    class Room(Channel[Said]):
        topic = "room:{room}"
        history = History(size=100, ttl_s=300)
        presence = True

`room: Room` in a handler's signature is the channel whose topic is filled from the path; `Provider[Room]` gives one
for parameters that the handler chooses; `Room(broker, room="7")` works in a script.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, ForwardRef, Generic, Protocol, TypeVar, get_args, get_origin

from ..exceptions import ConfigurationError, EncodeError, UnusableTopic, UsageError
from ..websocket.status import WS_1008_POLICY_VIOLATION
from .broker import Broker
from .control import Disconnect
from .hub import Hub
from .joining import Following, Joining
from .payload import PayloadType
from .policy import Policy, disconnect
from .records import IDEMPOTENCY_TTL_S, NOWHERE, History, Position, Presence, Published
from .subscription import Changes, Subscription

if TYPE_CHECKING:
    from ..websocket import WebSocket

T = TypeVar("T")
_PLACE: Final = re.compile(r"\{(\w+)\}")
_HARMLESS: Final = re.compile(r"[\w ]")


class HasHub(Protocol):
    """An application."""

    @property
    def hub(self) -> Hub: ...


class Channel(Generic[T]):
    """
    A topic, and what may be done with it.

    `topic` on the class is the template; on an instance it is the name. Where a value of a parameter holds a character
    that stands in the template outside of the braces, it is percent-encoded: two sets of values never share a topic.

    Attributes:
        topic: `"room:{room}"`.
        history: What is remembered; nothing by default.
        presence: Whether members are known; `Presence(…)` sets the times.
        numbered: Sockets get `Published[T]`, with the position of each publication, instead of `T`.

    Raises:
        UsageError: From the constructor, if parameters are missing or too many, or the topic is too long.
    """

    topic: str = ""
    history: ClassVar[History | None] = None
    presence: ClassVar[bool | Presence] = False
    numbered: ClassVar[bool] = False

    payload: ClassVar[PayloadType]
    template: ClassVar[str] = ""
    names: ClassVar[tuple[str, ...]] = ()
    _escapes: ClassVar[Mapping[int, str]] = {}

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if "topic" in cls.__dict__:
            cls.template = cls.topic
            cls.names = tuple(_PLACE.findall(cls.template))
            literal = _PLACE.sub("", cls.template)
            if not cls.template or not cls.template.isprintable() or "{" in literal or "}" in literal:
                raise ConfigurationError(
                    f"{cls.__qualname__}.topic is {cls.topic!r}; write a printable name with parameters in braces, "
                    '"room:{room}"'
                )
            if len(set(cls.names)) != len(cls.names):
                raise ConfigurationError(f"{cls.__qualname__}.topic {cls.topic!r} names a parameter twice")
            separators = {char for char in literal if not _HARMLESS.match(char)} if cls.names else set()
            cls._escapes = {ord(char): f"%{ord(char):02X}" for char in separators | {"%"}}
        carried = _carried(cls)
        if carried is not None or not hasattr(cls, "payload") or "numbered" in cls.__dict__:
            annotation = cls.payload.annotation if carried is None and hasattr(cls, "payload") else carried
            cls.payload = PayloadType(Any if annotation is None else annotation, cls.numbered)

    def __init__(self, home: Broker | Hub | HasHub, /, **parameters: object) -> None:
        cls = type(self)
        if not cls.template:
            raise UsageError(f'{cls.__qualname__} has no topic; write topic = "room:{{room}}" in its class')
        if parameters.keys() != set(cls.names):
            wanted = ", ".join(cls.names) or "none"
            raise UsageError(f"{cls.__qualname__} takes the parameters {wanted}, got {', '.join(parameters) or 'none'}")
        self.hub = hub_of(home)
        self.topic = _PLACE.sub(lambda place: cls._written(parameters[place[1]]), cls.template)
        most = self.hub.limits.max_topic_bytes
        size = len(self.topic.encode("utf-8", "replace"))
        if size > most:
            raise UnusableTopic(f"topic of {size} bytes exceeds max_topic_bytes of {most}")
        if cls.history is not None and cls.history.size > self.hub.limits.max_history_size:
            most = self.hub.limits.max_history_size
            raise UsageError(f"history.size of {cls.history.size} exceeds max_history_size of {most}")
        if not self.topic.isprintable():
            raise UnusableTopic(f"topic {self.topic!r} holds characters that cannot be printed")

    @classmethod
    def _written(cls, value: object) -> str:
        text = str(value.value if isinstance(value, enum.Enum) else value)
        return text.translate(cls._escapes)

    # Publishing

    async def publish(
        self, data: T, *, idempotency_key: str | None = None, idempotency_ttl_s: float = IDEMPOTENCY_TTL_S
    ) -> Position:
        """
        Publish to everybody who follows the topic, in every process; encoded here, once.

        Args:
            idempotency_key: A second publish with it within `idempotency_ttl_s` is the same publication: nothing is
                sent, and the position of the first is returned.

        Returns:
            Its position; on a channel without history that is nowhere, `Position("", 0)`.

        Raises:
            EncodeError: If `data` is not of the channel's type, or too large.
            BrokerUnavailable: If the broker did not answer in time. It may have published: repeat with the same key.
        """
        payload = self.payload.encode(data)
        limits = self.hub.limits
        if len(payload) > limits.max_payload_bytes:
            most = limits.max_payload_bytes
            raise EncodeError(f"payload of {len(payload)} bytes exceeds max_payload_bytes of {most}")
        if idempotency_key is not None and len(idempotency_key.encode()) > limits.max_key_bytes:
            raise UsageError(f"idempotency_key exceeds max_key_bytes of {limits.max_key_bytes}")
        if self.hub.observer is not None:
            self.hub.observer.published(self.template, len(payload))
        position = await self.hub.broker.publish(
            self.topic, payload, self.history, idempotency_key=idempotency_key, idempotency_ttl_s=idempotency_ttl_s
        )
        return NOWHERE if position is None else position

    # Following

    def join(
        self,
        websocket: WebSocket[Any, Any],
        *,
        member: str | None = None,
        since: Position | None = None,
        policy: Policy = disconnect,
        presence: bool = False,
    ) -> Joining:
        """
        `async with room.join(ws) as joined:` publications go to the socket while the block runs.

        A publication after the block began is sent, one before is not, unless `since` asks for it. `joined` says where
        the topic was (`position`), whether `since` was served (`recovered`), and counts what its policy `dropped`.

        Args:
            member: Who this is, on a channel with presence.
            since: Send everything published after this position first. All or nothing: if something is missing,
                nothing is sent, and `joined.recovered` is false. Since nowhere is as since now.
            policy: What happens when this socket reads too slowly.
            presence: Send `MemberJoined` and `MemberLeft` to the socket too.

        Raises, when the block is entered:
            WebSocketNotConnected: Before `ws.connect()`.
            WebSocketDisconnect: If the socket is closed.
            WebSocketProtocolError: 1008 if it joined `max_topics_per_socket` or the member's name is too long, 1013 if
                the topic has its `max_members`.
            UsageError: If it has joined this topic already, or the channel has no presence or history to ask for; from
                the call itself, if the policy goes by a field that the channel's type does not have.
            BrokerUnavailable: If the broker did not answer in time.
        """
        policy.check(self.payload.annotation)
        return Joining(self, websocket, member, since, policy, presence)

    def subscribe(self, *, since: Position | None = None, policy: Policy = disconnect) -> Following[Subscription[T]]:
        """
        `async with room.subscribe() as publications: async for publication in publications:` in a handler or script.

        Gives `Published[T]`; raises as `join()`, and `PublicationsLost` from the iteration.
        """
        policy.check(self.payload.annotation)
        return Following(self, Subscription, since, policy)

    def changes(self) -> Following[Changes]:
        """`async with room.changes() as changes: async for change in changes:` members who come and leave."""
        self.hub.heed(self.needed_presence("changes()"))
        return Following(self, Changes, None, disconnect)

    async def members(self) -> list[str]:
        """Who is here, in every process, in the order of their names."""
        self.needed_presence("members()")
        return await self.hub.broker.members(self.topic)

    async def recent(self, most: int | None = None) -> list[Published[T]]:
        """The newest publications that are remembered, oldest first."""
        history = self.needed_history("recent()")
        start = await self.hub.broker.read(self.topic, history)
        page = await self.hub.broker.read(self.topic, history, Position(start.position.epoch, 0))
        found = page.publications if most is None else page.publications[max(0, len(page.publications) - most) :]
        return [Published(self.payload.decode(one.payload), one.position) for one in found]

    async def position(self) -> Position:
        """Where the topic is now, also where nothing was ever published."""
        return (await self.hub.broker.read(self.topic, self.needed_history("position()"))).position

    async def disconnect(self, *, member: str, code: int = WS_1008_POLICY_VIOLATION, reason: str = "") -> None:
        """Close every socket with which a member joined this topic, in every process."""
        await self.hub.control.disconnect(Disconnect(member, code, reason, self.topic))

    @classmethod
    def presence_times(cls) -> Presence | None:
        """The times of presence; `None` where the channel has none."""
        if isinstance(cls.presence, Presence):
            return cls.presence
        return Presence() if cls.presence else None

    def needed_presence(self, what: str) -> Presence:
        presence = self.presence_times()
        if presence is None:
            raise UsageError(f"{what} needs presence = True on {type(self).__qualname__}")
        return presence

    def needed_history(self, what: str) -> History:
        if self.history is None:
            raise UsageError(f"{what} needs history = History(…) on {type(self).__qualname__}")
        return self.history

    def __repr__(self) -> str:
        return f"<{type(self).__qualname__} {self.topic!r}>"


def hub_of(home: Broker | Hub | HasHub) -> Hub:
    """The hub of an application, or of a broker that a script opened."""
    if isinstance(home, Hub):
        return home
    if isinstance(home, Broker):
        return home.listener if isinstance(home.listener, Hub) else Hub(home)
    return home.hub


def _carried(cls: type) -> Any:
    """What a class says in `Channel[…]`; `None` where it says nothing."""
    for base in getattr(cls, "__orig_bases__", ()):
        if isinstance(get_origin(base), type) and issubclass(get_origin(base) or object, Channel):
            (argument,) = get_args(base)
            if isinstance(argument, ForwardRef):
                written = argument.__forward_arg__
                raise ConfigurationError(f"{cls.__qualname__}: write Channel[{written}] with the class, not its name")
            return None if isinstance(argument, TypeVar) else argument
    return None
