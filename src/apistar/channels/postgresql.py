"""
A broker on PostgreSQL: what an application has anyway carries its publications, and keeps them as it keeps the rest.

A process has two connections: calls go in rounds over one (`postgresql_commands.py`), the other listens
(`postgresql_line.py`). Everything that must be one step is a function of the broker's schema
(`postgresql_schema.py`), which is made on start-up.

What PostgreSQL itself may lose is lost here too: what a standby had not got when it was promoted. A topic whose
position is lost begins a new epoch. One that counts on from an older position gives its offsets again, but each
publication has a tag of its own and names the one before it.

PostgreSQL orders all notifications of a server under one lock, held from the first of a transaction's until its commit
is on disk, and wakes every session of the database that listens for each: it carries hundreds of publications a
second, where Redis carries ten thousand and more.

Sources: PostgreSQL's documentation of NOTIFY and LISTEN, 13 to 18; asyncpg 0.30 to 0.32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from .broker import POSITION_TTL_S, TIMEOUT_S
from .broker_url import without_credentials
from .postgresql_commands import (
    ECHO,
    ENTER,
    LEAVE,
    MEMBERS,
    POSITION,
    PUBLISH,
    READ,
    SWEEP,
    PostgreSQLCommands,
)
from .postgresql_line import PostgreSQLLine
from .postgresql_messages import parse
from .postgresql_url import Address
from .records import IDEMPOTENCY_TTL_S, History, Page, Position, PresenceEvent, Publication
from .remote import RemoteBroker, asked_since, new_epoch, position_ttl_s

MAX_S: Final = 1e9
"""Of a duration: 31 years. PostgreSQL's intervals know no infinity before version 17."""
MAX_INT: Final = 2**31 - 1
"""What is beyond PostgreSQL's types is cut: a call that it refuses takes the round with it, and so others' calls."""


class PostgreSQLBroker(RemoteBroker):
    """
    One schema of one database.

    Raises:
        ConfigurationError: If the URL is none that PostgreSQL knows.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._address = Address.of(url)
        self._commands = PostgreSQLCommands(self._address, without_credentials(url), timeout_s)
        super().__init__(url, timeout_s=timeout_s, commands=self._commands)

    def line(self) -> PostgreSQLLine:
        return PostgreSQLLine(
            self._address, self.url, self.timeout_s, lambda channel: self._commands.call((ECHO, (channel,)))
        )

    def parse(self, message: bytes) -> Publication | PresenceEvent:
        return parse(message)

    async def probe(self) -> None:
        await self._commands.call((POSITION, (b"",)))

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
        size, ttl_s, kept_s = None, None, POSITION_TTL_S
        if history is not None:
            size, ttl_s, kept_s = min(history.size, MAX_INT), _s(history.ttl_s), _s(position_ttl_s(history))
        ascii_only = payload.isascii() and b"\0" not in payload  # a notification is text, which has no NUL
        key = None if idempotency_key is None else idempotency_key.encode()
        [row] = await self._commands.call(
            (
                PUBLISH,
                (topic.encode(), payload, ascii_only, new_epoch(), size, ttl_s, kept_s, key, _s(idempotency_ttl_s)),
            )
        )
        return None if row["at_epoch"] is None or history is None else _position(row)

    async def read(self, topic: str, history: History, since: Position | None = None) -> Page:
        rows = await self._commands.call(
            (
                READ,
                (
                    *(topic.encode(), new_epoch(), _s(position_ttl_s(history)), *asked_since(since)),
                    *(min(history.size, MAX_INT), _s(history.ttl_s)),
                ),
            )
        )
        here = _position(rows[0])
        publications = tuple(
            Publication(row["entry"], Position(here.epoch, row["number"], row["tag"]), row["before"])
            for row in rows
            if row["number"] is not None
        )
        return Page(here, publications)

    async def positions(self, topics: Sequence[str]) -> list[Position | None]:
        if not topics:
            return []
        answers = await self._commands.call_all([(POSITION, (topic.encode(),)) for topic in topics])
        return [_position(rows[0]) if rows else None for rows in answers]

    # Presence

    async def enter(self, topic: str, members: Sequence[str], seat: str, ttl_s: float, max_members: int) -> bool:
        if not members:
            return True
        names = ",".join(f"m{member.encode().hex()}" for member in members)
        arguments = (
            topic.encode(),
            names,
            seat.encode(),
            _s(ttl_s),
            min(max_members, MAX_INT),
            new_epoch(),
            POSITION_TTL_S,
        )
        [row] = await self._commands.call((ENTER, arguments))
        return bool(row["entered"])

    async def leave(self, topic: str, member: str, seat: str, grace_s: float) -> None:
        arguments = (topic.encode(), member.encode(), seat.encode(), _s(grace_s), new_epoch(), POSITION_TTL_S)
        await self._commands.call((LEAVE, arguments))

    async def sweep(self, topics: Sequence[str]) -> None:
        if topics:
            await self._commands.call_all([(SWEEP, (topic.encode(), new_epoch(), POSITION_TTL_S)) for topic in topics])

    async def members(self, topic: str) -> list[str]:
        [row] = await self._commands.call((MEMBERS, (topic.encode(),)))
        return sorted(member.decode() for member in row["members"] or ())


def _position(row: Any) -> Position:
    return Position(row["at_epoch"], row["at_offset"], row["at_tag"])


def _s(duration_s: float) -> float:
    return max(0.0, min(duration_s, MAX_S))  # no number is none, too
