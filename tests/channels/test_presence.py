"""The members of one topic in one process, over a broker whose clock is turned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from apistar.channels import ChannelLimits, Hub, MemoryBroker, Presence
from apistar.exceptions import BrokerUnavailable, WebSocketProtocolError
from tests.channels.simulation import Network
from tests.transports.wire import until

TIMES = Presence(grace_s=1.0, ttl_s=30.0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def hub(clock: Clock) -> AsyncIterator[Hub]:
    hub = Hub(MemoryBroker(clock=clock))
    yield hub
    await hub.stop()


async def settle(hub: Hub) -> None:
    """Let what goes on in the background come to its end."""
    while hub._tasks:
        await asyncio.wait(hub._tasks, timeout=5)


async def test_member_whose_last_socket_left_is_gone_after_the_grace(hub: Hub, clock: Clock) -> None:
    roster = hub.roster("room", TIMES)
    await roster.enter("ann")
    roster.leave("ann")
    await settle(hub)
    assert await hub.broker.members("room") == ["ann"]
    clock.now += 1.5
    assert await hub.broker.members("room") == []


async def test_member_who_comes_back_before_it_was_told_that_it_left_keeps_its_seat(hub: Hub, clock: Clock) -> None:
    """A reload: the new socket joins while the broker has not heard of the old one's end."""
    roster = hub.roster("room", TIMES)
    await roster.enter("ann")
    roster.leave("ann")
    await roster.enter("ann")
    await settle(hub)
    clock.now += 1.5
    assert await hub.broker.members("room") == ["ann"]


async def test_thousands_who_leave_at_once_are_looked_for_together(
    hub: Hub, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[list[str]] = []
    sweep = hub.broker.sweep

    async def counted(topics: Sequence[str]) -> None:
        looks.append(list(topics))
        await sweep(topics)

    monkeypatch.setattr(hub.broker, "sweep", counted)
    brief = Presence(grace_s=0.2)
    rosters = [hub.roster(name, brief) for name in ("room", "lobby")]
    for number in range(2000):
        await rosters[number % 2].enter(f"m{number}")
    for number in range(2000):
        rosters[number % 2].leave(f"m{number}")
    await settle(hub)
    clock.now += 1
    await until(lambda: not hub.broker._seats, "everybody was found")  # type: ignore[attr-defined]  # the one in memory
    assert len(looks) < 10
    assert all(look == sorted(set(look)) for look in looks)


async def test_members_who_leave_at_once_are_told_to_the_broker_at_once(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever joins next waits for as many round trips as have left."""
    under_way, answered = [], asyncio.Event()

    async def slow(topic: str, member: str, seat: str, grace_s: float) -> None:
        under_way.append(member)
        await answered.wait()

    roster = hub.roster("room", TIMES)
    members = [f"m{number}" for number in range(300)]
    for member in members:
        await roster.enter(member)
    monkeypatch.setattr(hub.broker, "leave", slow)
    for member in members:
        roster.leave(member)
    await until(lambda: len(under_way) == 300, "all are under way")
    answered.set()
    await settle(hub)
    assert sorted(under_way) == sorted(members)
    assert roster.idle


async def test_member_with_two_sockets_stays_with_the_second(hub: Hub, clock: Clock) -> None:
    roster = hub.roster("room", TIMES)
    await roster.enter("ann")
    await roster.enter("ann")
    roster.leave("ann")
    await settle(hub)
    clock.now += 1.5
    assert await hub.broker.members("room") == ["ann"]


async def test_who_asks_for_a_place_in_a_full_topic_costs_nobody_theirs(clock: Clock) -> None:
    """It waits behind the next look at those who are here, and is not one of them."""
    hub = Hub(MemoryBroker(clock=clock), ChannelLimits(max_members=1))
    roster = hub.roster("room", TIMES)
    await roster.enter("ann")
    async with roster._lock:  # somebody before them waits for the broker
        keeping = asyncio.ensure_future(roster.keep())
        await asyncio.sleep(0)
        refused = asyncio.ensure_future(roster.enter("bob"))
        await asyncio.sleep(0)
        clock.now += TIMES.ttl_s - 1
    await keeping
    with pytest.raises(WebSocketProtocolError, match="max_members of 1"):
        await refused
    clock.now += 2
    assert await hub.broker.members("room") == ["ann"]
    await hub.stop()


async def test_members_that_a_full_topic_has_no_place_for_any_more_are_logged(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The broker lost its data, and other processes were faster."""
    hub = Hub(MemoryBroker(clock=clock), ChannelLimits(max_members=1))
    roster = hub.roster("room", TIMES)
    await roster.enter("ann")
    clock.now += TIMES.ttl_s
    assert await hub.broker.enter("room", ["bob"], "another process", TIMES.ttl_s, 1)
    await roster.keep()
    assert "has forgotten members of 'room'" in caplog.text
    await hub.stop()


async def test_seats_of_many_topics_are_kept_together_and_one_fault_harms_one(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One after the other, ten thousand topics take longer than a seat lasts."""
    under_way: set[str] = set()
    answered = asyncio.Event()
    monkeypatch.setattr(hub, "_shortest_ttl_s", 0.03)
    rosters = [hub.roster(f"room {number}", TIMES) for number in range(100)]
    for roster in rosters:
        await roster.enter("ann")

    async def slow(topic: str, *_: object) -> bool:
        under_way.add(topic)
        await answered.wait()
        if topic == "room 0":
            raise ValueError("of this topic alone")
        return True

    monkeypatch.setattr(hub.broker, "enter", slow)
    hub._run_loops()
    await until(lambda: len(under_way) == 100, "all are under way")
    under_way.clear()
    answered.set()
    await until(lambda: "of this topic alone" in caplog.text, "the fault is told")
    await until(lambda: len(under_way) == 100, "the next look is at all of them, too")


async def test_members_who_leave_while_the_process_ends_have_left() -> None:
    """What was on its way to the broker is cancelled, and said again."""
    network = Network()
    line, hub = network.process()
    roster = hub.roster("room", Presence(grace_s=0))
    await roster.enter("ann")
    line.turns = 50
    roster.leave("ann")
    for _ in range(5):
        await asyncio.sleep(0)
    line.turns = 1
    await hub.stop()
    assert await network.engine.members("room") == []


async def test_nobody_enters_after_the_process_has_ended() -> None:
    network = Network()
    line, hub = network.process()
    roster = hub.roster("room", Presence(grace_s=0))
    line.turns = 5
    entering = [asyncio.ensure_future(roster.enter(member)) for member in ("ann", "bob")]
    await asyncio.sleep(0)
    await hub.stop()
    outcomes = await asyncio.gather(*entering, return_exceptions=True)
    assert isinstance(outcomes[1], BrokerUnavailable)
    assert await network.engine.members("room") == []


async def test_broker_that_is_gone_holds_no_end_up(caplog: pytest.LogCaptureFixture) -> None:
    network = Network()
    line, hub = network.process()
    for name in ("room", "lobby"):
        await hub.roster(name, TIMES).enter("ann")
    line.up = False
    await hub.stop()
    assert "members of this process leave when their time has run out" in caplog.text
