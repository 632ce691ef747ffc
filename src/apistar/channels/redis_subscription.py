"""
The subscriptions of a process: one connection, and a task that never leaves it deaf.

The task connects, subscribes to everything that is wanted, and reads. Whatever happens to the connection it says so,
and starts again; an error in what it calls is logged and counted, and it starts again too. A Redis that hangs is found
by a PING that nobody answers.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from ..exceptions import BrokerUnavailable

PING_INTERVAL_S: Final = 5.0
"""Of silence; then a PING, which must be answered within the same time."""
FIRST_DELAY_S: Final = 0.05
MAX_DELAY_S: Final = 2.0
"""Between two attempts to connect: doubled each time, up to this, and spread by up to a half."""
CHANNELS_PER_COMMAND: Final = 500

log: Final = logging.getLogger("apistar.channels")


class RedisSubscription:
    """
    Subscribes and listens.

    Args:
        on_message: Called with channel and message. What it raises ends the session, not the subscription.
        on_interrupted, on_resumed: As of the broker's listener.

    Attributes:
        fault: Why it does not listen now, in words; empty while it does, and before the first subscription.
        restarts: After an error that was not the connection's.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        url: str,
        timeout_s: float,
        on_message: Callable[[bytes, bytes], None],
        on_interrupted: Callable[[], None],
        on_resumed: Callable[[], None],
    ) -> None:
        self._pool = pool
        self._url = url
        self._timeout_s = timeout_s
        self._on_message = on_message
        self._on_interrupted = on_interrupted
        self._on_resumed = on_resumed
        self._wanted: set[bytes] = set()
        self._unconfirmed: Counter[bytes] = Counter()
        self._waiters: dict[bytes, list[asyncio.Future[None]]] = {}
        self._connection: Any = None
        self._sending = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._interrupted = False
        self.fault = ""
        self.restarts = 0

    async def subscribe(self, channel: bytes) -> None:
        """
        Listen to a channel; from the return on.

        Raises:
            BrokerUnavailable: If that is not confirmed within the time limit; then it is as if not called.
        """
        if self._closed:
            raise BrokerUnavailable(f"the connection to {self._url} is closed")
        if channel in self._wanted and channel not in self._waiters:
            return
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        first = channel not in self._wanted
        self._wanted.add(channel)
        self._waiters.setdefault(channel, []).append(confirmed)
        self._ensure_running()
        try:
            async with asyncio.timeout(self._timeout_s):
                if first and self._connection is not None:
                    await self._send("SUBSCRIBE", [channel])
                await confirmed
        except (TimeoutError, RedisError, OSError) as error:
            self._give_up(channel, confirmed)
            reason = self.fault or str(error) or f"no answer within {self._timeout_s:g} s"
            raise BrokerUnavailable(f"{self._url}: {reason}") from None
        except BaseException:
            self._give_up(channel, confirmed)
            raise

    def _give_up(self, channel: bytes, confirmed: asyncio.Future[None]) -> None:
        waiters = self._waiters.get(channel, [])
        if confirmed in waiters:
            waiters.remove(confirmed)
        if not waiters and channel in self._waiters:
            del self._waiters[channel]
            self._wanted.discard(channel)

    def wants(self, channel: bytes) -> bool:
        """Whether it is subscribed to, or about to be."""
        return channel in self._wanted

    async def unsubscribe(self, channel: bytes) -> None:
        """Stop listening to a channel; what still comes is dropped."""
        self._wanted.discard(channel)
        for confirmed in self._waiters.pop(channel, ()):
            if not confirmed.done():
                confirmed.set_exception(BrokerUnavailable(f"{self._url}: unsubscribed while subscribing"))
        if self._connection is not None:
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._send("UNSUBSCRIBE", [channel])
            except (TimeoutError, RedisError, OSError):
                pass  # the session ends of it, and the next one does not subscribe to this

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
        await self._pool.disconnect()

    # Supervision

    def _ensure_running(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._supervise(), name="apistar: Redis subscription")
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
            try:
                await self._session()
            except (RedisError, OSError) as error:
                if not self.fault:
                    delay_s = FIRST_DELAY_S
                    log.warning("lost the subscription to %s (%s); connecting again", self._url, error)
                self._lost(str(error) or type(error).__name__)
            except Exception as fault:
                self.restarts += 1
                log.exception("fault in the subscription to %s; it starts again", self._url)
                self._lost(f"{type(fault).__name__} in the subscription")
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))
            delay_s = min(delay_s * 2, MAX_DELAY_S)

    def _lost(self, fault: str) -> None:
        self.fault = fault
        if not self._interrupted:
            self._interrupted = True
            self._on_interrupted()

    async def _session(self) -> None:
        """Connect, subscribe to everything, read until the connection ends."""
        async with asyncio.timeout(self._timeout_s):
            connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            self._unconfirmed.clear()
            self._connection = connection
            missing = set(self._wanted)
            async with asyncio.timeout(self._timeout_s):
                wanted = sorted(missing)
                for start in range(0, len(wanted), CHANNELS_PER_COMMAND):
                    await self._send("SUBSCRIBE", wanted[start : start + CHANNELS_PER_COMMAND])
            silent = False
            while True:
                if not missing and (self._interrupted or self.fault):
                    self._found()
                reply = await connection.read_response(timeout=PING_INTERVAL_S, disconnect_on_error=False)
                if reply is not None:
                    silent = False
                    missing.discard(self._take(reply))
                elif silent:
                    raise TimeoutError(f"no answer to PING within {PING_INTERVAL_S:g} s")
                else:
                    silent = True
                    await self._send("PING", ())
        finally:
            self._connection = None
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)

    def _found(self) -> None:
        self.fault = ""
        self._interrupted = False
        log.info("subscribed to %s again", self._url)
        self._on_resumed()

    def _take(self, reply: Any) -> bytes:
        """One push of Redis; the channel that it confirms as subscribed, or nothing."""
        if not isinstance(reply, list):
            return b""  # the answer to a PING while nothing is subscribed to
        kind, channel = reply[0], reply[1]
        if kind == b"message":
            if channel in self._wanted:
                self._on_message(channel, reply[2])
            return b""
        if kind != b"subscribe":
            return b""
        self._unconfirmed[channel] -= 1
        if self._unconfirmed[channel] > 0:
            return b""  # an older subscription, unsubscribed meanwhile; the confirmation of the newest counts
        del self._unconfirmed[channel]
        for confirmed in self._waiters.pop(channel, ()):
            if not confirmed.done():
                confirmed.set_result(None)
        return bytes(channel)

    async def _send(self, command: str, channels: Sequence[bytes]) -> None:
        async with self._sending:
            if self._connection is None:
                return  # the next session subscribes to what is wanted then
            if command == "SUBSCRIBE":
                self._unconfirmed.update(channels)
            await self._connection.send_packed_command(self._connection.pack_command(command, *channels))
