"""
A broker on Redis, or on what speaks like it (Valkey): publications reach every process, and outlive each of them.

A process has two connections: commands go in rounds over one (`redis_commands.py`), the other listens
(`redis_line.py`). Everything that must be one step is a script (`redis_scripts.py`).

What Redis itself may lose is lost here too: writes since the last fsync if its machine dies, writes that a replica had
not seen when it was promoted. A topic whose position is lost begins a new epoch. One that counts on from an older
position gives its offsets again, but each publication has a tag of its own and names the one before it.

Sources: Redis' documentation of pub/sub and streams; redis-py 6 to 8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ..exceptions import ConfigurationError
from .broker import TIMEOUT_S
from .broker_url import check_url, without_credentials
from .records import IDEMPOTENCY_TTL_S, History, Page, Position, PresenceEvent, Publication
from .redis_commands import RedisCommands, script_call
from .redis_line import RedisLine
from .redis_messages import channel_of, parse, plain, position_of
from .redis_scripts import ENTER, LEAVE, MEMBERS, PUBLISH, PUBLISH_ONCE, READ, SWEEP
from .remote import SEATS_TTL_S, RemoteBroker, asked_since, new_epoch, position_ttl_s


class RedisBroker(RemoteBroker):
    """
    One Redis.

    Raises:
        ConfigurationError: If the URL is none that Redis knows.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        check_url(url, "redis://user:password@host:6379")
        self._commands = RedisCommands(_pool(url, timeout_s), without_credentials(url), timeout_s)
        self._listening_pool = _pool(url, timeout_s)
        super().__init__(url, timeout_s=timeout_s, commands=self._commands)

    def line(self) -> RedisLine:
        return RedisLine(self._listening_pool)

    def parse(self, message: bytes) -> Publication | PresenceEvent:
        return parse(message)

    async def probe(self) -> None:
        await self._commands.call(("PING",))

    async def close(self) -> None:
        await super().close()
        await self._listening_pool.disconnect()

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
        key = channel_of(topic)
        once = [] if idempotency_key is None else [f"{key}:once:{idempotency_key}"]
        if history is not None:
            written = await self._commands.call(
                script_call(
                    PUBLISH,
                    [f"{key}:position", f"{key}:log", *once],
                    [
                        *(new_epoch(), key, payload, history.size, _ms(history.ttl_s)),
                        *(_ms(position_ttl_s(history)), _ms(idempotency_ttl_s)),
                    ],
                )
            )
            return position_of(written) if written else None  # the key stands for one without history
        if once:
            await self._commands.call(script_call(PUBLISH_ONCE, once, [key, plain(payload), _ms(idempotency_ttl_s)]))
        else:
            await self._commands.call(("PUBLISH", key, plain(payload)))
        return None

    async def read(self, topic: str, history: History, since: Position | None = None) -> Page:
        key = channel_of(topic)
        position, found = await self._commands.call(
            script_call(
                READ,
                [f"{key}:position", f"{key}:log"],
                [
                    *(new_epoch(), _ms(position_ttl_s(history))),
                    *asked_since(since),
                    *(history.size, _ms(history.ttl_s)),
                ],
            )
        )
        return Page(
            position_of(position),
            tuple(Publication(payload, position_of(place), before.decode()) for payload, place, before in found),
        )

    async def positions(self, topics: Sequence[str]) -> list[Position | None]:
        commands = [("HMGET", f"{channel_of(topic)}:position", "epoch", "offset", "tag") for topic in topics]
        return [
            None if epoch is None else Position(epoch.decode(), int(offset or 0), (tag or b"").decode())
            for epoch, offset, tag in (await self._commands.call_all(commands) if commands else ())
        ]

    # Presence

    async def enter(self, topic: str, members: Sequence[str], seat: str, ttl_s: float, max_members: int) -> bool:
        if not members:
            return True
        arguments: list[str | bytes | int] = [
            channel_of(topic),
            seat,
            _ms(ttl_s),
            _ms(ttl_s + SEATS_TTL_S),
            max_members,
            *members,
        ]
        return bool(await self._commands.call(script_call(ENTER, _seats(topic), arguments)))

    async def leave(self, topic: str, member: str, seat: str, grace_s: float) -> None:
        await self._commands.call(
            script_call(LEAVE, _seats(topic), [channel_of(topic), f"{seat}:{member}", _ms(grace_s)])
        )

    async def sweep(self, topics: Sequence[str]) -> None:
        if topics:
            await self._commands.call_all([script_call(SWEEP, _seats(topic), [channel_of(topic)]) for topic in topics])

    async def members(self, topic: str) -> list[str]:
        places = await self._commands.call(script_call(MEMBERS, _seats(topic)[:1], []))
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


def _seats(topic: str) -> list[str]:
    return [f"{channel_of(topic)}:seats", f"{channel_of(topic)}:present"]


def _ms(duration_s: float) -> int:
    return math.ceil(duration_s * 1000)
