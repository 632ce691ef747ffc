"""
Which brokers there are: each gives a world in which brokers of several processes meet.

To run the contract over one more engine, write a `World` and add it to WORLDS.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from apistar.channels import Broker, MemoryBroker, Position, PresenceEvent, Publication
from tests.channels.engines import SHARED, require


class Recorder:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.publications: list[tuple[str, Publication]] = []
        self.presence: list[tuple[str, str, bool]] = []
        self.interruptions: list[str] = []

    def on_publication(self, topic: str, publication: Publication) -> None:
        self.publications.append((topic, publication))

    def on_presence(self, topic: str, event: PresenceEvent) -> None:
        self.presence.append((topic, event.member, event.joined))

    def on_interrupted(self) -> None:
        self.interruptions.append("interrupted")

    def on_resumed(self) -> None:
        self.interruptions.append("resumed")

    async def stop(self) -> None: ...

    def payloads(self, topic: str) -> list[bytes]:
        """What came on a topic, in order."""
        return [publication.payload for name, publication in self.publications if name == topic]


def place(position: Position | None) -> tuple[str, int] | None:
    """A position without its tag, which each engine makes up."""
    return None if position is None else (position.epoch, position.offset)


class World(Protocol):
    """
    One engine with nothing in it.

    Attributes:
        shared: Whether brokers of several processes meet in it; if not, `broker()` gives the same one each time.
    """

    shared: bool

    async def broker(self) -> tuple[Broker, Recorder]:
        """A started broker, as another process would have it, and its listener."""

    async def pass_time(self, seconds: float) -> None:
        """Let the engine's clock go on."""


class MemoryWorld:
    """Turns the broker's clock by hand."""

    shared = False

    def __init__(self) -> None:
        self.now = 1000.0
        self._broker = MemoryBroker(clock=lambda: self.now)
        self._recorder = Recorder()
        self._broker.listener = self._recorder

    async def broker(self) -> tuple[Broker, Recorder]:
        await self._broker.start()
        return self._broker, self._recorder

    async def pass_time(self, seconds: float) -> None:
        self.now += seconds


@contextlib.asynccontextmanager
async def memory() -> AsyncIterator[World]:
    world = MemoryWorld()
    yield world
    broker, _ = await world.broker()
    await broker.close()


class EngineWorld:
    """Connects anew for each broker; time is the engine's own."""

    shared = True

    def __init__(self, url: str) -> None:
        self._url = url
        self._brokers: list[Broker] = []

    async def broker(self) -> tuple[Broker, Recorder]:
        recorder = Recorder()
        broker = Broker.connect(self._url)
        broker.listener = recorder
        await broker.start()
        self._brokers.append(broker)
        return broker, recorder

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        for broker in self._brokers:
            await broker.close()


def _engine(name: str) -> Callable[[], AbstractAsyncContextManager[World]]:
    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[World]:
        require(name)
        engine = SHARED[name]()
        await asyncio.to_thread(engine.flush)
        world = EngineWorld(engine.url)
        yield world
        await world.close()

    return opened


WORLDS: dict[str, Callable[[], AbstractAsyncContextManager[World]]] = {
    "memory": memory,
    **{name: _engine(name) for name in SHARED},
}
