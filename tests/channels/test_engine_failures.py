"""
What a broker does when its engine, or the way to it, fails: real processes, killed, stopped and cut off.

What only one engine can do is in `test_redis_failures.py` and `test_postgresql.py`; what the sockets of an
application see of it is in `test_crowd.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apistar.channels import Broker, History, Publication, listening
from apistar.channels.listening import Line
from apistar.exceptions import BrokerUnavailable
from tests.channels.connections import Connections
from tests.channels.engines import ENGINES, EVERY_ENGINE, Engine, running_engine
from tests.channels.trials import TIMEOUT_S, available, connected
from tests.contracts.brokers import Recorder, place
from tests.transports.wire import until

HISTORY = History(size=1000)


@pytest.fixture(scope="module", params=EVERY_ENGINE)
def process(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with running_engine(request.param, tmp_path_factory.mktemp(request.param)) as engine:
        yield engine


@pytest.fixture
def engine(process: Engine) -> Engine:
    process.flush()
    return process


@pytest.mark.parametrize("name", EVERY_ENGINE)
async def test_engine_that_is_not_there_is_said_at_the_start(name: str, tmp_path: Path) -> None:
    broker = Broker.connect(ENGINES[name](tmp_path).url, timeout_s=TIMEOUT_S)
    with pytest.raises(BrokerUnavailable, match=f"{name}://.*127"):
        await broker.start()
    with pytest.raises(BrokerUnavailable, match="closed"):
        await broker.publish("t", b"x")


@pytest.mark.parametrize("kept", [True, False])
async def test_engine_that_is_killed_and_comes_back(engine: Engine, kept: bool) -> None:
    async with connected(engine) as (broker, seen):
        await broker.subscribe("t")
        before = await broker.publish("t", b"before", HISTORY)
        assert before is not None
        engine.kill()
        await until(lambda: seen.interruptions == ["interrupted"], "the loss was told")
        assert not broker.health().available
        with pytest.raises(BrokerUnavailable):
            await broker.publish("t", b"lost", HISTORY)
        if not kept:
            engine.forget()
        engine.start()
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


async def test_publish_fails_in_bounded_time_while_the_engine_hangs(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "PING_INTERVAL_S", 0.2)
    async with connected(engine) as (broker, seen):
        await broker.subscribe("t")
        engine.pause()
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
            engine.resume()
        await until(lambda: seen.interruptions == ["interrupted", "resumed"], "it was subscribed again")
        await available(broker)
        await broker.publish("t", b"after", HISTORY)
        await until(lambda: seen.payloads("t")[-1:] == [b"after"], "publications come again")


@pytest.mark.parametrize("connections", Connections)
async def test_connection_that_is_cut_is_made_again(engine: Engine, connections: Connections) -> None:
    async with connected(engine) as (broker, seen):
        await broker.subscribe("t")
        first = await broker.publish("t", b"1", HISTORY)
        assert first is not None
        engine.cut(connections)
        if connections is Connections.LISTENING:
            await until(lambda: seen.interruptions == ["interrupted", "resumed"], "it was subscribed again")
        await available(broker)
        assert place(await broker.publish("t", b"2", HISTORY)) == (first.epoch, 2)
        await until(lambda: seen.payloads("t")[-1:] == [b"2"], "publications come")


async def test_listener_that_raises_is_reported_and_not_left_deaf(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(engine) as (broker, seen):
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


async def test_task_that_somebody_ends_starts_again(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    async with connected(engine) as (broker, seen):
        await broker.subscribe("t")
        [listening] = [task for task in asyncio.all_tasks() if task.get_name() == "apistar: subscription"]
        listening.cancel()
        await until(lambda: seen.interruptions == ["interrupted", "resumed"], "it was subscribed again")
        await broker.publish("t", b"after")
        await until(lambda: seen.payloads("t") == [b"after"], "publications come again")
        assert broker.health().restarts == 1
    assert "starts again" in caplog.text


async def test_call_that_is_cancelled_leaves_the_broker_usable(engine: Engine) -> None:
    async with connected(engine) as (broker, seen):
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


async def test_topic_that_is_dropped_and_wanted_again_at_once_is_heard(engine: Engine) -> None:
    async with connected(engine) as (broker, seen):
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


async def test_many_topics_are_subscribed_again(engine: Engine) -> None:
    async with connected(engine, timeout_s=20.0) as (broker, seen):
        topics = [f"t{number}" for number in range(1200)]
        await asyncio.gather(*(broker.subscribe(topic) for topic in topics))
        engine.cut(Connections.LISTENING)
        await until(lambda: seen.interruptions == ["interrupted", "resumed"], "all were subscribed again")
        await asyncio.gather(*(broker.publish(topic, b"x") for topic in topics))
        await until(lambda: len(seen.publications) == 1200, "each topic came")


async def test_silence_is_no_failure_while_somebody_answers(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "PING_INTERVAL_S", 0.2)
    asked: list[Line] = []
    ask = listening.Listening._ask

    async def counted(self: listening.Listening, line: Line) -> None:
        asked.append(line)
        await ask(self, line)

    monkeypatch.setattr(listening.Listening, "_ask", counted)
    async with connected(engine) as (broker, seen):
        await broker.subscribe("t")
        await until(lambda: len(asked) == 4, "it asked four times")
        await broker.publish("t", b"x")
        await until(lambda: seen.payloads("t") == [b"x"], "it still listens")
        assert seen.interruptions == []
        assert len(set(map(id, asked))) == 1, "over one connection"


async def test_health_shows_that_nothing_can_be_published(engine: Engine) -> None:
    """Also where nobody listens, and so nothing else would show it."""
    async with connected(engine) as (broker, _):
        engine.pause()
        try:
            with pytest.raises(BrokerUnavailable):
                await broker.publish("t", b"x")
            assert not broker.health().available
        finally:
            engine.resume()
        await available(broker)
        assert broker.health().available


async def test_nothing_runs_after_the_close(engine: Engine) -> None:
    before = asyncio.all_tasks()
    async with connected(engine) as (broker, _):
        await broker.subscribe("t")
        await broker.publish("t", b"x")
    assert asyncio.all_tasks() == before
