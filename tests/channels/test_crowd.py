"""
Channels over several server processes and a real engine, while processes are killed and the engine fails.

Publishers publish over HTTP, over sockets and from a script; each of the clients keeps what it saw, and `crowd.py`
holds that to the promises.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from tests.channels.connections import Connections
from tests.channels.crowd import Crowd, Joined, Seen
from tests.channels.engines import EVERY_ENGINE, Engine, running_engine
from tests.integration.serving import wait_for_port
from tests.server.processes import ROOT, free_port
from tests.transports.wire import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


class Servers:
    """Server processes of one application, each on a port of its own; no client is bound to one."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._running: dict[int, subprocess.Popen[str]] = {}

    def ports(self) -> list[int]:
        return list(self._running)

    def start(self) -> None:
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "apistar", "run", "tests.channels.crowd_app:app", "--port", str(port),
             "--log-level", "warning", "--no-access-log"],
            cwd=ROOT,
            env={**os.environ, "BROKER_URL": self._url},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )  # fmt: skip
        wait_for_port(port, process)
        self._running[port] = process

    def kill(self) -> None:
        """Kill the oldest one as `kill -9` does."""
        port = next(iter(self._running))
        process = self._running.pop(port)
        process.kill()
        process.wait()

    def stop(self) -> None:
        for process in self._running.values():
            process.kill()
            process.wait()


@pytest.fixture(params=EVERY_ENGINE)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with running_engine(request.param, tmp_path) as running:
        yield running


@contextlib.asynccontextmanager
async def running(engine: Engine, processes: int, clients: int) -> AsyncIterator[tuple[Crowd, Servers]]:
    """A crowd that follows and publishes while the block runs; then it is given time to catch up, and judged."""
    servers = Servers(engine.url)
    try:
        for _ in range(processes):
            await asyncio.to_thread(servers.start)
        crowd = Crowd(servers.ports)
        followers = [asyncio.ensure_future(crowd.follow()) for _ in range(clients)]
        publishers = [
            asyncio.ensure_future(crowd.publish_by_http("http", 0.01)),
            asyncio.ensure_future(crowd.publish_by_http("http-2", 0.02)),
            asyncio.ensure_future(crowd.publish_by_socket("socket", 0.01)),
            asyncio.ensure_future(crowd.publish_by_script("script", engine.url, 0.01)),
        ]
        try:
            await until(lambda: bool(crowd.confirmed) and all(crowd.records), "everybody joined", 90)
            yield crowd, servers
            before = len(crowd.confirmed)
            await until(lambda: len(crowd.confirmed) > before + 20, "publications are made again", 90)
            await _ended(publishers)
            await until(crowd.caught_up, "everybody saw the newest publication", 120)
        finally:
            await _ended([*publishers, *followers])
    finally:
        servers.stop()


async def _ended(tasks: Sequence[asyncio.Future[None]]) -> None:
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(outcome, asyncio.CancelledError), outcome


@pytest.mark.parametrize(
    ("engine", "processes"),
    [
        pytest.param(name, processes, marks=pytest.mark.requires(name))
        for name, processes in (("redis", 2), ("redis", 4), ("postgresql", 4))
    ],
    indirect=["engine"],
)
async def test_nothing_is_lost_while_processes_are_killed(engine: Engine, processes: int) -> None:
    async with running(engine, processes, 200) as (crowd, servers):
        for _ in range(processes // 2):
            await asyncio.sleep(1)
            await asyncio.to_thread(servers.start)
            await asyncio.to_thread(servers.kill)
        await asyncio.sleep(1)
        await until(lambda: len(crowd.confirmed) > 150, "enough publications were made", 90)
    counts = crowd.judge()
    assert counts["recovered"] >= 100, "who was on a process that was killed came back without a loss"
    assert counts["seen"] > 200 * 100
    assert 4205 not in crowd.codes, "a process that is killed concerns nobody else"


async def test_nothing_is_lost_while_the_engine_fails(engine: Engine) -> None:
    async with running(engine, 2, 50) as (crowd, _):
        for connections in (Connections.LISTENING, Connections.COMMANDS, Connections.LISTENING):
            await asyncio.sleep(0.5)
            await asyncio.to_thread(engine.cut, connections)
        engine.pause()
        await asyncio.sleep(1.5)
        engine.resume()
        await asyncio.sleep(0.5)
        engine.kill()
        await asyncio.sleep(0.3)
        await asyncio.to_thread(engine.start)
        await asyncio.sleep(0.5)
    counts = crowd.judge()
    assert counts["joins"] == 50, "sockets stay when the engine goes"
    assert crowd.codes == []


async def test_engine_that_lost_its_data_is_told_to_everybody(engine: Engine) -> None:
    async with running(engine, 2, 50) as (crowd, _):
        await asyncio.sleep(0.5)
        engine.kill()
        engine.forget()
        await asyncio.to_thread(engine.start)
        await until(lambda: all(map(_came_back, crowd.records)), "everybody was sent away, and came back", 90)
        crowd.confirmed.clear()
    assert sorted(set(crowd.codes)) == [4205]
    counts = crowd.judge()
    # Once, or once more: a client may come back to a process that has not seen yet what the first one has.
    assert counts["joins"] >= 100, "everybody was sent away, and came back"
    joins = [event for record in crowd.records for event in record if isinstance(event, Joined)]
    lost = crowd.records[0][0].position[0]
    assert len({event.position[0] for event in joins}) == 2, "one epoch for another"
    assert not any(event.recovered and event.since and event.since[0] == lost for event in joins)


def _came_back(record: list[Joined | Seen]) -> bool:
    return sum(isinstance(event, Joined) for event in record) > 1


def _record(*events: Joined | Seen) -> Crowd:
    crowd = Crowd(list)
    crowd.attempted = {("p", number) for number in range(10)}
    crowd.records = [[Joined(False, ("e", 0), None), *events], [Joined(False, ("e", 0), None)]]
    return crowd


def test_record_without_fault_is_judged_so() -> None:
    seen = [Seen(("e", number), ("p", number)) for number in range(1, 4)]
    recovered = Joined(True, ("e", 3), ("e", 2))
    assert _record(*seen[:2], recovered, seen[2]).judge() == {"seen": 3, "joins": 3, "recovered": 1}


@pytest.mark.parametrize(
    ("fault", "events"),
    [
        ("phantom", [Seen(("e", 1), ("p", 11))]),
        ("duplicate", [Seen(("e", 1), ("p", 1)), Seen(("e", 1), ("p", 1))]),
        ("lost", [Seen(("e", 1), ("p", 1)), Seen(("e", 3), ("p", 3))]),
        ("lost", [Seen(("e", 1), ("p", 1)), Joined(True, ("e", 3), ("e", 1)), Seen(("e", 3), ("p", 3))]),
        ("recovered from elsewhere", [Seen(("e", 1), ("p", 1)), Joined(True, ("e", 1), ("e", 0))]),
        ("another epoch", [Seen(("f", 1), ("p", 1))]),
        ("out of order", [Seen(("e", 1), ("p", 2)), Seen(("e", 2), ("p", 1))]),
    ],
)
def test_record_with_a_fault_is_found_out(fault: str, events: list[Joined | Seen]) -> None:
    with pytest.raises(AssertionError, match=fault):
        _record(*events).judge()
