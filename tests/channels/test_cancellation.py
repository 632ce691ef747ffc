"""
A handler is cancelled at any of its awaits: whatever it was about, nothing of it stays behind, and the next one works.

Each operation is run again and again over a simulated network, and cancelled one suspension later each time, until it
comes to its end before the axe falls.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from apistar.channels import Channel, History, Hub, Presence
from tests.channels.simulation import Network, socket
from tests.transports.wire import until

TURNS = 3
"""Of each call to the engine, so that there is more than one place to be cancelled at."""
MOST = 200


class Room(Channel[int]):
    topic = "room"
    history = History()
    presence = Presence(grace_s=0)


async def join(hub: Hub) -> None:
    websocket, _ = await socket()
    async with Room(hub).join(websocket, member="ann", presence=True):
        await asyncio.sleep(0)


async def come_back(hub: Hub) -> None:
    websocket, _ = await socket()
    start = await Room(hub).position()
    await Room(hub).publish(0)
    async with Room(hub).join(websocket, member="ann", since=start) as joined:
        assert joined.recovered


async def subscribe(hub: Hub) -> None:
    start = await Room(hub).position()
    await Room(hub).publish(0)
    async with Room(hub).subscribe(since=start) as publications:
        assert (await anext(publications)).data == 0


async def watch(hub: Hub) -> None:
    websocket, _ = await socket()
    async with Room(hub).changes() as changes, Room(hub).join(websocket, member="ann"):
        assert (await anext(changes)).member == "ann"


async def publish_while_joined(hub: Hub) -> None:
    websocket, _ = await socket()
    async with Room(hub).join(websocket, member="ann"):
        await Room(hub).publish(0)
        await Room(hub).members()
        await Room(hub).disconnect(member="bob")


@pytest.mark.parametrize("operation", [join, come_back, subscribe, watch, publish_while_joined])
async def test_operation_that_is_cancelled_at_any_await_leaves_nothing_behind(
    operation: Callable[[Hub], Awaitable[None]],
) -> None:
    for suspensions in range(MOST):
        network = Network()
        line, hub = network.process()
        line.turns = TURNS
        task = asyncio.ensure_future(operation(hub))
        for _ in range(suspensions):
            await asyncio.sleep(0)
        if task.done():
            await task
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await nothing_is_left(network, hub)
        await everything_works(hub)
        await nothing_is_left(network, hub)
        await hub.stop()
    raise AssertionError(f"{operation.__name__} is not done after {MOST} turns of the loop")


async def nothing_is_left(network: Network, hub: Hub) -> None:
    def gone() -> bool:
        held = {name: count for name, count in hub.statistics().items() if name != "sockets"}
        return not any(held.values()) and not hub._rosters and not network.lines[0].topics - {"\x00control"}

    await until(gone, "given back")
    assert await network.engine.members("room") == []


async def nothing_runs(hub: Hub) -> None:
    await until(lambda: not hub._tasks, "what goes on in the background has ended")


async def everything_works(hub: Hub) -> None:
    websocket, transport = await socket()
    async with Room(hub).join(websocket, member="ann"), Room(hub).subscribe() as publications:
        await Room(hub).publish(7)
        assert (await anext(publications)).data == 7
        assert await Room(hub).members() == ["ann"]
        await until(lambda: transport.taken == [b"7"], "delivered once")


async def test_publish_that_is_cancelled_and_repeated_with_its_key_is_one_publication() -> None:
    for suspensions in range(MOST):
        network = Network()
        line, hub = network.process()
        line.turns = TURNS
        task = asyncio.ensure_future(Room(hub).publish(1, idempotency_key="k"))
        for _ in range(suspensions):
            await asyncio.sleep(0)
        done = task.done()
        task.cancel()
        await asyncio.wait({task})
        position = await Room(hub).publish(1, idempotency_key="k")
        assert position.offset == 1
        assert [one.data for one in await Room(hub).recent()] == [1]
        await hub.stop()
        if done:
            return
    raise AssertionError("publish is never done")


async def test_application_that_ends_while_somebody_joins_ends() -> None:
    """Whatever a join waits for at that moment."""
    for suspensions in range(MOST):
        network = Network()
        line, hub = network.process()
        line.turns = TURNS
        task = asyncio.ensure_future(join(hub))
        for _ in range(suspensions):
            await asyncio.sleep(0)
        done = task.done()
        async with asyncio.timeout(5):
            await hub.stop()
            await asyncio.wait({task})
            await nothing_runs(hub)
        assert await network.engine.members("room") == []
        if done:
            return
    raise AssertionError("join is never done")


async def test_socket_that_leaves_after_the_application_has_ended_meets_no_fault() -> None:
    network = Network()
    _, hub = network.process()
    websocket, _ = await socket()
    async with Room(hub).join(websocket, member="ann"):
        await hub.stop()
        assert await network.engine.members("room") == []
    await nothing_runs(hub)
