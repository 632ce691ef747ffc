"""
A Redis that comes back with older data: the newest publications never reached the replica that was promoted.

It counts on from where it was, in the same epoch, and gives offsets again that subscribers and clients have seen with
other content. Real processes here; every interleaving of such an engine with what else can happen is in
`test_delivery.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from apistar.channels import REJOIN, Broker, Channel, History, Hub, Position, Published
from apistar.exceptions import BrokerUnavailable, PublicationsLost
from tests.channels.detour import detour
from tests.channels.redis_server import RedisServer, redis_server
from tests.channels.simulation import socket
from tests.transports.wire import until

pytestmark = pytest.mark.requires("redis")

LOST = 3


class Log(Channel[int]):
    topic = "log"
    history = History(size=100)


@pytest.fixture
def master(tmp_path: Path) -> Iterator[RedisServer]:
    (tmp_path / "master").mkdir()
    with redis_server(tmp_path / "master", "--repl-diskless-sync-delay", "0") as server:
        yield server


@pytest.fixture
def replica(tmp_path: Path, master: RedisServer) -> Iterator[RedisServer]:
    (tmp_path / "replica").mkdir()
    with redis_server(tmp_path / "replica", "--replicaof", "127.0.0.1", str(master.port)) as server:
        yield server


@contextlib.asynccontextmanager
async def hub_at(url: str) -> AsyncIterator[Hub]:
    broker = Broker.connect(url)
    hub = Hub(broker)
    async with broker:
        yield hub


async def diverge(master: RedisServer, replica: RedisServer, hub: Hub) -> tuple[Position, Position]:
    """Publish what both have, promote the replica, publish what it never gets; the last position of each."""
    both = [await Log(hub).publish(number) for number in range(2)]
    with replica.client() as client, master.client() as source:
        source.execute_command("WAIT", 1, 10_000)
        client.execute_command("REPLICAOF", "NO", "ONE")
    lost = [await Log(hub).publish(10 + number) for number in range(LOST)]
    return both[-1], lost[-1]


async def publish_again(url: str, count: int) -> None:
    """As a process does that came to the promoted replica before all others."""
    async with hub_at(url) as other:
        for number in range(count):
            await Log(other).publish(20 + number)


@pytest.mark.parametrize("again", range(LOST + 3))
async def test_everybody_who_saw_what_is_lost_is_told(master: RedisServer, replica: RedisServer, again: int) -> None:
    """However many publications have taken the offsets of the lost ones before this process comes to the replica."""
    async with detour(master.port) as way, hub_at(f"redis://127.0.0.1:{way.port}") as hub:
        websocket, transport = await socket()
        async with Log(hub).join(websocket), Log(hub).subscribe() as publications:
            _, last = await diverge(master, replica, hub)
            await until(lambda: len(transport.taken) == 2 + LOST, "delivered")
            await publish_again(replica.url, again)
            way.lead_to(replica.port)
            await until(lambda: websocket.close_code == REJOIN, "told")
            seen = [(await anext(publications)).data for _ in range(2 + LOST)]
            with pytest.raises(PublicationsLost):
                await anext(publications)
        assert seen == [0, 1, 10, 11, 12]
        assert [int(payload) for payload in transport.taken] == seen
        comer, taken = await socket()
        async with Log(hub).join(comer, since=last) as joined:
            assert not joined.recovered
            assert joined.position.offset == 2 + again
        assert taken.taken == []


async def test_client_that_saw_nothing_of_what_is_lost_is_recovered(master: RedisServer, replica: RedisServer) -> None:
    async with detour(master.port) as way, hub_at(f"redis://127.0.0.1:{way.port}") as hub:
        before, _ = await diverge(master, replica, hub)
        await publish_again(replica.url, LOST)
        way.lead_to(replica.port)
        websocket, transport = await socket()
        async with Log(await available(hub)).join(websocket, since=before) as joined:
            assert joined.recovered
        assert [int(payload) for payload in transport.taken] == [20, 21, 22]


async def test_publish_that_is_repeated_with_its_key_is_made_again_if_it_was_lost(
    master: RedisServer, replica: RedisServer
) -> None:
    """Key and publication are lost together: who saw the first one is told, all others see it once."""
    async with detour(master.port) as way, hub_at(f"redis://127.0.0.1:{way.port}") as hub:
        websocket, transport = await socket()
        async with Log(hub).join(websocket):
            await diverge(master, replica, hub)
            first = await Log(hub).publish(99, idempotency_key="order 7")
            assert await Log(hub).publish(99, idempotency_key="order 7") == first
            await publish_again(replica.url, LOST)
            way.lead_to(replica.port)
            second = await Log(await available(hub)).publish(99, idempotency_key="order 7")
            assert (second.epoch, second.offset) == (first.epoch, first.offset)
            assert second != first
            await until(lambda: websocket.close_code == REJOIN, "told")
        assert [int(payload) for payload in transport.taken].count(99) == 1
        recent: list[Published[Any]] = await Log(hub).recent()
        assert [one.data for one in recent] == [0, 1, 20, 21, 22, 99]


async def available(hub: Hub) -> Hub:
    """Until the broker answers again, as an application that tries again would see it."""
    async with asyncio.timeout(10):
        while True:
            try:
                await hub.broker.positions(["probe"])
                return hub
            except BrokerUnavailable:
                await asyncio.sleep(0.01)
