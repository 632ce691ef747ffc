"""
Connections to PostgreSQL, and the schema made on the first of them.

The driver is asyncpg. It reads notifications as they come, without a question to the server and on any event loop;
psycopg 3 shows them to whoever holds the connection, so that LISTEN would have to interrupt what listens, and needs
another event loop on Windows. asyncpg calls one method for each notification. It is the one name of the driver's that
is not documented and that is used here: the documented way sends a LISTEN for each channel and waits for it, which
after a lost connection takes a round trip for every topic; here 500 go together.

Sources: asyncpg 0.30 to 0.32; PostgreSQL's documentation of run-time configuration and of NOTIFY.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import asyncpg

from .postgresql_schema import VERSION, definition
from .postgresql_url import Address

T = TypeVar("T")

FAULTS: Final[tuple[type[Exception], ...]] = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""Whatever the driver raises that is not an OSError."""

UNREAD_S: Final = 30
"""After which PostgreSQL drops a process that takes nothing: until then it keeps every notification of the server."""

_SETTINGS: Final = f"""
SET default_transaction_isolation = 'read committed';
SET statement_timeout = '{{timeout_ms}}ms';
SET idle_in_transaction_session_timeout = '{{half_ms}}ms';
SET tcp_user_timeout = '{UNREAD_S}s';
SET tcp_keepalives_idle = 10;
SET tcp_keepalives_interval = 5;
SET tcp_keepalives_count = 3;
SET client_min_messages = 'warning';
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""
"""Whatever the database's own settings are: a publication that was told is on disk, and a call ends with its caller.

A process that hangs while it makes the schema ends sooner than the patience of those who start beside it."""


def _settings(timeout_s: float) -> str:
    milliseconds = max(2, int(timeout_s * 1000))
    return _SETTINGS.format(timeout_ms=milliseconds, half_ms=milliseconds // 2)


class Session(asyncpg.Connection):  # type: ignore[misc]  # asyncpg carries no annotations
    """A connection that gives every notification to `hear`."""

    __slots__ = ("hear",)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.hear: Callable[[str, str], None] | None = None

    def _process_notification(self, pid: int, channel: str, payload: str) -> None:
        if self.hear is not None:
            self.hear(channel, payload)


async def connect(address: Address, timeout_s: float, name: str) -> Session:
    """
    Open a connection; `name` is its application_name.

    Raises:
        OSError: If there is no answer within `timeout_s`.
    """
    session: Session = await asyncpg.connect(
        address.dsn,
        timeout=timeout_s,
        connection_class=Session,
        server_settings={"application_name": name},
        target_session_attrs="read-write" if address.several else None,
    )
    try:
        await bounded(session, session.execute(_settings(timeout_s)), timeout_s)
    except BaseException:
        session.terminate()
        raise
    return session


async def bounded(session: Session, work: Awaitable[T], timeout_s: float) -> T:
    """
    Wait for an answer; if it takes too long, or the caller is cancelled, the connection is dropped with it.

    Cancelling the driver's own call would ask the server, by another connection, to cancel the statement, and wait
    for that: a server that hangs does not answer there either.

    Raises:
        TimeoutError: After `timeout_s`.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=timeout_s)
        if not task.done():
            raise TimeoutError(f"no answer within {timeout_s:g} s")
    finally:
        if not task.done():
            session.terminate()
            task.add_done_callback(_look)
    return task.result()


def _look(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()  # it is that of the connection that was dropped


async def prepare(session: Session, schema: str) -> None:
    """
    Make the schema's contents where they are not yet; several processes may do so at once.

    Raises:
        asyncpg.PostgresError: If the role may not.
        asyncpg.InterfaceError: If they are of another version.
    """
    if await _version(session, schema) == VERSION:
        return
    async with session.transaction():
        await session.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"apistar schema {schema}")
        found = await _version(session, schema)
        if found is None:
            if not await session.fetchval("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", schema):
                try:
                    await session.execute(f'CREATE SCHEMA "{schema}"')
                except asyncpg.InsufficientPrivilegeError as error:
                    raise asyncpg.InterfaceError(
                        f"{error}; let an administrator say once: CREATE SCHEMA {schema} AUTHORIZATION the_role"
                    ) from None
            await session.execute(definition(schema))
        elif found != VERSION:
            raise asyncpg.InterfaceError(
                f"schema {schema} is of version {found} and this apistar's is {VERSION}: name another with ?schema=…, "
                f"or stop every process that uses it and DROP SCHEMA {schema} CASCADE"
            )


async def _version(session: Session, schema: str) -> int | None:
    there = await session.fetchval(
        "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace "
        "WHERE s.nspname = $1 AND c.relname = 'meta')",
        schema,
    )
    if not there:
        return None
    version: int = await session.fetchval(f'SELECT version FROM "{schema}".meta')
    return version
