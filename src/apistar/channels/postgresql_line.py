"""
A connection to PostgreSQL that listens: what is asked for goes together, and notifications become messages.

On opening it hears an echo that another connection sends: a pool between here and the server that gives each
transaction another session (pgbouncer's transaction mode) takes a LISTEN, and nothing ever comes of it.

Sources: PostgreSQL's documentation of LISTEN; pgbouncer's of its pool modes.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ..exceptions import BrokerUnavailable
from .postgresql_connection import FAULTS, Session, bounded, connect
from .postgresql_messages import Assembly
from .postgresql_schema import channel_of
from .postgresql_url import Address


class PostgreSQLLine:
    """
    A `Line` of one session.

    Args:
        url: As it may be shown.
        echo: Notifies a channel over another connection.
    """

    faults = FAULTS

    def __init__(self, address: Address, url: str, timeout_s: float, echo: Callable[[str], Awaitable[Any]]) -> None:
        self._address = address
        self._url = url
        self._timeout_s = timeout_s
        self.echo = echo
        self._session: Session | None = None
        self._topics: dict[str, tuple[str, Assembly]] = {}
        self._asked: list[tuple[str, str]] = []
        self._worker: asyncio.Task[None] | None = None
        self._heard: list[tuple[str, bytes | None]] = []
        self._something = asyncio.Event()
        self._fault: Exception | None = None

    async def open(self) -> None:
        session = self._session = await connect(self._address, self._timeout_s, "apistar listening")
        session.add_termination_listener(lambda _: self._lose(ConnectionError("the connection was closed")))
        channel = f"apistar_echo_{secrets.token_hex(16)}"
        heard = asyncio.Event()
        session.hear = lambda *_: heard.set()
        await bounded(session, session.execute(f"LISTEN {channel}"), self._timeout_s)
        try:
            async with asyncio.timeout(self._timeout_s / 2):
                await self.echo(channel)
                await heard.wait()
        except BrokerUnavailable as error:
            raise ConnectionError(str(error).removeprefix(f"{self._url}: ")) from None
        except TimeoutError:
            raise ConnectionError(
                "what is published is not heard here; LISTEN needs a session: give the URL of the server itself, or "
                "of a pool in session mode"
            ) from None
        await bounded(session, session.execute(f"UNLISTEN {channel}"), self._timeout_s)
        session.hear = self._hear

    async def close(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait({self._worker})
        if self._session is not None:
            self._session.terminate()

    async def listen(self, topics: Sequence[str]) -> None:
        for topic in topics:
            self._ask_for("LISTEN", topic)

    async def unlisten(self, topic: str) -> None:
        self._ask_for("UNLISTEN", topic)

    async def ask(self) -> None:
        self._ask_for("SELECT", "")

    def _ask_for(self, verb: str, topic: str) -> None:
        self._asked.append((verb, topic))
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work(), name="apistar: LISTEN")

    async def _work(self) -> None:
        """Send what was asked for meanwhile, in its order, and say what came of it."""
        session = self._session
        assert session is not None
        try:
            while self._asked:
                asked, self._asked = self._asked, []
                statements = []
                for verb, topic in asked:
                    channel = channel_of(self._address.schema, topic)
                    if verb == "LISTEN":
                        self._topics.setdefault(channel, (topic, Assembly()))
                    statements.append(verb if verb == "SELECT" else f"{verb} {channel}")
                await bounded(session, session.execute(";".join(statements)), self._timeout_s)
                self._heard += [(topic, None) for verb, topic in asked if verb == "LISTEN"]
                self._something.set()
                last = {topic: verb for verb, topic in asked}
                for topic in [topic for topic, verb in last.items() if verb == "UNLISTEN"]:
                    self._topics.pop(channel_of(self._address.schema, topic), None)
        except Exception as error:
            self._lose(error)
        finally:
            self._worker = None

    def _hear(self, channel: str, notification: str) -> None:
        found = self._topics.get(channel)
        if found is not None:
            message = found[1].add(notification)
            if message is not None:
                self._heard.append((found[0], message))
                self._something.set()

    def _lose(self, fault: Exception) -> None:
        if self._fault is None:
            self._fault = fault
            self._something.set()

    async def receive(self, timeout_s: float) -> Sequence[tuple[str, bytes | None]] | None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._something.wait()
        except TimeoutError:
            return None
        self._something.clear()
        heard, self._heard = self._heard, []
        if self._fault is not None and not heard:
            raise self._fault
        if self._fault is not None:
            self._something.set()
        return heard
