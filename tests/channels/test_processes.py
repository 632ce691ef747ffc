"""
Several processes on one engine: presence across them, commands to all, and an engine that goes away and comes back.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from apistar.channels import (
    REJOIN,
    Channel,
    History,
    MemberJoined,
    MemberLeft,
    Position,
    Presence,
    PresenceEvent,
)
from apistar.channels import hub as hub_module
from apistar.channels import topic as topic_module
from apistar.channels.control import CONTROL, Disconnect
from apistar.exceptions import BrokerUnavailable, PublicationsLost
from tests.channels.simulation import Network, socket
from tests.transports.wire import until

ROOT = Path(__file__).parents[2]


class Room(Channel[int]):
    topic = "room:{room}"
    history = History(size=5)
    presence = Presence(grace_s=0.05, ttl_s=0.3)


class Lobby(Channel[int]):
    topic = "lobby"
    presence = Presence(ttl_s=0.3)


class Plain(Channel[int]):
    topic = "plain"


@pytest.fixture
async def network(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Network]:
    monkeypatch.setattr(topic_module, "RETRY_S", 0.002)
    monkeypatch.setattr(hub_module, "PAUSE_S", 0.002)
    made = Network()
    yield made
    for line in made.lines:
        line.mend()
        await line.listener.stop()


async def test_member_in_two_processes_leaves_with_the_last_one(network: Network) -> None:
    (_, one), (_, other) = network.process(), network.process()
    tabs = [await socket() for _ in range(2)]
    async with Room(one, room=1).changes() as changes:
        first = Room(one, room=1).join(tabs[0][0], member="ann")
        second = Room(other, room=1).join(tabs[1][0], member="ann")
        await first.__aenter__()
        await second.__aenter__()
        first.leave()
        await asyncio.sleep(0.15)  # longer than the grace: the other seat counts
        assert await Room(other, room=1).members() == ["ann"]
        second.leave()
        assert [await anext(changes), await asyncio.wait_for(anext(changes), 5)] == [
            MemberJoined("ann"),
            MemberLeft("ann"),
        ]


async def test_members_of_a_killed_process_leave_after_the_ttl_and_those_who_live_stay(network: Network) -> None:
    (_, one), (line, other) = network.process(), network.process()
    (alive, _), (dying, _) = await socket(), await socket()
    async with Room(one, room=1).changes() as changes, Room(one, room=1).join(alive, member="ann"):
        await Room(other, room=1).join(dying, member="bob").__aenter__()
        line.cut()  # from here on it is not heard of
        found = [await asyncio.wait_for(anext(changes), 5) for _ in range(3)]
        assert found == [MemberJoined("ann"), MemberJoined("bob"), MemberLeft("bob")]
        assert await Room(one, room=1).members() == ["ann"]


async def test_member_is_present_again_after_the_engine_forgot(network: Network) -> None:
    line, hub = network.process()
    websocket, _ = await socket()
    async with Lobby(hub).join(websocket, member="ann"):
        network.wipe()
        line.cut()
        line.mend()
        async with asyncio.timeout(5):
            while await Lobby(hub).members() != ["ann"]:  # noqa: ASYNC110 (nobody tells)
                await asyncio.sleep(0.005)


async def test_process_that_ends_lets_its_members_leave_within_the_grace(network: Network) -> None:
    (_, one), (_, other) = network.process(), network.process()
    websocket, _ = await socket()
    async with Room(one, room=1).changes() as changes:
        await Room(other, room=1).join(websocket, member="ann").__aenter__()
        await other.stop()
        assert [await asyncio.wait_for(anext(changes), 5) for _ in range(2)] == [MemberJoined("ann"), MemberLeft("ann")]


async def test_member_is_disconnected_in_every_process(network: Network) -> None:
    (_, one), (_, other) = network.process(), network.process()
    (here, _), (there, _) = await socket(), await socket()
    async with Room(one, room=1).join(here, member="ann"), Room(other, room=2).join(there, member="ann"):
        await other.control.disconnect(Disconnect("ann", 4001, "out", "room:1"))
        await until(lambda: here.close_code == 4001, "closed in the other process")
        assert there.close_code is None
        await one.control.disconnect(Disconnect("ann"))
        await until(lambda: there.close_code == 1008, "closed in the other process")


async def test_word_that_is_not_understood_is_logged(network: Network, caplog: pytest.LogCaptureFixture) -> None:
    _, hub = network.process()
    await hub.control.listen()
    await hub.broker.publish(CONTROL, b'{"later":"version"}')
    await until(lambda: "does not understand" in caplog.text, "it is logged")


async def test_joined_sockets_outlive_the_broker_and_catch_up(network: Network) -> None:
    (line, hub), (_, other) = network.process(), network.process()
    (kept, transport), (plain, loose) = await socket(), await socket()
    async with Room(hub, room=1).join(kept), Plain(hub).join(plain):
        await Room(other, room=1).publish(1)
        await until(lambda: transport.taken == [b"1"], "it works")
        line.cut()
        with pytest.raises(BrokerUnavailable):
            await Room(hub, room=1).publish(0)
        with pytest.raises(BrokerUnavailable):
            async with Room(hub, room=2).join(kept):
                pass
        for number in (2, 3):
            await Room(other, room=1).publish(number)
            await Plain(other).publish(number)
        assert (kept.connected, plain.connected, hub.health().available) == (True, True, False)
        line.mend()
        await until(lambda: transport.taken == [b"1", b"2", b"3"], "caught up")
        await Plain(other).publish(4)
        await until(lambda: bool(loose.taken), "it goes on")
        assert loose.taken == [b"4"], "without history: at most once"
    assert hub.statistics()["followers"] == 0


async def test_sockets_whose_history_is_gone_are_told_to_rejoin(network: Network) -> None:
    (line, hub), (_, other) = network.process(), network.process()
    (kept, transport), (plain, _) = await socket(), await socket()
    async with Room(hub, room=1).join(kept), Plain(hub).join(plain), Room(hub, room=1).subscribe() as publications:
        await Room(hub, room=1).publish(0)
        assert (await anext(publications)).data == 0
        line.cut()
        for number in range(1, 8):
            await Room(other, room=1).publish(number)
        line.mend()
        await until(lambda: kept.close_code == REJOIN, "told")
        assert kept.close_reason == "rejoin: publications were missed"
        assert transport.taken == [b"0"]
        assert plain.connected
        with pytest.raises(PublicationsLost, match="the history no longer has them"):
            await anext(publications)


async def test_engine_that_comes_back_with_older_data_is_noticed(network: Network) -> None:
    """A replica that was promoted counts on from where it was: its offsets were given before."""
    line, hub = network.process()
    websocket, transport = await socket()
    async with Room(hub, room=1).join(websocket):
        for number in range(3):
            await Room(hub, room=1).publish(number)
        await until(lambda: len(transport.taken) == 3, "delivered")
        line.cut()
        network.rewind("room:1", 2)
        line.mend()
        await until(lambda: websocket.close_code == REJOIN, "told")


async def test_publication_that_was_lost_in_silence_is_found_by_the_check(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "CHECK_INTERVAL_S", 0.01)
    (line, hub), (_, other) = network.process(), network.process()
    websocket, transport = await socket()
    async with Room(hub, room=1).join(websocket):
        line.lossy = True
        await Room(other, room=1).publish(1)
        line.lossy = False
        await until(lambda: transport.taken == [b"1"], "found")


async def test_what_goes_on_by_itself_goes_on_after_a_fault(
    network: Network, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hub_module, "CHECK_INTERVAL_S", 0.005)
    (line, hub), (_, other) = network.process(), network.process()
    websocket, transport = await socket()
    async with Room(hub, room=1).join(websocket):
        working = line.positions

        async def broken(topics: Sequence[str]) -> list[Position | None]:
            raise ValueError("a fault of ours")

        monkeypatch.setattr(line, "positions", broken)
        await until(lambda: hub.restarts > 0, "it failed")
        monkeypatch.setattr(line, "positions", working)
        line.lossy = True
        await Room(other, room=1).publish(1)
        line.lossy = False
        await until(lambda: transport.taken == [b"1"], "it goes on")
    assert "it goes on" in caplog.text
    assert hub.health().restarts == hub.restarts


async def test_member_is_not_told_of_itself(network: Network) -> None:
    _, hub = network.process()
    (one, transport), (other, _) = await socket(), await socket()
    async with Room(hub, room=1).join(one, member="ann", presence=True):
        hub.on_presence("room:1", PresenceEvent("ann", joined=True))
        async with Room(hub, room=1).join(other, member="bob"):
            await until(lambda: len(transport.taken) == 1, "told of the other")
    assert transport.taken == [b'{"type":"member_joined","member":"bob"}']


@pytest.mark.integration
def test_workers_that_could_not_reach_each_other_do_not_start() -> None:
    command = [sys.executable, "-m", "apistar", "run", "examples.rooms:app", "--workers", "2", "--port", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert (
        "2 workers cannot serve examples.rooms:app: memory:// carries publications of Room within one process" in said
    )
    assert 'ASyncApp(broker="redis://…")' in said
    assert "Traceback" not in said
