"""
What a broker on Redis does when Redis, or the way to it, fails: real processes, killed, stopped and cut off.

What the sockets of an application see of it is in `test_outages.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from apistar.channels import Broker, History, Publication, subscription
from apistar.exceptions import BrokerUnavailable
from tests.channels.redis_server import RedisServer, redis_server
from tests.contracts.brokers import Recorder, place
from tests.transports.wire import until

pytestmark = pytest.mark.requires("redis")

HISTORY = History(size=1000)
TIMEOUT_S = 0.5


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server(process: RedisServer) -> RedisServer:
    process.flush()
    return process


@contextlib.asynccontextmanager
async def connected(server: RedisServer) -> AsyncIterator[tuple[Broker, Recorder]]:
    broker, recorder = Broker.connect(server.url, timeout_s=TIMEOUT_S), Recorder()
    broker.listener = recorder
    async with broker:
        yield broker, recorder


async def available(broker: Broker) -> None:
    """Until it publishes again, as an application that tries again would see it."""
    async with asyncio.timeout(10):
        while True:
            try:
                await broker.publish("probe", b"")
                return
            except BrokerUnavailable:
                await asyncio.sleep(0.01)


async def test_redis_that_is_not_there_is_said_at_the_start(tmp_path: Path) -> None:
    broker = Broker.connect(RedisServer(tmp_path).url, timeout_s=TIMEOUT_S)
    with pytest.raises(BrokerUnavailable, match="redis://127"):
        await broker.start()
    with pytest.raises(BrokerUnavailable, match="closed"):
        await broker.publish("t", b"x")


@pytest.mark.parametrize("kept", [True, False])
async def test_redis_that_is_killed_and_comes_back(server: RedisServer, kept: bool) -> None:
    async with connected(server) as (broker, seen):
        await broker.subscribe("t")
        before = await broker.publish("t", b"before", HISTORY)
        assert before is not None
        server.kill()
        await until(lambda: seen.interruptions == ["interrupted"], "the loss was told")
        assert not broker.health().available
        with pytest.raises(BrokerUnavailable):
            await broker.publish("t", b"lost", HISTORY)
        if not kept:
            server.forget()
        server.start()
        await until(lambda: seen.interruptions == ["interrupted", "resumed"], "it was subscribed again")
        await available(broker)
        assert broker.health().available
        after = await broker.publish("t", b"after", HISTORY)
        assert after is not None
        await until(lambda: seen.payloads("t")[-1:] == [b"after"], "publications come again")
        page = await broker.read("t", HISTORY, before)
        if kept:
            assert place(after) == (before.epoch, 2)
            assert page.publications == (Publication(b"after", after, before.tag),)
            assert page.continues(before)
        else:
            assert after.epoch != before.epoch
            assert not page.continues(before)


async def test_publish_fails_in_bounded_time_while_redis_hangs(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "PING_INTERVAL_S", 0.2)
    async with connected(server) as (broker, seen):
        await broker.subscribe("t")
        server.pause()
        try:
            started = time.monotonic()
            failed = await asyncio.gather(
                *(broker.publish("t", b"x", HISTORY) for _ in range(20)),
                broker.read("t", HISTORY),
                broker.members("t"),
                broker.subscribe("u"),
                return_exceptions=True,
            )
            assert all(isinstance(error, BrokerUnavailable) for error in failed)
            assert time.monotonic() - started < 4 * TIMEOUT_S
            await until(lambda: seen.interruptions == ["interrupted"], "the silence was noticed")
        finally:
            server.resume()
        await until(lambda: seen.interruptions == ["interrupted", "resumed"], "it was subscribed again")
        await available(broker)
        await broker.publish("t", b"after", HISTORY)
        await until(lambda: seen.payloads("t")[-1:] == [b"after"], "publications come again")


@pytest.mark.parametrize("kind", ["pubsub", "normal"])
async def test_connection_that_is_cut_is_made_again(server: RedisServer, kind: str) -> None:
    async with connected(server) as (broker, seen):
        await broker.subscribe("t")
        first = await broker.publish("t", b"1", HISTORY)
        assert first is not None
        server.kick(kind)
        if kind == "pubsub":
            await until(lambda: seen.interruptions == ["interrupted", "resumed"], "it was subscribed again")
        await available(broker)
        assert place(await broker.publish("t", b"2", HISTORY)) == (first.epoch, 2)
        await until(lambda: seen.payloads("t")[-1:] == [b"2"], "publications come")


async def test_subscriber_whose_buffer_in_redis_overflows_is_told(server: RedisServer) -> None:
    with server.client() as client:
        client.config_set("client-output-buffer-limit", "pubsub 100000 100000 1")
    async with connected(server) as (broker, seen):
        await broker.subscribe("t")
        await broker.publish("t", bytes(10_000_000), HISTORY)
        await until(lambda: seen.interruptions == ["interrupted", "resumed"], "the cut was noticed and mended")
        await broker.publish("t", b"after", HISTORY)
        await until(lambda: seen.payloads("t")[-1:] == [b"after"], "publications come again")


async def test_redis_that_forgets_its_scripts_is_taught_again(server: RedisServer) -> None:
    async with connected(server) as (broker, _):
        first = await broker.publish("t", b"1", HISTORY)
        with server.client() as client:
            client.script_flush()
        assert first is not None
        assert place(await broker.publish("t", b"2", HISTORY)) == (first.epoch, 2)


async def test_redis_that_refuses_to_write_is_unavailable(server: RedisServer) -> None:
    async with connected(server) as (broker, _):
        with server.client() as client:
            client.config_set("maxmemory", "1")
            try:
                with pytest.raises(BrokerUnavailable, match="maxmemory"):
                    await broker.publish("t", b"x", HISTORY)
                assert "maxmemory" in broker.health().detail
            finally:
                client.config_set("maxmemory", "0")
        await broker.publish("t", b"x", HISTORY)
        assert broker.health().available


async def test_listener_that_raises_is_reported_and_not_left_deaf(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(server) as (broker, seen):
        await broker.subscribe("t")
        broker.listener = Stumbling(seen)
        await broker.publish("t", b"trip", HISTORY)
        await until(lambda: seen.interruptions == ["interrupted", "resumed"], "it was subscribed again")
        await broker.publish("t", b"after", HISTORY)
        await until(lambda: seen.payloads("t") == [b"after"], "publications come again")
        assert broker.health().restarts == 1
    assert "stumbled" in caplog.text


class Stumbling(Recorder):
    """Raises at the first publication."""

    def __init__(self, seen: Recorder) -> None:
        super().__init__()
        self.publications, self.interruptions = seen.publications, seen.interruptions
        self._stumbled = False

    def on_publication(self, topic: str, publication: Publication) -> None:
        if not self._stumbled:
            self._stumbled = True
            raise RuntimeError("stumbled")
        super().on_publication(topic, publication)


async def test_task_that_somebody_ends_starts_again(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async with connected(server) as (broker, seen):
        await broker.subscribe("t")
        [listening] = [task for task in asyncio.all_tasks() if task.get_name() == "apistar: subscription"]
        listening.cancel()
        await until(lambda: seen.interruptions == ["interrupted", "resumed"], "it was subscribed again")
        await broker.publish("t", b"after")
        await until(lambda: seen.payloads("t") == [b"after"], "publications come again")
        assert broker.health().restarts == 1
    assert "starts again" in caplog.text


async def test_what_others_publish_to_our_channels_is_dropped(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(server) as (broker, seen):
        await broker.subscribe("t")
        with server.client() as client:
            client.publish("apistar:{t}", b"Hnonsense")
            client.publish("apistar:{t}", b"?")
            client.publish("apistar:{t}", b"")
            client.publish("apistar:{t}", b"J\xff")
        await broker.publish("t", b"ours")
        await until(lambda: seen.payloads("t") == [b"ours"], "ours came")
        assert (seen.interruptions, seen.presence) == ([], [])
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 4


async def test_call_that_is_cancelled_leaves_the_broker_usable(server: RedisServer) -> None:
    async with connected(server) as (broker, seen):
        for make in (
            lambda: broker.subscribe("t"),
            lambda: broker.publish("t", b"cancelled"),
            lambda: broker.read("t", HISTORY),
        ):
            for turns in range(4):
                call = asyncio.ensure_future(make())
                for _ in range(turns):
                    await asyncio.sleep(0)
                call.cancel()
                await asyncio.wait({call})
        await broker.unsubscribe("t")
        await broker.subscribe("t")
        await broker.publish("t", b"after")
        await until(lambda: seen.payloads("t")[-1:] == [b"after"], "publications come")


async def test_topic_that_is_dropped_and_wanted_again_at_once_is_heard(server: RedisServer) -> None:
    async with connected(server) as (broker, seen):
        for number in range(20):
            await broker.subscribe("t")
            await broker.publish("t", b"%d" % number)
            dropping = asyncio.ensure_future(broker.unsubscribe("t"))
            await asyncio.sleep(0)
            await broker.subscribe("t")
            await dropping
            await broker.publish("t", b"again %d" % number)
            # No type of a lambda with defaults is inferred.
            await until(lambda last=number: seen.payloads("t")[-1:] == [b"again %d" % last], "it came")  # type: ignore[misc]
            await broker.unsubscribe("t")


async def test_many_topics_are_subscribed_again(server: RedisServer) -> None:
    async with connected(server) as (broker, seen):
        topics = [f"t{number}" for number in range(1200)]
        await asyncio.gather(*(broker.subscribe(topic) for topic in topics))
        server.kick("pubsub")
        await until(lambda: seen.interruptions == ["interrupted", "resumed"], "all were subscribed again")
        await asyncio.gather(*(broker.publish(topic, b"x") for topic in topics))
        await until(lambda: len(seen.publications) == 1200, "each topic came")


async def test_nothing_runs_after_the_close(server: RedisServer) -> None:
    before = asyncio.all_tasks()
    async with connected(server) as (broker, _):
        await broker.subscribe("t")
        await broker.publish("t", b"x")
    assert asyncio.all_tasks() == before
