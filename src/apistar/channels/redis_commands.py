"""
Commands to Redis over one connection: whatever waits goes out together, and answers come back in order.

A batch takes one round trip, so that a thousand publishers of a process share a connection without waiting for each
other. Nothing is ever sent twice: a call that fails may have been carried out or not.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, TypeAlias, cast

from redis.asyncio import ConnectionPool
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError, ResponseError

from ..exceptions import BrokerUnavailable
from .redis_scripts import SCRIPTS, Script

Command: TypeAlias = "tuple[str | bytes | int, ...]"

MAX_BATCH: Final = 500
"""Commands in one round; the first of them must not wait long for the last."""

log: Final = logging.getLogger("apistar.channels")


def script_call(script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Command:
    """The command that runs a script."""
    return ("EVALSHA", script.sha, len(keys), *keys, *arguments)


class RedisCommands:
    """
    Sends commands.

    Attributes:
        fault: Why the last round failed, in words; empty if it did not.
    """

    def __init__(self, pool: ConnectionPool, url: str, timeout_s: float) -> None:
        self._pool = pool
        self._url = url
        self._timeout_s = timeout_s
        self._waiting: deque[tuple[Sequence[Command], asyncio.Future[list[Any]]]] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._closed = False
        self.fault = ""

    async def call(self, *command: str | bytes | int) -> Any:
        """One command, one answer; see `call_all`."""
        return (await self.call_all([command]))[0]

    async def call_all(self, commands: Sequence[Command]) -> list[Any]:
        """
        Send commands and wait for all answers.

        Raises:
            BrokerUnavailable: If there is no answer within the time limit, or one of them is an error.
        """
        if self._closed:
            raise BrokerUnavailable(f"the connection to {self._url} is closed")
        answers: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((commands, answers))
        if self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._send_all(), name="apistar: Redis commands")
        try:
            async with asyncio.timeout(self._timeout_s):
                return await answers
        except TimeoutError:
            self.fault = self.fault or f"no answer within {self._timeout_s:g} s"
            raise BrokerUnavailable(f"{self._url}: no answer within {self._timeout_s:g} s") from None

    async def close(self) -> None:
        """Disconnect; whoever waits gets `BrokerUnavailable`."""
        self._closed = True
        sender = self._sender
        if sender is not None:
            sender.cancel()
            await asyncio.wait({sender})
        self._fail([answers for _, answers in self._waiting], f"the connection to {self._url} was closed")
        self._waiting.clear()
        await self._pool.disconnect()

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                batch = self._take()
                try:
                    replies = iter(await self._exchange([command for commands, _ in batch for command in commands]))
                except Exception as error:
                    if not isinstance(error, RedisError | OSError):
                        log.exception("fault in a round of commands to %s", self._url)
                    self.fault = str(error) or type(error).__name__
                    self._fail([answers for _, answers in batch], f"{self._url}: {self.fault}")
                except asyncio.CancelledError:
                    self._fail([answers for _, answers in batch], f"the connection to {self._url} was closed")
                    raise
                else:
                    self.fault = ""
                    for commands, answers in batch:
                        self._answer(answers, [next(replies) for _ in commands])
        finally:
            self._sender = None

    def _take(self) -> list[tuple[Sequence[Command], asyncio.Future[list[Any]]]]:
        """What is sent in this round; whoever gave up waiting is left out."""
        batch, size = [], 0
        while self._waiting and size < MAX_BATCH:
            commands, answers = self._waiting.popleft()
            if not answers.done():
                batch.append((commands, answers))
                size += len(commands)
        return batch

    async def _exchange(self, commands: list[Command]) -> list[Any]:
        if not commands:
            return []
        async with asyncio.timeout(self._timeout_s):
            connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
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
            except ResponseError as refusal:
                replies.append(refusal)
        return replies

    def _answer(self, answers: asyncio.Future[list[Any]], replies: list[Any]) -> None:
        refusal = next((reply for reply in replies if isinstance(reply, ResponseError)), None)
        if refusal is not None:
            self.fault = str(refusal)
            self._fail([answers], f"{self._url}: {refusal}")
        elif not answers.done():
            answers.set_result(replies)

    def _fail(self, futures: list[asyncio.Future[list[Any]]], sentence: str) -> None:
        for answers in futures:
            if not answers.done():
                answers.set_exception(BrokerUnavailable(sentence))


def _with_text(command: Command) -> Command:
    return ("EVAL", SCRIPTS[cast(str, command[1])].text, *command[2:])
