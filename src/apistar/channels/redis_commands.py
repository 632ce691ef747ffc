"""
Commands to Redis over one connection: a round is one pipeline, and a script that Redis does not know is sent with it.

Sources: Redis' documentation of pipelining and EVALSHA; redis-py 6 to 8.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, TypeAlias, cast

from redis.asyncio import ConnectionPool
from redis.exceptions import MovedError, NoScriptError, ReadOnlyError, RedisError, ResponseError

from .redis_scripts import SCRIPTS, Script
from .rounds import Rounds

ONE_REDIS: Final = "channels need one Redis that has all topics, with replicas if need be"
Command: TypeAlias = "tuple[str | bytes | int, ...]"


def script_call(script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Command:
    """The command that runs a script."""
    return ("EVALSHA", script.sha, len(keys), *keys, *arguments)


class RedisCommands(Rounds[Command]):
    """Sends commands, each a name and its arguments."""

    faults = (RedisError,)

    def __init__(self, pool: ConnectionPool, url: str, timeout_s: float) -> None:
        super().__init__(url, timeout_s)
        self._pool = pool

    async def disconnect(self) -> None:
        await self._pool.disconnect()

    async def exchange(self, commands: list[Command]) -> list[Any]:
        async with asyncio.timeout(self._timeout_s):
            connection = await self._pool.get_connection()
        try:
            async with asyncio.timeout(self._timeout_s):
                replies = await self._round(connection, commands)
                unknown = [index for index, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
                if unknown:
                    texts = [_with_text(commands[index]) for index in unknown]
                    for index, reply in zip(unknown, await self._round(connection, texts), strict=True):
                        replies[index] = reply
            if any(isinstance(reply, ReadOnlyError) for reply in replies):
                await connection.disconnect()  # after a failover the name may lead to another
            return replies
        except BaseException:
            await connection.disconnect(nowait=True)  # answers that come late must meet nobody
            raise
        finally:
            await self._pool.release(connection)

    async def _round(self, connection: Any, commands: list[Command]) -> list[Any]:
        await connection.send_packed_command(connection.pack_commands(commands))
        replies: list[Any] = []
        for _ in commands:
            try:
                replies.append(await connection.read_response())
            except MovedError as moved:
                place = f"{moved.host}:{moved.port}"
                replies.append(RedisError(f"keeps this topic on another node of its cluster, {place}; {ONE_REDIS}"))
            except ResponseError as refusal:
                replies.append(refusal)
        return replies


def _with_text(command: Command) -> Command:
    return ("EVAL", SCRIPTS[cast(str, command[1])].text, *command[2:])
