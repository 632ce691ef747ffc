"""
A connection to Redis that listens: its pub/sub commands, and what Redis pushes.

Sources: Redis' documentation of pub/sub; redis-py 6 to 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from .redis_messages import channel_of, topic_of


class RedisLine:
    """A `Line` of one session."""

    faults: tuple[type[Exception], ...] = (RedisError,)

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._connection: Any = None

    async def open(self) -> None:
        self._connection = await self._pool.get_connection()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)

    async def listen(self, topics: Sequence[str]) -> None:
        await self._send("SUBSCRIBE", *map(channel_of, topics))

    async def unlisten(self, topic: str) -> None:
        await self._send("UNSUBSCRIBE", channel_of(topic))

    async def ask(self) -> None:
        await self._send("PING")

    async def _send(self, command: str, *channels: str) -> None:
        await self._connection.send_packed_command(self._connection.pack_command(command, *channels))

    async def receive(self, timeout_s: float) -> Sequence[tuple[str, bytes | None]] | None:
        reply = await self._connection.read_response(timeout=timeout_s, disconnect_on_error=False)
        if reply is None:
            return None
        if not isinstance(reply, list):
            return ()  # it answers a PING while nothing is subscribed to
        kind, channel = reply[0], reply[1]
        if kind == b"message":
            return ((topic_of(channel), reply[2]),)
        return ((topic_of(channel), None),) if kind == b"subscribe" else ()
