"""The members of one topic in one process, over a broker whose clock is turned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from apistar.channels import Hub, MemoryBroker, Presence

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


async def test_member_with_two_sockets_stays_with_the_second(hub: Hub, clock: Clock) -> None:
    roster = hub.roster("room", TIMES)
    await roster.enter("ann")
    await roster.enter("ann")
    roster.leave("ann")
    await settle(hub)
    clock.now += 1.5
    assert await hub.broker.members("room") == ["ann"]
