"""
A broker on Redis, or on what speaks like it (Valkey): publications reach every process, and outlive each of them.

A process has two connections: commands go in rounds over one (`redis_commands.py`), the other listens
(`redis_subscription.py`). Everything that must be one step is a script (`redis_scripts.py`).

What Redis itself may lose is lost here too: writes since the last fsync if its machine dies, writes that a replica had
not seen when it was promoted. A topic whose position is lost begins a new epoch.

Sources: Redis' documentation of pub/sub and streams; redis-py 6 to 8.
"""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Sequence
from typing import Final

from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ..exceptions import ConfigurationError
from .broker import POSITION_TTL_S, TIMEOUT_S, Broker
from .broker_url import check_redis_url
from .records import IDEMPOTENCY_TTL_S, Health, History, Page, Position, Publication
from .redis_commands import RedisCommands, script_call
from .redis_messages import parse, plain, position_of
from .redis_scripts import ENTER, LEAVE, MEMBERS, PUBLISH, PUBLISH_ONCE, READ, SWEEP
from .redis_subscription import RedisSubscription

log: Final = logging.getLogger("apistar.channels")

SEATS_TTL_S: Final = 3600.0
"""How much longer than the last seat its keys live, so that somebody can announce who left."""


class RedisBroker(Broker):
    """
    One Redis.

    Raises:
        ConfigurationError: If the URL is none that Redis knows.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        check_redis_url(url)
        super().__init__(url, timeout_s=timeout_s)
        self._commands = RedisCommands(_pool(url, timeout_s), self.url, timeout_s)
        self._subscription = RedisSubscription(
            _pool(url, timeout_s),
            self.url,
            timeout_s,
            self._take,
            lambda: self.listener.on_interrupted(),
            lambda: self.listener.on_resumed(),
        )
        self._topics: dict[bytes, str] = {}

    async def start(self) -> None:
        try:
            await self._commands.call("PING")
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        await self._subscription.close()
        await self._commands.close()
        self._topics.clear()

    def health(self) -> Health:
        fault = self._subscription.fault or self._commands.fault
        return Health(not fault, fault, self._subscription.restarts)

    def _take(self, channel: bytes, message: bytes) -> None:
        topic = self._topics.get(channel)
        if topic is None:
            return
        try:
            said = parse(message)
        except ValueError as error:
            log.warning("topic %r of %s: %s; it is dropped", topic, self.url, error)
            return
        if isinstance(said, Publication):
            self.listener.on_publication(topic, said)
        else:
            self.listener.on_presence(topic, said)

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
        key = _key(topic)
        once = [] if idempotency_key is None else [f"{key}:once:{idempotency_key}"]
        if history is not None:
            written = await self._commands.call(
                *script_call(
                    PUBLISH,
                    [f"{key}:position", f"{key}:log", *once],
                    [
                        *(_epoch(), key, payload, history.size, _ms(history.ttl_s)),
                        *(_position_ttl_ms(history), _ms(idempotency_ttl_s)),
                    ],
                )
            )
            return position_of(written) if written else None  # the key stands for one without history
        if once:
            await self._commands.call(*script_call(PUBLISH_ONCE, once, [key, plain(payload), _ms(idempotency_ttl_s)]))
        else:
            await self._commands.call("PUBLISH", key, plain(payload))
        return None

    async def subscribe(self, topic: str) -> None:
        channel = _key(topic).encode()
        self._topics[channel] = topic
        try:
            await self._subscription.subscribe(channel)
        except BaseException:
            if not self._subscription.wants(channel):
                self._topics.pop(channel, None)
            raise

    async def unsubscribe(self, topic: str) -> None:
        channel = _key(topic).encode()
        self._topics.pop(channel, None)
        await self._subscription.unsubscribe(channel)

    async def read(self, topic: str, history: History, since: Position | None = None) -> Page:
        key = _key(topic)
        epoch, offset, found = await self._commands.call(
            *script_call(
                READ,
                [f"{key}:position", f"{key}:log"],
                [
                    *(_epoch(), _position_ttl_ms(history)),
                    *(("", 0) if since is None else (since.epoch, since.offset)),
                    *(history.size, _ms(history.ttl_s)),
                ],
            )
        )
        name = epoch.decode()
        publications = tuple(
            Publication(payload, Position(name, int(number.partition(b"-")[0]))) for number, payload in found
        )
        return Page(Position(name, int(offset)), publications)

    async def positions(self, topics: Sequence[str]) -> list[Position | None]:
        commands = [("HMGET", f"{_key(topic)}:position", "epoch", "offset") for topic in topics]
        return [
            None if epoch is None else Position(epoch.decode(), int(offset or 0))
            for epoch, offset in (await self._commands.call_all(commands) if commands else ())
        ]

    # Presence

    async def enter(self, topic: str, members: Sequence[str], seat: str, ttl_s: float, max_members: int) -> bool:
        if not members:
            return True
        arguments: list[str | bytes | int] = [
            _key(topic),
            seat,
            _ms(ttl_s),
            _ms(ttl_s + SEATS_TTL_S),
            max_members,
            *members,
        ]
        return bool(await self._commands.call(*script_call(ENTER, _seats(topic), arguments)))

    async def leave(self, topic: str, member: str, seat: str, grace_s: float) -> None:
        await self._commands.call(*script_call(LEAVE, _seats(topic), [_key(topic), f"{seat}:{member}", _ms(grace_s)]))

    async def sweep(self, topics: Sequence[str]) -> None:
        if topics:
            await self._commands.call_all([script_call(SWEEP, _seats(topic), [_key(topic)]) for topic in topics])

    async def members(self, topic: str) -> list[str]:
        places = await self._commands.call(*script_call(MEMBERS, _seats(topic)[:1], []))
        return sorted({place.decode().partition(":")[2] for place in places})


def _pool(url: str, timeout_s: float) -> ConnectionPool:
    try:
        return ConnectionPool.from_url(
            url,
            protocol=2,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),  # a publish that is sent again is a second publication
            client_name="apistar",
        )
    except ValueError as error:
        raise ConfigurationError(f"broker: {error}") from None


def _key(topic: str) -> str:
    """The prefix of a topic's keys, and its channel; the braces make it one hash tag of a Redis Cluster."""
    safe = topic.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")
    return f"apistar:{{{safe}}}"


def _seats(topic: str) -> list[str]:
    return [f"{_key(topic)}:seats", f"{_key(topic)}:present"]


def _epoch() -> str:
    return secrets.token_hex(8)


def _ms(duration_s: float) -> int:
    return math.ceil(duration_s * 1000)


def _position_ttl_ms(history: History) -> int:
    """A position outlives the log that it counts."""
    return _ms(max(POSITION_TTL_S, history.ttl_s))
