"""
Any order of calls, over every broker, against a model: what each subscriber was told, and what each read gave.

Time is turned where the world lets us; a lost connection and a restart are made by hand elsewhere: in the network of
`tests/channels/test_delivery.py`, and with real processes in `tests/channels/test_engine_failures.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from apistar.channels import Broker, History, Position
from tests.contracts.brokers import WORLDS, Recorder, World, place
from tests.transports.wire import until

T = TypeVar("T")
HISTORY = History(size=4, ttl_s=30)
KEY_TTL_S = 20.0
TOPICS = ("a", "b", "loose")
"""The last one without history, as its channel would have it."""
PROCESSES = 2
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)


class BrokerModel(RuleBasedStateMachine):
    """Two processes; the model is what was published, when, and who listened."""

    world_name = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.now = 0.0
        self.count = 0
        self.kept: dict[str, list[tuple[float, bytes]]] = {topic: [] for topic in TOPICS}
        self.epochs: dict[str, str] = {}
        self.keys: dict[tuple[str, str], tuple[float, Position | None]] = {}
        self.run(self.open())

    async def open(self) -> None:
        self.world: World = await self.stack.enter_async_context(WORLDS[self.world_name]())
        self.processes: list[tuple[Broker, Recorder]] = [await self.world.broker() for _ in range(PROCESSES)]
        if not self.world.shared:
            del self.processes[1:]
        self.subscribed: list[set[str]] = [set() for _ in self.processes]
        self.expected: list[list[tuple[str, bytes]]] = [[] for _ in self.processes]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def broker(self, number: int) -> Broker:
        return self.processes[number % len(self.processes)][0]

    @rule(
        process=st.integers(0, 1),
        topic=st.sampled_from(TOPICS),
        key=st.none() | st.sampled_from(["k", "l"]),
        count=st.integers(1, 4),
    )
    def publish(self, process: int, topic: str, key: str | None, count: int) -> None:
        for _ in range(count):
            self.count += 1
            payload = b"%d" % self.count
            history = topic != "loose"
            chosen = HISTORY if history else None
            position = self.run(
                self.broker(process).publish(topic, payload, chosen, idempotency_key=key, idempotency_ttl_s=KEY_TTL_S)
            )
            if key is not None:
                until_s, before = self.keys.get((topic, key), (-1.0, None))
                if until_s > self.now:
                    assert position == before, "a repeated publish gives the first one's position"
                    continue
                self.keys[topic, key] = (self.now + KEY_TTL_S, position)
            if history:
                self.kept[topic].append((self.now, payload))
                assert place(position) == self.place(topic, len(self.kept[topic]), position)
            else:
                assert position is None
            for subscribed, expected in zip(self.subscribed, self.expected, strict=True):
                if topic in subscribed:
                    expected.append((topic, payload))

    def place(self, topic: str, offset: int, seen: Position | None) -> tuple[str, int]:
        """The place that must come; the epoch is that of the first one."""
        assert seen is not None
        return self.epochs.setdefault(topic, seen.epoch), offset

    @rule(process=st.integers(0, 1), topic=st.sampled_from(TOPICS))
    def subscribe(self, process: int, topic: str) -> None:
        self.run(self.broker(process).subscribe(topic))
        self.subscribed[process % len(self.processes)].add(topic)

    @rule(process=st.integers(0, 1), topic=st.sampled_from(TOPICS))
    def unsubscribe(self, process: int, topic: str) -> None:
        number = process % len(self.processes)
        self.run(self.arrived(number))
        self.run(self.broker(process).unsubscribe(topic))
        self.subscribed[number].discard(topic)

    @rule(process=st.integers(0, 1), topic=st.sampled_from(TOPICS), back=st.integers(0, 6), strange=st.booleans())
    def read(self, process: int, topic: str, back: int, strange: bool) -> None:
        kept = self.kept[topic]
        start = self.run(self.broker(process).read(topic, HISTORY)).position
        assert place(start) == self.place(topic, len(kept), start)
        since = Position("strange" if strange else start.epoch, max(0, len(kept) - back))
        page = self.run(self.broker(process).read(topic, HISTORY, since))
        assert page.position == start
        alive = [
            (offset, payload)
            for offset, (made, payload) in enumerate(kept, 1)
            if made + HISTORY.ttl_s > self.now and offset > len(kept) - HISTORY.size
        ]
        wanted = [] if strange else [(offset, payload) for offset, payload in alive if offset > since.offset]
        found = [(one.position.offset, one.payload) for one in page.publications if one.position is not None]
        assert found == wanted
        assert page.continues(since) == (not strange and len(wanted) == len(kept) - since.offset)

    @precondition(lambda self: not self.world.shared)
    @rule(seconds=st.sampled_from([1.0, 12.0, 25.0, 40.0]))
    def pass_time(self, seconds: float) -> None:
        self.run(self.world.pass_time(seconds))
        self.now += seconds

    async def arrived(self, number: int) -> None:
        recorder, expected = self.processes[number][1], self.expected[number]
        await until(lambda: len(recorder.publications) >= len(expected), f"{expected[-1:]} arrived")
        assert [(topic, one.payload) for topic, one in recorder.publications] == expected

    def teardown(self) -> None:
        try:
            for number in range(len(self.processes)):
                self.run(self.arrived(number))
        finally:
            self.run(self.stack.aclose())
            self.runner.close()


@pytest.mark.parametrize("name", WORLDS)
def test_every_call_does_what_the_model_says(name: str) -> None:
    machine = type("BrokerModel", (BrokerModel,), {"world_name": name})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=50 if name == "memory" else 15,
            stateful_step_count=30,
            deadline=None,
            phases=PHASES if name == "memory" else PHASES[:-1],  # shrinking takes as long as its waits
            suppress_health_check=list(HealthCheck),
        ),
    )
