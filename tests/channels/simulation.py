"""
Sockets and a network in memory, for tests of what a hub does when things go wrong.

`Network` is one engine with several processes on it; it can lose its data, or come back with older ones. Each process
has a `Line`, a broker whose connection can be cut and mended, and which can lose deliveries without a word. What an
engine does right is `MemoryBroker`'s business.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from msgspec import structs
from starlette.requests import HTTPConnection

from apistar import WebSocket
from apistar.channels import Broker, Health, History, Hub, MemoryBroker, Page, Position, PresenceEvent, Publication
from apistar.channels.broker import Listener
from apistar.channels.memory import _Record
from apistar.exceptions import BrokerUnavailable, WebSocketDisconnect
from apistar.limits import Limits
from apistar.observer import Observer
from apistar.transports.transport import Capability, Ending, HeaderList, Initiator, OnEnd, Prepared
from apistar.types import BytesLike, Data


class FakeTransport:
    """
    A connection that takes what it is sent, or nothing while it is `blocked`.

    Attributes:
        taken: Payloads, in order.
        batches: How many messages each prepared send had.
    """

    capabilities = Capability.WIRE_LIMITS
    waiting_bytes = 0
    send_short = None

    def __init__(self) -> None:
        self.ending: Ending | None = None
        self.taken: list[bytes] = []
        self.batches: list[int] = []
        self.blocked = False
        self.fault: Exception | None = None
        self._writable: Callable[[], None] | None = None
        self._on_end: OnEnd | None = None

    def bind(self, on_end: OnEnd, limits: Limits, observer: Observer | None, route: str) -> None:
        self._on_end = on_end

    async def accept(self, subprotocol: str | None, headers: HeaderList) -> None: ...
    async def reject(self, status: int, headers: HeaderList, body: bytes) -> None: ...

    def receive_nowait(self) -> Data | None:
        return None

    async def receive(self, iterating: bool = False, decode: Callable[[Data], Any] | None = None) -> Any:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    def send(self, data: str | BytesLike, text: bool) -> Awaitable[None] | None:
        self._check()
        self.taken.append(data.encode() if isinstance(data, str) else bytes(data))
        return None

    def send_nowait(self, data: str | BytesLike, text: bool) -> None:
        self.send(data, text)

    def send_prepared(self, prepared: Prepared) -> bool:
        self._check()
        if self.fault is not None:
            raise self.fault
        if self.blocked:
            return False
        self.batches.append(len(prepared.messages))
        self.taken += [payload for payload, _ in prepared.messages]
        return True

    def call_when_writable(self, callback: Callable[[], None]) -> None:
        self._writable = callback

    def unblock(self) -> None:
        self.blocked = False
        callback, self._writable = self._writable, None
        if callback is not None:
            callback()

    def _check(self) -> None:
        if self.ending is not None:
            raise WebSocketDisconnect(self.ending.code, self.ending.reason)

    async def close(self, code: int, reason: str) -> None:
        self.abort(code, reason)

    def abort(self, code: int = 1006, reason: str = "") -> None:
        if self.ending is None:
            self.ending = Ending(code, reason, Initiator.LOCAL)
            if self._on_end is not None:
                self._on_end(self.ending)

    async def wait_closed(self) -> None: ...


async def socket(transport: FakeTransport | None = None) -> tuple[WebSocket[Any, Any], FakeTransport]:
    """A connected WebSocket on a fake transport."""
    transport = transport or FakeTransport()
    websocket: WebSocket[Any, Any] = WebSocket(transport, HTTPConnection({"type": "websocket", "path": "/"}))
    transport.bind(websocket.on_end, Limits(), None, "/")
    await websocket.connect()
    return websocket, transport


class Record(_Record):
    """
    A topic of an engine that may come back with older data.

    Attributes:
        tags: By offset.
    """

    __slots__ = ("tags",)

    def __init__(self) -> None:
        super().__init__()
        self.tags = [""]

    @property
    def position(self) -> Position:
        return structs.replace(super().position, tag=self.tags[self._offset])

    def append(self, payload: bytes, history: History, now: float) -> Publication:
        self.tags.append(secrets.token_hex(4))
        publication = structs.replace(super().append(payload, history, now), previous=self.tags[-2])
        assert self._entries is not None
        made, ends, _ = self._entries.pop()
        self._entries.append((made, ends, publication))
        return publication

    def rewind(self, publications: int) -> None:
        self._offset = max(0, self._offset - publications)
        del self.tags[self._offset + 1 :]
        for _ in range(min(publications, len(self._entries or ()))):
            assert self._entries is not None
            self._entries.pop()


class Engine(MemoryBroker):
    """One that has such topics."""

    def _record(self, topic: str) -> _Record:
        self._records.setdefault(topic, Record())
        return super()._record(topic)


class Network:
    """
    An engine, and who is connected to it.

    Attributes:
        watch: Called with each publication before anybody else is.
    """

    def __init__(self) -> None:
        self.engine = Engine()
        self.engine.listener = self
        self.lines: list[Line] = []
        self.watch: Callable[[str, Publication], None] = lambda topic, publication: None

    def process(self) -> tuple[Line, Hub]:
        line = Line(self)
        self.lines.append(line)
        return line, Hub(line)

    def wipe(self) -> None:
        """The engine comes back without its data."""
        self.engine._records.clear()
        self.engine._seats.clear()

    def rewind(self, topic: str, publications: int) -> None:
        """The engine comes back with older data: the newest publications are gone, its epoch is the same."""
        record = self.engine._records.get(topic)
        if isinstance(record, Record):
            record.rewind(publications)

    def on_publication(self, topic: str, publication: Publication) -> None:
        self.watch(topic, publication)
        for line in self.lines:
            line.arrive(topic, publication)

    def on_presence(self, topic: str, event: PresenceEvent) -> None:
        for line in self.lines:
            line.arrive(topic, event)

    def on_interrupted(self) -> None: ...
    def on_resumed(self) -> None: ...
    async def stop(self) -> None: ...


class Line(Broker):
    """
    One process's connection.

    Attributes:
        up: Otherwise every call fails, and nothing arrives.
        turns: Of the event loop that a call takes on its way there, and again back.
        lossy: Deliveries are lost, and nobody says so.
        topics: Subscribed to.
    """

    def __init__(self, network: Network) -> None:
        super().__init__("line://")
        self.network = network
        self.up = True
        self.lossy = False
        self.turns = 1
        self.topics: set[str] = set()
        self._coming: deque[tuple[str, Publication | PresenceEvent]] = deque()

    def arrive(self, topic: str, what: Publication | PresenceEvent) -> None:
        if self.up and not self.lossy and topic in self.topics:
            self._coming.append((topic, what))
            asyncio.get_running_loop().call_soon(self._hand_on)

    def _hand_on(self) -> None:
        if self._coming:
            topic, what = self._coming.popleft()
            listener: Listener = self.listener
            if isinstance(what, Publication):
                listener.on_publication(topic, what)
            else:
                listener.on_presence(topic, what)

    def cut(self) -> None:
        if self.up:
            self.up = False
            self._coming.clear()
            self.listener.on_interrupted()

    def mend(self) -> None:
        if not self.up:
            self.up = True
            self.listener.on_resumed()

    async def _travel(self) -> None:
        for _ in range(self.turns):
            await asyncio.sleep(0)

    async def _call(self) -> MemoryBroker:
        await self._travel()
        if not self.up:
            raise BrokerUnavailable("the line is cut")
        return self.network.engine

    async def start(self) -> None: ...

    async def close(self) -> None:
        self.topics.clear()

    def health(self) -> Health:
        return Health(self.up)

    async def publish(
        self,
        topic: str,
        payload: bytes,
        history: History | None = None,
        *,
        idempotency_key: str | None = None,
        idempotency_ttl_s: float = 300,
    ) -> Position | None:
        engine = await self._call()
        await engine.subscribe(topic)
        return await engine.publish(
            topic, payload, history, idempotency_key=idempotency_key, idempotency_ttl_s=idempotency_ttl_s
        )

    async def subscribe(self, topic: str) -> None:
        await (await self._call()).subscribe(topic)
        self.topics.add(topic)

    async def unsubscribe(self, topic: str) -> None:
        self.topics.discard(topic)
        await self._call()

    async def read(self, topic: str, history: History, since: Position | None = None) -> Page:
        page = await (await self._call()).read(topic, history, since)
        await self._travel()
        return page

    async def positions(self, topics: Sequence[str]) -> list[Position | None]:
        return await (await self._call()).positions(topics)

    async def enter(self, topic: str, members: Sequence[str], seat: str, ttl_s: float, max_members: int) -> bool:
        return await (await self._call()).enter(topic, members, seat, ttl_s, max_members)

    async def leave(self, topic: str, member: str, seat: str, grace_s: float) -> None:
        await (await self._call()).leave(topic, member, seat, grace_s)

    async def sweep(self, topics: Sequence[str]) -> None:
        await (await self._call()).sweep(topics)

    async def members(self, topic: str) -> list[str]:
        return await (await self._call()).members(topic)
