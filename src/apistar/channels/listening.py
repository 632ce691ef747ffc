"""
Listening to an engine: one connection of the process, and a task that never leaves it deaf.

The task opens a line (a connection that listens, see `Line`), subscribes to everything that is wanted, and reads.
Whatever happens to the line it says so, and starts again; an error in what it calls is logged and counted, and it
starts again too. An engine that hangs is found by a question that nobody answers.

This file knows no technology: `redis_line.py` and its like do.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from ..exceptions import BrokerUnavailable

PING_INTERVAL_S: Final = 5.0
"""Of silence; then a question, which must be answered within the same time."""
FIRST_DELAY_S: Final = 0.05
MAX_DELAY_S: Final = 2.0
"""Between two attempts to connect: doubled each time, up to this, and spread by up to a half."""
TOPICS_PER_COMMAND: Final = 500

log: Final = logging.getLogger("apistar.channels")


class Line(Protocol):
    """
    One connection that listens, for as long as it lasts; a new one is made for the next.

    Only one of `listen()`, `unlisten()` and `ask()` runs at a time, beside one `receive()`. Each raises one of
    `faults`, or an OSError, when the connection is over.

    Attributes:
        faults: The errors of the technology.
    """

    faults: tuple[type[Exception], ...]

    async def open(self) -> None:
        """Connect. If it fails or is cancelled, `close()` is called all the same."""

    async def close(self) -> None:
        """Let the connection go; never waits for the other side."""

    async def listen(self, topics: Sequence[str]) -> None:
        """Ask for topics; `receive()` gives one `None` for each of them once it is subscribed to."""

    async def unlisten(self, topic: str) -> None:
        """Ask for no more of a topic; something may still come."""

    async def ask(self) -> None:
        """Ask for a sign of life; what answers ends a `receive()`."""

    async def receive(self, timeout_s: float) -> Sequence[tuple[str, bytes | None]] | None:
        """
        Wait for the next messages, each with its topic, in order.

        A topic with `None` was subscribed to. An answer to `ask()` is an empty list, silence for `timeout_s` is `None`.
        """


class Listening:
    """
    Subscribes and listens.

    Args:
        line: Makes the line of one session.
        on_message: Called with topic and message. What it raises ends the session, not the subscription.
        on_interrupted, on_resumed: As of the broker's listener.

    Attributes:
        fault: Why it does not listen now, in words; empty while it does, and before the first subscription.
        restarts: After an error that was not the connection's.
    """

    def __init__(
        self,
        line: Callable[[], Line],
        url: str,
        timeout_s: float,
        on_message: Callable[[str, bytes], None],
        on_interrupted: Callable[[], None],
        on_resumed: Callable[[], None],
    ) -> None:
        self._make_line = line
        self._url = url
        self._timeout_s = timeout_s
        self._on_message = on_message
        self._on_interrupted = on_interrupted
        self._on_resumed = on_resumed
        self._wanted: set[str] = set()
        self._unconfirmed: Counter[str] = Counter()
        self._waiters: dict[str, list[asyncio.Future[None]]] = {}
        self._line: Line | None = None
        self._sending = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._interrupted = False
        self.fault = ""
        self.restarts = 0

    async def subscribe(self, topic: str) -> None:
        """
        Listen to a topic; from the return on.

        Raises:
            BrokerUnavailable: If that is not confirmed within the time limit; then it is as if not called.
        """
        if self._closed:
            raise BrokerUnavailable(f"the connection to {self._url} is closed")
        if topic in self._wanted and topic not in self._waiters:
            return
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wanted.add(topic)
        self._waiters.setdefault(topic, []).append(confirmed)
        self._ensure_running()
        line = self._line
        try:
            async with asyncio.timeout(self._timeout_s):
                if line is not None:
                    await self._listen(line, [topic])  # of each who waits: the first one may give up before it is sent
                await confirmed
        except Exception as error:
            self._give_up(topic, confirmed)
            if not _of_the_connection(error, line):
                raise
            reason = self.fault or str(error) or f"no answer within {self._timeout_s:g} s"
            raise BrokerUnavailable(f"{self._url}: {reason}") from None
        except BaseException:
            self._give_up(topic, confirmed)
            raise

    def _give_up(self, topic: str, confirmed: asyncio.Future[None]) -> None:
        waiters = self._waiters.get(topic, [])
        if confirmed in waiters:
            waiters.remove(confirmed)
        if not waiters and topic in self._waiters:
            del self._waiters[topic]
            self._wanted.discard(topic)

    async def unsubscribe(self, topic: str) -> None:
        """Stop listening to a topic; what still comes is dropped."""
        self._wanted.discard(topic)
        for confirmed in self._waiters.pop(topic, ()):
            if not confirmed.done():
                confirmed.set_exception(BrokerUnavailable(f"{self._url}: unsubscribed while subscribing"))
        line = self._line
        if line is not None:
            try:
                await self._unlisten(line, topic, self._timeout_s)
            except Exception as error:
                if not _of_the_connection(error, line):
                    raise
                # The session ends of it, and the next one does not subscribe to this.

    async def close(self) -> None:
        """Disconnect; whoever waits gets `BrokerUnavailable`."""
        self._closed = True
        self._wanted.clear()
        for waiters in self._waiters.values():
            for confirmed in waiters:
                if not confirmed.done():
                    confirmed.set_exception(BrokerUnavailable(f"the connection to {self._url} was closed"))
        self._waiters.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    # Supervision

    def _ensure_running(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._supervise(), name="apistar: subscription")
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Somebody else ended the task: begin anew rather than be deaf."""
        self._task = None
        if not self._closed and not task.get_loop().is_closed():
            self.restarts += 1
            log.error("the subscription to %s was ended from outside and starts again", self._url)
            self._lost("ended from outside")
            self._ensure_running()

    async def _supervise(self) -> None:
        delay_s = FIRST_DELAY_S
        while True:
            line = self._make_line()
            try:
                await self._session(line)
            except Exception as error:
                if not self.fault:
                    delay_s = FIRST_DELAY_S
                if _of_the_connection(error, line):
                    if not self.fault:
                        log.warning("lost the subscription to %s (%s); connecting again", self._url, error)
                    self._lost(str(error) or type(error).__name__)
                else:
                    self.restarts += 1
                    log.exception("fault in the subscription to %s; it starts again", self._url)
                    self._lost(f"{type(error).__name__} in the subscription")
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))
            delay_s = min(delay_s * 2, MAX_DELAY_S)

    def _lost(self, fault: str) -> None:
        self.fault = fault
        if not self._interrupted:
            self._interrupted = True
            self._on_interrupted()

    async def _session(self, line: Line) -> None:
        """Connect, subscribe to everything, read until the connection ends."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await line.open()
            self._unconfirmed.clear()
            self._line = line
            missing = set(self._wanted)
            async with asyncio.timeout(self._timeout_s):
                wanted = sorted(missing)
                for start in range(0, len(wanted), TOPICS_PER_COMMAND):
                    await self._listen(line, wanted[start : start + TOPICS_PER_COMMAND])
            silent = False
            while True:
                if not missing and (self._interrupted or self.fault):
                    self._found()
                heard = await line.receive(PING_INTERVAL_S)
                if heard is not None:
                    silent = False
                    for topic, message in heard:
                        if message is None:
                            await self._confirmed(line, topic, missing)
                        elif topic in self._wanted:
                            self._on_message(topic, message)
                elif silent:
                    raise TimeoutError(f"no answer to PING within {PING_INTERVAL_S:g} s")
                else:
                    silent = True
                    await self._ask(line)
        finally:
            self._line = None
            await line.close()

    def _found(self) -> None:
        self.fault = ""
        self._interrupted = False
        log.info("subscribed to %s again", self._url)
        self._on_resumed()

    async def _confirmed(self, line: Line, topic: str, missing: set[str]) -> None:
        self._unconfirmed[topic] -= 1
        if self._unconfirmed[topic] > 0:
            return  # an older subscription, unsubscribed meanwhile; the confirmation of the newest counts
        del self._unconfirmed[topic]
        missing.discard(topic)
        for confirmed in self._waiters.pop(topic, ()):
            if not confirmed.done():
                confirmed.set_result(None)
        if topic not in self._wanted:  # who wanted it gave up meanwhile
            await self._unlisten(line, topic, PING_INTERVAL_S)

    async def _listen(self, line: Line, topics: Sequence[str]) -> None:
        async with self._sending:
            if line is not self._line:
                return  # the next session subscribes to what is wanted then
            self._unconfirmed.update(topics)
            await line.listen(topics)

    async def _unlisten(self, line: Line, topic: str, timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s), self._sending:
            if line is self._line and topic not in self._wanted:
                await line.unlisten(topic)

    async def _ask(self, line: Line) -> None:
        async with asyncio.timeout(PING_INTERVAL_S), self._sending:
            await line.ask()


def _of_the_connection(error: Exception, line: Line | None) -> bool:
    return isinstance(error, OSError) or (line is not None and isinstance(error, line.faults))
