"""
The contract of a broker: it carries publications between processes, and remembers them where a topic has a history.

What is promised, over each broker (`tests/contracts/test_broker.py` has a test for every line):

| | memory | Redis | PostgreSQL |
|---|---|---|---|
| order | every subscriber of a topic sees the publisher's and the topic's one order | the same | the same |
| without history | at most once | at most once | at most once |
| with history | nothing is lost while the process lives | nothing is lost inside size and ttl, over loss of the \
connection and over a restart of Redis that kept its data; one that lost its data changes the epoch, and one that came \
back with older data (a replica promoted too early) is known by its publications' tags: all who saw more are told \
| the same, and over a crash of PostgreSQL too: what `publish()` returned was committed |
| a gap | cannot happen | always detected, never silent: by the next publication or within `CHECK_INTERVAL_S`; \
sockets that joined with history are recovered from it, or closed with a code that says "rejoin" | the same |
| a slow socket | has its own bounded outbox and policy; nobody else waits | the same | the same |
| broker gone | — | joined sockets stay; publish fails after a bounded wait with `BrokerUnavailable`; when it is back: \
resubscribed and caught up; `health()` shows it | the same |

A broker knows topics and bytes; it knows no socket and no type. The hub of the process (`hub.py`) is its one listener:
it gives publications to sockets, finds gaps, recovers from them, and keeps the members of this process alive. So the
rules for each implementation are few:

- `publish()` gives the publication its place in the topic's one order, stores it where there is a history, and sends
  it to every process that has subscribed, in one atomic step: offsets are 1, 2, 3, … without holes, in the order in
  which processes are told. If it raises `BrokerUnavailable` the publication may have been made or not.
- After `subscribe()` returned, `listener.on_publication` gets every publication of the topic in order, from this
  process's publishers too; a broker that may lose some (its connection broke) says so with `on_interrupted()` before,
  and with `on_resumed()` after it has subscribed anew to everything. Publications may come twice; the hub drops those.
- `read()` sees every publication whose `publish()` has returned.
- Where the engine may come back with older data and give offsets again, each publication has a tag of its own and names
  that of the one before it, in what is sent and in what is read: so the two lives are told apart wherever they meet.
- A topic's position outlives its publications by at least `POSITION_TTL_S` after the last `publish()` or `read()`; a
  broker that forgot one, or lost it, gives the topic a new epoch, which is never one of the past.
- Presence: a member is present while it has a seat whose time has not run out. `enter()` announces a member that had
  none; whoever finds that the last seat of a member is over announces that it left, once for all processes, to every
  process that has subscribed to the topic.
- Every method but `health()` raises `BrokerUnavailable` within `timeout_s` where the broker cannot be reached. A
  cancelled call leaves the broker usable.
- What listens is supervised: an error in it is logged, it is started again, and `health().restarts` counts it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import ClassVar, Final, Protocol, Self

from .broker_url import without_credentials
from .records import IDEMPOTENCY_TTL_S, Health, History, Page, Position, PresenceEvent, Publication
from .schemes import broker_class

CHECK_INTERVAL_S: Final = 20.0
"""Within which a topic that is quiet is compared; with the time for an answer, a gap of it shows within 25 s."""
POSITION_TTL_S: Final = 24 * 3600.0
"""A day: a client that comes back later starts anew anyway. A topic that is followed is read several times in it."""
TIMEOUT_S: Final = 5.0
"""For one answer. Longer than a garbage collection or a failover's first moment, shorter than a person waits."""


class Listener(Protocol):
    """
    Who is told. Called on the event loop; returns at once and raises nothing.

    May be called from within `publish()`, `enter()`, `leave()` and `sweep()`.
    """

    def on_publication(self, topic: str, publication: Publication) -> None: ...
    def on_presence(self, topic: str, event: PresenceEvent) -> None: ...

    def on_interrupted(self) -> None:
        """From now on publications may be missing, until `on_resumed()`."""

    def on_resumed(self) -> None:
        """Every topic is subscribed again; what was published in between did not come."""

    async def stop(self) -> None:
        """The broker's `async with` ends: end what uses the broker, which is closed after it."""


class Nobody:
    """The listener of a broker that only publishes."""

    def on_publication(self, topic: str, publication: Publication) -> None: ...
    def on_presence(self, topic: str, event: PresenceEvent) -> None: ...
    def on_interrupted(self) -> None: ...
    def on_resumed(self) -> None: ...
    async def stop(self) -> None: ...


class Broker(ABC):
    """
    An engine that carries publications. `async with Broker.connect(url) as broker:` starts and closes it.

    Attributes:
        url: As it was given, without credentials.
        listener: Set once, before the first `subscribe()`.
        timeout_s: For one answer.
        local: Whether it reaches this process only.
    """

    local: ClassVar[bool] = False

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.url = without_credentials(url)
        self.timeout_s = timeout_s
        self.listener: Listener = Nobody()

    @staticmethod
    def connect(url: str, *, timeout_s: float = TIMEOUT_S) -> Broker:
        """
        Make the broker of a URL; it connects when it is entered.

        Args:
            url: `memory://`, `redis://…`, `rediss://…` (TLS), `unix://…` (Redis on a socket file), or
                `postgresql://user:password@host:5432/database?schema=apistar`, with libpq's options in the query.

        Raises:
            ConfigurationError: If no broker has that scheme, or its extra is not installed.
        """
        found = broker_class(url)
        assert issubclass(found, Broker)
        return found(url, timeout_s=timeout_s)

    @abstractmethod
    async def start(self) -> None:
        """
        Connect.

        Raises:
            BrokerUnavailable: If there is no answer within `timeout_s`; nothing is kept.
        """

    @abstractmethod
    async def close(self) -> None:
        """Disconnect and forget every subscription; idempotent. Nothing runs after it."""

    @abstractmethod
    def health(self) -> Health:
        """What is known without asking; never waits."""

    # Publications

    @abstractmethod
    async def publish(
        self,
        topic: str,
        payload: bytes,
        history: History | None = None,
        *,
        idempotency_key: str | None = None,
        idempotency_ttl_s: float = IDEMPOTENCY_TTL_S,
    ) -> Position | None:
        """
        Publish once.

        Args:
            history: Remember it with this size and ttl; `None` on a topic without history.
            idempotency_key: A second publish with it, on this topic and within `idempotency_ttl_s`, does nothing and
                gives the position of the first.

        Returns:
            The publication's position; `None` without history.

        Raises:
            BrokerUnavailable: If there is no answer within `timeout_s`. Repeat it with the same key.
        """

    @abstractmethod
    async def subscribe(self, topic: str) -> None:
        """Have the listener told of a topic; from the return on. Idempotent. If cancelled, as if not called."""

    @abstractmethod
    async def unsubscribe(self, topic: str) -> None:
        """Stop that; idempotent. Something may still come until it returns."""

    @abstractmethod
    async def read(self, topic: str, history: History, since: Position | None = None) -> Page:
        """
        Read the position of a topic, and in the same step its history.

        A topic that was never published to gets its epoch here.

        Args:
            history: Of the channel; what is older than its `ttl_s` or beyond its `size` is not given.
            since: Publications after this position; none where it is `None` or of another epoch.
        """

    @abstractmethod
    async def positions(self, topics: Sequence[str]) -> list[Position | None]:
        """The position of each topic, in one round; `None` where a topic has none any more."""

    # Presence

    @abstractmethod
    async def enter(self, topic: str, members: Sequence[str], seat: str, ttl_s: float, max_members: int) -> bool:
        """
        Give members a seat for `ttl_s`, or keep the one that they have; announce those who had none at all.

        Seats are per member: two processes give one member two seats.

        Args:
            seat: Names the process.
            max_members: Of the topic. If new members would be more, none enters.

        Returns:
            Whether they entered.
        """

    @abstractmethod
    async def leave(self, topic: str, member: str, seat: str, grace_s: float) -> None:
        """
        Let the member's seat end in `grace_s`; with 0 it ends now, and is announced if it was the member's last.

        Where there is no such seat it does nothing, and never makes one longer.
        """

    @abstractmethod
    async def sweep(self, topics: Sequence[str]) -> None:
        """Drop the seats whose time has run out, and announce each member who had no other."""

    @abstractmethod
    async def members(self, topic: str) -> list[str]:
        """Who has a seat whose time has not run out, in order of their names."""

    # For `async with`

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self.listener.stop()
        finally:
            await self.close()
