"""
The values that brokers and channels exchange.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

import msgspec

from ..exceptions import ConfigurationError

IDEMPOTENCY_TTL_S: Final = 300.0
"""How long a broker remembers an idempotency key: longer than a client tries again."""

MAX_OFFSET: Final = 1 << 53
"""What a double of Lua counts without error; a thousand publications a second take 285,000 years."""


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    A place in the history of one topic.

    Attributes:
        epoch: Names one life of the history; another epoch means that the one before is lost.
        offset: Of the last publication seen; 0 before the first one.
        tag: Names that publication, where the engine may come back with older data and give its offset to another one.
            Empty where that cannot happen, and where nobody knows: such a tag agrees with every other.
    """

    epoch: str
    offset: int
    tag: str = ""

    def agrees(self, tag: str) -> bool:
        """Whether the publication here may be the one with this tag."""
        return not tag or not self.tag or tag == self.tag

    def covers(self, other: Position) -> bool:
        """Whether a publication there is the one here, or an older one of this epoch."""
        if other.epoch != self.epoch or other.offset > self.offset:
            return False
        return other.offset < self.offset or self.agrees(other.tag)


NOWHERE: Final = Position("", 0)
"""Where everything is on a channel without history, whose publications have no place."""


class History(msgspec.Struct, frozen=True):
    """
    What a topic remembers, so that a socket that was away can catch up.

    Attributes:
        size: Of the newest publications.
        ttl_s: Publications older than this are forgotten.
    """

    size: int = 100
    ttl_s: float = 300.0

    def __post_init__(self) -> None:
        if self.size < 1 or not self.ttl_s > 0:
            raise ConfigurationError(
                f"History(size={self.size!r}, ttl_s={self.ttl_s!r}): both must be above 0; leave history out for none"
            )


class Publication(msgspec.Struct, frozen=True):
    """
    One message of a topic, as the broker carries it.

    Attributes:
        payload: Encoded once, by the publisher.
        position: Its own place in the history; `None` on a topic without one.
        previous: The tag of the publication before it.
    """

    payload: bytes
    position: Position | None = None
    previous: str = ""

    def follows(self, since: Position) -> bool:
        """Whether it is the very next one after a position."""
        here = self.position
        if here is None or here.offset != since.offset + 1 or here.epoch != since.epoch:
            return False
        return since.agrees(self.previous)


class Page(msgspec.Struct, frozen=True):
    """
    What a broker has of a topic's history at one moment.

    Attributes:
        position: Of the newest publication, also where that one is forgotten already or never was.
        publications: Asked for and still remembered, oldest first, without gaps up to `position`.
    """

    position: Position
    publications: tuple[Publication, ...] = ()

    def continues(self, since: Position) -> bool:
        """Whether `publications` are everything since then: recovery is all or nothing."""
        if self.position.epoch != since.epoch or since.offset > self.position.offset:
            return False
        if len(self.publications) != self.position.offset - since.offset:
            return False
        return since.agrees(self.publications[0].previous if self.publications else self.position.tag)


class PresenceEvent(msgspec.Struct, frozen=True):
    """
    A member came to a topic or left it: the first of its seats was taken, or the last one given up.

    Attributes:
        joined: Otherwise left.
    """

    member: str
    joined: bool


class Health(msgspec.Struct, frozen=True):
    """
    How the connection to the broker is, now.

    Attributes:
        available: Whether publications come and go.
        detail: Why not, in words; empty if it is.
        restarts: How often what listens was started again since the start.
    """

    available: bool
    detail: str = ""
    restarts: int = 0


class Presence(msgspec.Struct, frozen=True):
    """
    Who is there: `presence = Presence(grace_s=…)` on a channel; `True` stands for the defaults.

    Attributes:
        grace_s: A member who comes back within this time never left: a reload takes about two seconds.
        ttl_s: Members of a process that was killed leave after this time.
    """

    grace_s: float = 5.0
    ttl_s: float = 30.0

    def __post_init__(self) -> None:
        if self.grace_s < 0 or not self.ttl_s > 0:
            raise ConfigurationError(
                f"Presence(grace_s={self.grace_s!r}, ttl_s={self.ttl_s!r}): a grace is 0 or more, a ttl more than 0"
            )


class MemberJoined(msgspec.Struct, frozen=True, tag="member_joined"):
    """Somebody who was not there is: the first of their sockets joined."""

    member: str


class MemberLeft(msgspec.Struct, frozen=True, tag="member_left"):
    """The last socket of a member left, and none came back within the grace."""

    member: str


T = TypeVar("T")


class Published(msgspec.Struct, Generic[T], frozen=True):
    """
    One publication as a reader gets it.

    Attributes:
        data: As it was published.
        position: Where to go on from; `None` on a channel without history.
    """

    data: T
    position: Position | None = None
