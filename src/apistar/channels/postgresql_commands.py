"""
Calls of the schema's functions over one connection: those of a round to one function are one statement.

So a thousand publishers of a process share one transaction, one flush to disk, and one turn at the lock that NOTIFY
takes at the commit for the whole server.

Sources: PostgreSQL's documentation of UNNEST and LATERAL; `PreCommit_Notify` in its source.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import asyncpg

from ..exceptions import BrokerUnavailable
from .postgresql_connection import FAULTS, Session, bounded, connect, prepare
from .postgresql_schema import TIDY_EVERY_S
from .postgresql_url import Address
from .remote import SEATS_TTL_S
from .rounds import Rounds

Call: TypeAlias = "tuple[Function, tuple[Any, ...]]"
Rows: TypeAlias = "list[asyncpg.Record]"

log: Final = logging.getLogger("apistar.channels")

_LOST: Final = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedFunctionError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.PostgresConnectionError,
)
"""The schema is gone, or this server is a standby now, or it ends: what only a new connection can mend."""


@dataclass(frozen=True, slots=True)
class Function:
    """
    A function of the schema.

    Attributes:
        name: It takes the number of the call, and then arguments.
        types: Of the arguments; the first one is what calls of a round are sorted by.
    """

    name: str
    types: tuple[str, ...]

    def statement(self, schema: str) -> str:
        """Call it once for each element of the arguments' arrays, in their order."""
        arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(self.types, 1))
        names = ", ".join(f"a{place}" for place, _ in enumerate(self.types, 1))
        return (
            f"SELECT a.n AS n, r.* FROM unnest({arrays}) WITH ORDINALITY AS a ({names}, n), "
            f'LATERAL "{schema}".{self.name}(n, {names}) AS r'
        )


PUBLISH: Final = Function("publish", ("bytea", "bytea", "bool", "text", "int", "float8", "float8", "bytea", "float8"))
READ: Final = Function("read", ("bytea", "text", "float8", "text", "bigint", "int", "float8"))
POSITION: Final = Function("position_of", ("bytea",))
ENTER: Final = Function("enter", ("bytea", "text", "bytea", "float8", "int", "text", "float8"))
LEAVE: Final = Function("leave", ("bytea", "bytea", "bytea", "float8", "text", "float8"))
SWEEP: Final = Function("sweep", ("bytea", "text", "float8"))
MEMBERS: Final = Function("members_of", ("bytea",))
ECHO: Final = Function("echo", ("text",))
TIDY: Final = Function("tidy", ("float8", "float8"))


class PostgreSQLCommands(Rounds[Call]):
    """Calls functions; the answer is the rows that a call gave."""

    faults = FAULTS

    def __init__(self, address: Address, url: str, timeout_s: float) -> None:
        super().__init__(url, timeout_s)
        self._address = address
        self._session: Session | None = None
        self._tidied_at = -math.inf
        self._tidying: asyncio.Task[None] | None = None

    async def disconnect(self) -> None:
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.wait({self._tidying})
        session, self._session = self._session, None
        if session is not None and not session.is_closed():
            with contextlib.suppress(*FAULTS, OSError):
                await bounded(session, session.close(), self._timeout_s)

    async def exchange(self, commands: list[Call]) -> list[Any]:
        together: dict[Function, list[int]] = {}
        for index, (function, _) in enumerate(commands):
            together.setdefault(function, []).append(index)
        replies: list[Any] = [None] * len(commands)
        async with asyncio.timeout(self._timeout_s):
            session = await self._connected()
            for function, indexes in together.items():
                # Rows of topics are locked in this order, by every process: none waits for another in a circle.
                indexes.sort(key=lambda index: commands[index][1][0])
                try:
                    found = await self._call(session, function, [commands[index][1] for index in indexes])
                except asyncpg.PostgresError as refusal:
                    if session.is_closed() or isinstance(refusal, _LOST):
                        session.terminate()
                        raise
                    found = [refusal] * len(indexes)
                for index, reply in zip(indexes, found, strict=True):
                    replies[index] = reply
        if time.monotonic() - self._tidied_at > TIDY_EVERY_S and self._tidying is None:
            self._tidied_at = time.monotonic()
            self._tidying = asyncio.get_running_loop().create_task(self._tidy(), name="apistar: tidy")
        return replies

    async def _tidy(self) -> None:
        """Delete what has run out, beside the calls of others: no fault of it is one of theirs."""
        try:
            more = True
            while more:
                [row] = await self.call((TIDY, (TIDY_EVERY_S, SEATS_TTL_S)))
                more = row["more"]
        except BrokerUnavailable as error:
            log.warning("%s: what has run out is deleted later", error)
        finally:
            self._tidying = None

    async def _connected(self) -> Session:
        if self._session is None or self._session.is_closed():
            self._session = None
            session = await connect(self._address, self._timeout_s, "apistar")
            try:
                await bounded(session, prepare(session, self._address.schema), self._timeout_s)
            except BaseException:
                session.terminate()
                raise
            self._session = session
        return self._session

    async def _call(self, session: Session, function: Function, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        rows: Rows = await bounded(
            session, session.fetch(function.statement(self._address.schema), *zip(*calls, strict=True)), self._timeout_s
        )
        found: list[Rows] = [[] for _ in calls]
        for row in rows:
            found[row["n"] - 1].append(row)
        return list(found)
