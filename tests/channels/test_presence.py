"""The members of one topic in one process, over a broker whose clock is turned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from apistar.channels import Hub, MemoryBroker, Presence
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
