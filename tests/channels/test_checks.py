"""What a hub looks for by itself: publications that were lost in silence, positions that would be forgotten."""

from __future__ import annotations

import asyncio

import pytest

from apistar.channels import Broker, Channel, History, Hub
from apistar.channels import hub as hub_module
from tests.channels.engines import EVERY_ENGINE, SHARED
from tests.channels.simulation import Network
from tests.transports.wire import until


class Room(Channel[int]):
    topic = "room"
    history = History(ttl_s=0.1)


async def test_publication_that_is_lost_in_silence_is_found_within_the_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where another one came just before it: the topic has not been quiet for long then."""
    monkeypatch.setattr(hub_module, "CHECK_INTERVAL_S", 1.0)
    monkeypatch.setattr(Room, "history", History())
    network = Network()
    line, hub = network.process()
    async with Room(hub).subscribe() as publications:
        await Room(hub).publish(1)
        assert (await anext(publications)).data == 1
        line.lossy = True
        await Room(hub).publish(2)
        line.lossy = False
        async with asyncio.timeout(1.4):
            assert (await anext(publications)).data == 2
    await hub.stop()


@pytest.mark.parametrize("name", EVERY_ENGINE)
async def test_topic_that_is_followed_and_quiet_keeps_its_position(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else everybody would be told once a day that something is lost, and nothing is."""
    engine = SHARED[name]()
    await asyncio.to_thread(engine.flush)
    for module in ("remote", "hub"):
        monkeypatch.setattr(f"apistar.channels.{module}.POSITION_TTL_S", 0.8)
    monkeypatch.setattr(hub_module, "CHECK_INTERVAL_S", 0.1)
    if name == "postgresql":
        monkeypatch.setattr("apistar.channels.postgresql_commands.TIDY_EVERY_S", 0.0)
    broker = Broker.connect(engine.url)
    hub = Hub(broker)
    async with broker, Room(hub).subscribe() as publications:
        first = await Room(hub).publish(1)
        assert (await anext(publications)).position == first
        await asyncio.sleep(2)  # over twice the ttl, by the engine's clock, which no test can move
        second = await Room(hub).publish(2)
        assert (await anext(publications)).position == second
        assert (second.epoch, second.offset) == (first.epoch, 2)


async def test_topic_that_is_opened_again_while_it_is_closed_begins_where_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was published in between was not heard here."""
    network = Network()
    line, hub = network.process()
    subscribed, unsubscribe = asyncio.Event(), line.unsubscribe

    async def slow(topic: str) -> None:
        await unsubscribe(topic)
        await subscribed.wait()

    monkeypatch.setattr(line, "unsubscribe", slow)
    async with Room(hub).subscribe():
        await Room(hub).publish(1)
    [topic] = hub._topics.values()
    await until(lambda: not line.topics, "it is being closed")
    _, other = network.process()
    newest = await Room(other).publish(2)
    opening = asyncio.ensure_future(Room(hub).subscribe().__aenter__())
    await asyncio.sleep(0)
    assert list(hub._topics.values()) == [topic], "it is the same one, not closed yet"
    subscribed.set()
    assert (await opening).position == newest
    for one in (hub, other):
        await one.stop()
