"""
The contract of `channels/broker.py`, over every broker that there is.

`world.broker()` is the broker of another process where the engine has several, and the same one where it has not, so
that one test says what holds for both.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from apistar.channels import Broker, History, Position
from apistar.exceptions import ConfigurationError
from tests.contracts.brokers import WORLDS, World, place
from tests.transports.wire import until

HISTORY = History(size=5, ttl_s=60)


@pytest.fixture(params=WORLDS)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with WORLDS[request.param]() as opened:
        yield opened


def needs_processes(world: World) -> None:
    if not world.shared:
        pytest.skip("one process only")


# Publications


async def test_subscriber_sees_the_publications_of_every_publisher_in_one_order(world: World) -> None:
    publisher, _ = await world.broker()
    first, seen_by_first = await world.broker()
    second, seen_by_second = await world.broker()
    await first.subscribe("t")
    await second.subscribe("t")
    await asyncio.gather(
        *(broker.publish("t", b"%d" % number) for number in range(20) for broker in (publisher, first, second))
    )
    for seen in (seen_by_first, seen_by_second):
        # No type of a lambda with defaults is inferred.
        await until(lambda seen=seen: len(seen.payloads("t")) == 60, "everything came")  # type: ignore[misc]
    assert seen_by_first.payloads("t") == seen_by_second.payloads("t")
    assert all(publication.position is None for _, publication in seen_by_first.publications)


async def test_publications_of_one_publisher_keep_their_order(world: World) -> None:
    publisher, _ = await world.broker()
    subscriber, seen = await world.broker()
    await subscriber.subscribe("t")
    for number in range(200):
        await publisher.publish("t", b"%d" % number, HISTORY if number % 2 else None)
    await until(lambda: len(seen.payloads("t")) == 200, "everything came")
    assert seen.payloads("t") == [b"%d" % number for number in range(200)]


async def test_only_subscribed_topics_are_told_of(world: World) -> None:
    publisher, _ = await world.broker()
    subscriber, seen = await world.broker()
    await subscriber.subscribe("a")
    await subscriber.subscribe("a")
    await subscriber.subscribe("b")
    await subscriber.unsubscribe("b")
    await subscriber.unsubscribe("b")
    for topic in ("b", "c", "a"):
        await publisher.publish(topic, topic.encode())
    await until(lambda: bool(seen.publications), "the subscribed topic came")
    assert [topic for topic, _ in seen.publications] == ["a"]


async def test_publication_without_history_has_no_position_and_is_not_kept(world: World) -> None:
    broker, _ = await world.broker()
    assert await broker.publish("t", b"x") is None
    page = await broker.read("t", HISTORY)
    assert (page.position.offset, page.publications) == (0, ())


async def test_offsets_of_a_topic_count_from_one_without_holes(world: World) -> None:
    one, seen = await world.broker()
    other, _ = await world.broker()
    await one.subscribe("t")
    positions = [await broker.publish("t", b"x", HISTORY) for broker in (one, other, other, one)]
    assert [position.offset for position in positions if position] == [1, 2, 3, 4]
    assert len({position.epoch for position in positions if position}) == 1
    await until(lambda: len(seen.publications) == 4, "everything came")
    assert [publication.position for _, publication in seen.publications] == positions
    assert await one.publish("other", b"x", HISTORY) != positions[0], "each topic has an epoch of its own"


async def test_payload_arrives_as_it_was(world: World) -> None:
    broker, seen = await world.broker()
    await broker.subscribe("t")
    payloads = [b"", b"\x00\xff\r\n", "ü €".encode(), bytes(100_000)]
    for payload in payloads:
        await broker.publish("t", payload, HISTORY)
    await until(lambda: len(seen.publications) == 4, "everything came")
    assert seen.payloads("t") == payloads
    start = await broker.read("t", HISTORY)
    page = await broker.read("t", HISTORY, Position(start.position.epoch, 0))
    assert [publication.payload for publication in page.publications] == payloads


async def test_topic_may_have_any_name(world: World) -> None:
    broker, seen = await world.broker()
    topics = ["room:1", "a b", "{x}", "ü/€", "*", "a?[b]", "x" * 255]
    for topic in topics:
        await broker.subscribe(topic)
        await broker.publish(topic, topic.encode(), HISTORY)
    await until(lambda: len(seen.publications) == len(topics), "everything came")
    assert [(topic, publication.payload.decode()) for topic, publication in seen.publications] == [
        (topic, topic) for topic in topics
    ]


# History


async def test_position_of_a_topic_that_was_never_published_to_is_known(world: World) -> None:
    one, _ = await world.broker()
    other, _ = await world.broker()
    page = await one.read("t", HISTORY)
    assert page.position.offset == 0
    assert page.position.epoch
    assert (await other.read("t", HISTORY)).position == page.position
    assert (await other.read("t", HISTORY, page.position)).continues(page.position)
    assert place(await other.publish("t", b"x", HISTORY)) == (page.position.epoch, 1)


async def test_history_gives_everything_after_a_position(world: World) -> None:
    one, _ = await world.broker()
    other, _ = await world.broker()
    positions = [await one.publish("t", b"%d" % number, HISTORY) for number in range(5)]
    assert positions[1] is not None
    page = await other.read("t", HISTORY, positions[1])
    assert page.position == positions[4]
    assert [publication.payload for publication in page.publications] == [b"2", b"3", b"4"]
    assert [publication.position for publication in page.publications] == positions[2:]
    assert page.continues(positions[1])


async def test_history_keeps_the_newest_of_its_size_and_says_that_the_rest_is_missing(world: World) -> None:
    broker, _ = await world.broker()
    positions = [await broker.publish("t", b"%d" % number, HISTORY) for number in range(8)]
    assert positions[0] is not None
    assert positions[2] is not None
    page = await broker.read("t", HISTORY, positions[0])
    assert [publication.payload for publication in page.publications] == [b"3", b"4", b"5", b"6", b"7"]
    assert not page.continues(positions[0])
    assert (await broker.read("t", HISTORY, positions[2])).continues(positions[2])


async def test_history_forgets_what_is_older_than_its_ttl_and_keeps_the_position(world: World) -> None:
    broker, _ = await world.broker()
    brief = History(size=5, ttl_s=0.3)
    position = await broker.publish("t", b"old", brief)
    assert position is not None
    await world.pass_time(0.4)
    start = Position(position.epoch, 0)
    page = await broker.read("t", brief, start)
    assert (page.position, page.publications) == (position, ())
    assert not page.continues(start)
    assert page.continues(position)
    assert place(await broker.publish("t", b"new", brief)) == (position.epoch, 2)
    assert not (await broker.read("t", brief, start)).continues(start)


async def test_reader_whose_history_is_shorter_gets_the_newest_of_it(world: World) -> None:
    broker, _ = await world.broker()
    start = (await broker.read("t", HISTORY)).position
    for number in range(5):
        await broker.publish("t", b"%d" % number, HISTORY)
    page = await broker.read("t", History(size=2, ttl_s=60), start)
    assert [publication.payload for publication in page.publications] == [b"3", b"4"]
    assert not page.continues(start)


async def test_history_of_another_epoch_gives_nothing(world: World) -> None:
    broker, _ = await world.broker()
    await broker.publish("t", b"x", HISTORY)
    for strange in (Position("another", 0), Position("another", 1), Position("", 5)):
        page = await broker.read("t", HISTORY, strange)
        assert page.publications == ()
        assert not page.continues(strange)


@pytest.mark.parametrize("epoch", ["\ud800", "\0", "日本", "a b\r\n", "", "x" * 10_000])
async def test_position_that_somebody_made_up_is_of_another_epoch_and_harms_nobody(world: World, epoch: str) -> None:
    """What goes to an engine together with it, neither."""
    broker, _ = await world.broker()
    first = await broker.publish("t", b"x", HISTORY)
    strange, far, page, position = await asyncio.gather(
        broker.read("t", HISTORY, Position(epoch, 0)),
        broker.read("t", HISTORY, Position(first.epoch if first else "", 10**5000)),
        broker.read("u", HISTORY),
        broker.publish("u", b"x", HISTORY),
    )
    assert (strange.position, strange.publications) == (first, ())
    assert (far.position, far.publications) == (first, ())
    assert position
    assert page.position.epoch == position.epoch


async def test_position_of_the_future_is_not_continued(world: World) -> None:
    broker, _ = await world.broker()
    position = await broker.publish("t", b"x", HISTORY)
    assert position is not None
    future = Position(position.epoch, 9)
    assert not (await broker.read("t", HISTORY, future)).continues(future)


async def test_each_publication_names_the_one_before_it_wherever_it_is_found(world: World) -> None:
    publisher, _ = await world.broker()
    broker, seen = await world.broker()
    await broker.subscribe("t")
    start = (await broker.read("t", HISTORY)).position
    published = [await publisher.publish("t", b"%d" % number, HISTORY) for number in range(3)]
    await until(lambda: len(seen.publications) == 3, "all came")
    page = await broker.read("t", HISTORY, start)
    assert page.publications == tuple(publication for _, publication in seen.publications)
    assert [publication.position for publication in page.publications] == published
    assert page.position == published[-1]
    assert await broker.positions(["t"]) == published[-1:]
    before = start
    for publication in page.publications:
        assert publication.follows(before)
        assert publication.position is not None
        before = publication.position


async def test_positions_of_many_topics_come_in_one_round(world: World) -> None:
    broker, _ = await world.broker()
    assert await broker.positions([]) == []
    first = await broker.publish("a", b"x", HISTORY)
    second = (await broker.read("b", HISTORY)).position
    assert await broker.positions(["b", "never", "a"]) == [second, None, first]


async def test_history_that_is_read_while_others_publish_has_no_gap_to_what_comes(world: World) -> None:
    publisher, _ = await world.broker()
    subscriber, seen = await world.broker()
    history = History(size=1000)

    async def publish() -> None:
        for number in range(200):
            await publisher.publish("t", b"%d" % number, history)
            if number % 10 == 0:
                await asyncio.sleep(0)

    start = (await publisher.read("t", history)).position
    publishing = asyncio.ensure_future(publish())
    await asyncio.sleep(0)
    await subscriber.subscribe("t")
    page = await subscriber.read("t", history, start)
    await publishing
    await until(lambda: seen.payloads("t")[-1:] == [b"199"], "the last one came")
    assert page.continues(start)
    read = [publication.payload for publication in page.publications]
    live = [
        publication.payload
        for _, publication in seen.publications
        if publication.position and publication.position.offset > page.position.offset
    ]
    assert read + live == [b"%d" % number for number in range(200)]


# Idempotency


async def test_publish_with_the_same_key_is_the_same_publication(world: World) -> None:
    one, seen = await world.broker()
    other, _ = await world.broker()
    await one.subscribe("t")
    first = await one.publish("t", b"x", HISTORY, idempotency_key="k")
    assert await other.publish("t", b"y", HISTORY, idempotency_key="k") == first
    await other.publish("t", b"z", HISTORY, idempotency_key="another")
    await other.publish("u", b"x", HISTORY, idempotency_key="k")
    await until(lambda: len(seen.payloads("t")) == 2, "both came")
    assert seen.payloads("t") == [b"x", b"z"]


async def test_publish_with_the_same_key_at_once_is_one_publication(world: World) -> None:
    one, seen = await world.broker()
    other, _ = await world.broker()
    await one.subscribe("t")
    positions = await asyncio.gather(
        *(broker.publish("t", b"x", HISTORY, idempotency_key="k") for broker in (one, other) * 5)
    )
    assert len(set(positions)) == 1
    assert place(await one.publish("t", b"end", HISTORY)) == (getattr(positions[0], "epoch", ""), 2)
    await until(lambda: seen.payloads("t")[-1:] == [b"end"], "the last one came")
    assert seen.payloads("t") == [b"x", b"end"]


async def test_key_is_remembered_without_history_too(world: World) -> None:
    broker, seen = await world.broker()
    await broker.subscribe("t")
    for _ in range(3):
        assert await broker.publish("t", b"x", idempotency_key="k") is None
    await broker.publish("t", b"end")
    await until(lambda: seen.payloads("t")[-1:] == [b"end"], "the last one came")
    assert seen.payloads("t") == [b"x", b"end"]


async def test_key_is_forgotten_after_its_ttl(world: World) -> None:
    broker, _ = await world.broker()
    first = await broker.publish("t", b"x", HISTORY, idempotency_key="k", idempotency_ttl_s=0.3)
    await world.pass_time(0.4)
    second = await broker.publish("t", b"x", HISTORY, idempotency_key="k", idempotency_ttl_s=0.3)
    assert (getattr(first, "offset", 0), getattr(second, "offset", 0)) == (1, 2)


# Presence


async def test_member_is_announced_once_however_many_seats_it_has(world: World) -> None:
    one, seen = await world.broker()
    other, _ = await world.broker()
    await one.subscribe("t")
    assert await one.enter("t", ["ann"], "one", 60, 10)
    assert await one.enter("t", ["ann"], "one", 60, 10)
    assert await other.enter("t", ["ann", "bob"], "other", 60, 10)
    assert await other.members("t") == ["ann", "bob"]
    await until(lambda: len(seen.presence) == 2, "both were announced")
    await one.leave("t", "ann", "one", 0)
    await other.leave("t", "nobody", "other", 0)
    assert await one.members("t") == ["ann", "bob"]
    await other.leave("t", "ann", "other", 0)
    assert await one.members("t") == ["bob"]
    await until(lambda: len(seen.presence) == 3, "it left")
    assert seen.presence == [("t", "ann", True), ("t", "bob", True), ("t", "ann", False)]


async def test_member_that_comes_back_within_the_grace_never_left(world: World) -> None:
    one, seen = await world.broker()
    other, _ = await world.broker()
    await one.subscribe("t")
    await one.enter("t", ["ann"], "one", 60, 10)
    await one.leave("t", "ann", "one", 30)
    assert await one.members("t") == ["ann"]
    await other.enter("t", ["ann"], "other", 60, 10)
    await one.enter("t", ["bob"], "one", 60, 10)
    await until(lambda: len(seen.presence) == 2, "both were announced")
    assert seen.presence == [("t", "ann", True), ("t", "bob", True)]


async def test_member_whose_seats_have_run_out_has_left(world: World) -> None:
    one, seen = await world.broker()
    other, seen_by_other = await world.broker()
    await one.subscribe("t")
    await other.subscribe("t")
    await one.enter("t", ["ann"], "one", 0.3, 10)
    await one.enter("t", ["bob"], "one", 60, 10)
    await one.leave("t", "bob", "one", 0.3)
    await one.enter("t", ["cy"], "one", 60, 10)
    await one.leave("t", "cy", "one", 100)
    await world.pass_time(0.4)
    assert await other.members("t") == ["cy"]
    await asyncio.gather(one.sweep(["t", "empty"]), other.sweep(["t"]))
    for recorder in (seen, seen_by_other):
        left = recorder
        # No type of a lambda with defaults is inferred.
        await until(lambda left=left: len(left.presence) >= 5, "both left")  # type: ignore[misc]
        assert sorted(recorder.presence[3:]) == [("t", "ann", False), ("t", "bob", False)]


async def test_grace_makes_no_seat_longer(world: World) -> None:
    broker, _ = await world.broker()
    assert await broker.enter("t", ["ann"], "seat", 0.2, 10)
    await broker.leave("t", "ann", "seat", 60)
    await world.pass_time(0.4)
    assert await broker.members("t") == []


async def test_topic_takes_no_more_members_than_it_may(world: World) -> None:
    one, _ = await world.broker()
    assert await one.enter("t", ["ann", "bob"], "one", 60, 2)
    assert await one.enter("t", ["bob"], "two", 60, 2)
    assert not await one.enter("t", ["cy"], "one", 60, 2)
    assert await one.members("t") == ["ann", "bob"]
    await one.leave("t", "ann", "one", 0)
    assert await one.enter("t", ["cy"], "one", 60, 2)


# Life


async def test_broker_that_works_says_so(world: World) -> None:
    broker, _ = await world.broker()
    assert broker.health().available
    assert broker.health().restarts == 0


async def test_broker_that_is_closed_twice_is_closed(world: World) -> None:
    broker, seen = await world.broker()
    await broker.subscribe("t")
    await broker.close()
    await broker.close()
    again, _ = await world.broker()
    await again.publish("t", b"x")
    assert seen.publications == []


@pytest.mark.parametrize("url", ["carrier-pigeon://roof", "", "localhost:6379"])
def test_unknown_broker_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="use memory://, redis://host:6379 or postgresql://"):
        Broker.connect(url)


def test_url_of_a_broker_has_no_password_in_messages() -> None:
    with pytest.raises(ConfigurationError, match="'nats://…@host:1'"):
        Broker.connect("nats://user:secret@host:1")
