"""
What every subscriber must have seen, whatever happens to the network: a model, and a machine that looks for a way out.

The machine publishes, joins, leaves, cuts lines, loses deliveries in silence, lets an engine forget its data or come
back with older ones. The model knows which publication came before each, in the life of the topic in which it was made,
and which of them the engine still has. At the end everything is mended, and each subscriber is held to: no phantom, no
duplicate, in order, nothing missing in the middle; and, unless it was told so, everything of the life that goes on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

import apistar.channels.topic as topic_module
from apistar.channels import REJOIN, Channel, History, Hub, Position, Publication
from apistar.channels import hub as hub_module
from apistar.channels.joining import Joining
from apistar.exceptions import BrokerUnavailable, WebSocketDisconnect
from tests.channels.simulation import FakeTransport, Line, Network, socket

PROCESSES = 2
CHECK_S = 0.004


class Log(Channel[int]):
    topic = "log"
    history = History(size=6)


class Loose(Channel[int]):
    """Without history: at most once."""

    topic = "loose"


Known: TypeAlias = int | str
"""A publication's value; the topic's epoch for what was before the first one."""


@dataclass
class Follower:
    """
    One socket, and what it was told.

    Attributes:
        after: What it knew already when it began.
    """

    join: Joining
    transport: FakeTransport
    after: Known
    left: bool = False

    @property
    def values(self) -> list[int]:
        return [int(payload) for payload in self.transport.taken]

    @property
    def told(self) -> bool:
        return self.transport.ending is not None and self.transport.ending.code == REJOIN


class Delivery(RuleBasedStateMachine):
    """
    Two processes on one engine.

    Attributes:
        alive: What the engine has published and not forgotten.
        before: What was published before each.
        made: Every publication by its position, also those that the engine has forgotten.
    """

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.network = Network()
        self.network.watch = self.note
        self.alive: list[int] = []
        self.before: dict[int, Known] = {}
        self.made: dict[Position, int] = {}
        self.followers: list[Follower] = []
        self.loose: list[tuple[Joining, FakeTransport]] = []
        self.counter = 0
        self.processes: list[tuple[Line, Hub]] = self.run(self._start())

    async def _start(self) -> list[tuple[Line, Hub]]:
        return [self.network.process() for _ in range(PROCESSES)]

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    # Publishing

    @rule(process=st.integers(0, PROCESSES - 1), count=st.integers(1, 8), at_once=st.booleans())
    def publish(self, process: int, count: int, at_once: bool) -> None:
        self.run(self._publish(process, count, at_once))

    def note(self, topic: str, publication: Publication) -> None:
        """Told by the network before anybody else is."""
        if publication.position is not None:
            value = int(publication.payload)
            self.before[value] = self.alive[-1] if self.alive else publication.position.epoch
            self.made[publication.position] = value
            self.alive.append(value)

    async def _publish(self, process: int, count: int, at_once: bool) -> None:
        _, hub = self.processes[process]
        for _ in range(count):
            self.counter += 1
            value = self.counter
            try:
                await Log(hub).publish(value)
                await Loose(hub).publish(value)
            except BrokerUnavailable:
                continue
            if not at_once:
                await asyncio.sleep(0)

    # Joining and leaving

    @rule(process=st.integers(0, PROCESSES - 1), back=st.integers(0, 9), ask=st.booleans())
    def join(self, process: int, back: int, ask: bool) -> None:
        self.run(self._join(process, back if ask else None))

    @rule(
        process=st.integers(0, PROCESSES - 1),
        publisher=st.integers(0, PROCESSES - 1),
        count=st.integers(1, 8),
        back=st.none() | st.integers(0, 5),
        first=st.booleans(),
    )
    def join_while_somebody_publishes(
        self, process: int, publisher: int, count: int, back: int | None, first: bool
    ) -> None:
        async def work() -> None:
            both = [self._join(process, back), self._publish(publisher, count, False)]
            await asyncio.gather(*(both if first else reversed(both)))

        self.run(work())

    async def _join(self, process: int, back: int | None) -> None:
        since = None if back is None else next(islice(reversed(self.made), back, None), None)
        websocket, transport = await socket()
        joining = Log(self.processes[process][1]).join(websocket, since=since)
        try:
            seat = await joining.__aenter__()
        except (BrokerUnavailable, WebSocketDisconnect):
            return  # told, if publications were lost meanwhile
        known = since if seat.recovered and since is not None else seat.position
        self.followers.append(Follower(joining, transport, self.made.get(known, known.epoch)))

    @rule(process=st.integers(0, PROCESSES - 1))
    def join_loosely(self, process: int) -> None:
        async def work() -> None:
            websocket, transport = await socket()
            joining = Loose(self.processes[process][1]).join(websocket)
            try:
                await joining.__aenter__()
            except BrokerUnavailable:
                return
            self.loose.append((joining, transport))

        self.run(work())

    # Who has joined depends on how long things take, and hypothesis must not: these do nothing where nobody is there.

    @rule(which=st.integers(0, 9))
    def leave(self, which: int) -> None:
        async def work() -> None:
            for follower in self.followers[which : which + 1]:
                follower.join.leave()
                follower.left = True
            await asyncio.sleep(0)

        self.run(work())

    @rule(which=st.integers(0, 9))
    def block(self, which: int) -> None:
        """A client stops reading for a while; few enough wait that its policy does not act."""
        for follower in self.followers[which : which + 1]:
            follower.transport.blocked = True

    # The network

    @rule(process=st.integers(0, PROCESSES - 1))
    def cut(self, process: int) -> None:
        self.run(self._do(self.processes[process][0].cut))

    @rule(process=st.integers(0, PROCESSES - 1))
    def mend(self, process: int) -> None:
        self.run(self._do(self.processes[process][0].mend))

    @rule(process=st.integers(0, PROCESSES - 1), lossy=st.booleans())
    def lose(self, process: int, lossy: bool) -> None:
        self.processes[process][0].lossy = lossy

    @rule(process=st.integers(0, PROCESSES - 1), turns=st.integers(0, 6))
    def slow_down(self, process: int, turns: int) -> None:
        self.processes[process][0].turns = turns

    @rule(turns=st.integers(1, 20))
    def turn(self, turns: int) -> None:
        async def work() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.run(work())

    @rule()
    def wipe(self) -> None:
        """The engine restarts without its data; its clients notice by their connections."""

        async def work() -> None:
            self.network.wipe()
            self.alive.clear()
            for line, _ in self.processes:
                line.cut()
                line.mend()

        self.run(work())

    @rule(publications=st.integers(1, 6), noticed=st.booleans())
    def rewind(self, publications: int, noticed: bool) -> None:
        """A replica that had not got the newest publications is promoted; its clients come to it one by one."""

        async def work() -> None:
            for line, _ in self.processes:
                if noticed:
                    line.cut()
            self.network.rewind("log", publications)
            del self.alive[-publications:]

        self.run(work())

    async def _do(self, work: Any) -> None:
        work()
        await asyncio.sleep(0)

    # What must be

    def teardown(self) -> None:
        try:
            self.run(self._settle())
            for follower in self.followers:
                self.hold(follower)
            for _, transport in self.loose:
                self.hold_loosely(transport)
        finally:
            self.run(self._stop())
            self.runner.close()

    async def _settle(self) -> None:
        for line, _ in self.processes:
            line.lossy = False
            line.mend()
        for follower in self.followers:
            follower.transport.unblock()
        for _ in range(3):
            # Quiet topics are compared with the engine twice within three rounds of the check.
            await asyncio.sleep(3 * CHECK_S)
        for _ in range(2000):
            if not any(topic.stream.reading or topic._pending for _, hub in self.processes for topic in topics(hub)):
                break
            await asyncio.sleep(0.001)

    async def _stop(self) -> None:
        for follower in self.followers:
            follower.join.leave()
        for joining, _ in self.loose:
            joining.leave()
        for _, hub in self.processes:
            await hub.stop()

    def hold(self, follower: Follower) -> None:
        values = follower.values
        assert len(set(values)) == len(values), f"duplicates: {values}"
        assert set(values) <= self.before.keys(), f"phantoms: {values}"
        known = follower.after
        for value in values:
            assert self.before[value] == known, f"{self.before[value]} is missing after {known} in {values}"
            known = value
        if not follower.left and not follower.told:
            assert known == self.newest(), f"lost without a word after {known}: {self.alive}"

    def newest(self) -> Known:
        """What everybody must know at the end."""
        return self.alive[-1] if self.alive else self.network.engine._record("log").position.epoch

    def hold_loosely(self, transport: FakeTransport) -> None:
        values = [int(payload) for payload in transport.taken]
        assert values == sorted(set(values))
        assert transport.ending is None, "sockets without history stay, whatever happens"


def topics(hub: Hub) -> list[Any]:
    return list(hub._topics.values())


@pytest.fixture
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "CHECK_INTERVAL_S", CHECK_S)
    monkeypatch.setattr(hub_module, "PAUSE_S", CHECK_S)
    monkeypatch.setattr(topic_module, "RETRY_S", 0.001)
    monkeypatch.setattr(topic_module, "RETRY_MOST_S", 0.002)


@pytest.mark.usefixtures("in_haste")
def test_every_subscriber_sees_what_the_model_says() -> None:
    run_state_machine_as_test(
        Delivery,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=False,
        ),
    )
