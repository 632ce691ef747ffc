"""
Commands to an engine over one connection: whatever waits goes out together, and answers come back in order.

A round takes one round trip, so that a thousand publishers of a process share a connection without waiting for each
other. Nothing is ever sent twice: a call that fails may have been carried out or not.

This file knows no technology: `redis_commands.py` and its like do.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar

from ..exceptions import BrokerUnavailable

Command = TypeVar("Command")

MAX_ROUND: Final = 500
"""Commands in one round; the first of them must not wait long for the last."""

log: Final = logging.getLogger("apistar.channels")


class Rounds(ABC, Generic[Command]):
    """
    Sends commands; a technology says how one round of them is exchanged.

    Attributes:
        faults: The errors of the technology; in a reply's place one stands for a command that was refused.
        fault: Why the last round failed, in words; empty if it did not.
    """

    faults: ClassVar[tuple[type[Exception], ...]]

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._waiting: deque[tuple[Sequence[Command], asyncio.Future[list[Any]]]] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._closed = False
        self.fault = ""

    @abstractmethod
    async def exchange(self, commands: list[Command]) -> list[Any]:
        """
        Send commands and give a reply to each, in order, or the error that refused it; one call at a time.

        If it raises, or is cancelled, answers that come late must meet nobody.

        Raises:
            BaseException: One of `faults` or an OSError where the connection failed; nothing is known of any command.
        """

    @abstractmethod
    async def disconnect(self) -> None:
        """Let the connection go; nothing is exchanged after it."""

    async def call(self, command: Command) -> Any:
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
            self._sender = asyncio.get_running_loop().create_task(self._send_all(), name="apistar: commands")
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
        await self.disconnect()

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                batch = self._take()
                together = [command for commands, _ in batch for command in commands]
                try:
                    replies = iter(await self.exchange(together) if together else ())
                except Exception as error:
                    if not isinstance(error, (OSError, *self.faults)):
                        log.exception("fault in a round of commands to %s", self._url)
                    late = f"no answer within {self._timeout_s:g} s" if isinstance(error, TimeoutError) else ""
                    self.fault = str(error) or late or type(error).__name__
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
        while self._waiting and size < MAX_ROUND:
            commands, answers = self._waiting.popleft()
            if not answers.done():
                batch.append((commands, answers))
                size += len(commands)
        return batch

    def _answer(self, answers: asyncio.Future[list[Any]], replies: list[Any]) -> None:
        refusal = next((reply for reply in replies if isinstance(reply, self.faults)), None)
        if refusal is not None:
            self.fault = str(refusal)
            self._fail([answers], f"{self._url}: {refusal}")
        elif not answers.done():
            answers.set_result(replies)

    def _fail(self, futures: list[asyncio.Future[list[Any]]], sentence: str) -> None:
        for answers in futures:
            if not answers.done():
                answers.set_exception(BrokerUnavailable(sentence))
