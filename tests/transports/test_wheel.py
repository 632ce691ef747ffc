"""The deadlines of many members on one timer, with a loop whose clock the test turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apistar.transports.wheel import TICKS_PER_S, Bucket, Wheel

TICK_S = 1 / TICKS_PER_S


class Timer:
    """One call that a loop was asked for."""

    def __init__(self, when: float, call: Callable[[], object]) -> None:
        self.when = when
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """As much of an event loop as the wheel asks for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []
        self.faults: list[object] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        self.timers.append(Timer(when, lambda: callback(*args)))
        return self.timers[-1]

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.faults.append(context["exception"])

    @property
    def armed(self) -> list[float]:
        """When it is to call."""
        return sorted(timer.when for timer in self.timers if not timer.cancelled)

    def turn(self, until: float) -> None:
        """Let time pass, and make the calls that are due."""
        while self.armed and self.armed[0] <= until:
            timer = min((timer for timer in self.timers if not timer.cancelled), key=lambda timer: timer.when)
            self.timers.remove(timer)
            self.now = max(self.now, timer.when)
            timer.call()
        self.now = until


class Connection:
    """A member that notes when it was called."""

    def __init__(self, clock: Clock) -> None:
        self.bucket: Bucket | None = None
        self.clock = clock
        self.called: list[float] = []

    def on_deadline(self) -> None:
        self.called.append(self.clock.now)


@pytest.fixture
def clock() -> Any:
    return Clock()


def test_deadline_comes_once_and_never_early(clock: Any) -> None:
    wheel, one = Wheel(), Connection(clock)
    wheel.schedule(one, 1.0, clock)
    clock.turn(1.0)
    assert one.called == []
    clock.turn(10.0)
    [when] = one.called
    assert 1.0 < when <= 1.0 + TICK_S
    assert clock.armed == []


def test_earlier_deadline_moves_the_timer_and_a_later_one_changes_nothing(clock: Any) -> None:
    wheel, one, other = Wheel(), Connection(clock), Connection(clock)
    wheel.schedule(one, 10.0, clock)
    wheel.schedule(one, 20.0, clock)
    wheel.schedule(other, 5.0, clock)
    wheel.schedule(other, 2.0, clock)
    assert len(clock.armed) == 1
    clock.turn(3.0)
    assert (len(one.called), len(other.called)) == (0, 1)
    clock.turn(11.0)
    assert (len(one.called), len(other.called)) == (1, 1)


def test_member_that_is_forgotten_is_not_called_and_the_others_are(clock: Any) -> None:
    wheel = Wheel()
    same, later, gone = Connection(clock), Connection(clock), Connection(clock)
    wheel.schedule(same, 1.0, clock)
    wheel.schedule(gone, 1.0, clock)
    wheel.schedule(later, 2.0, clock)
    wheel.forget(gone)
    wheel.forget(gone)
    clock.turn(1.5)
    wheel.schedule(gone, 0.1, clock)
    wheel.forget(gone)
    clock.turn(5.0)
    assert [len(member.called) for member in (same, later, gone)] == [1, 1, 0]


def test_wheel_that_nobody_waits_on_has_no_timer(clock: Any) -> None:
    wheel, one, other = Wheel(), Connection(clock), Connection(clock)
    wheel.schedule(one, 1.0, clock)
    wheel.schedule(other, 3.0, clock)
    wheel.forget(one)
    assert len(clock.armed) == 1
    wheel.forget(other)
    assert clock.armed == []
    wheel.schedule(one, 1.0, clock)
    clock.turn(2.0)
    assert len(one.called) == 1


def test_member_that_fails_costs_the_others_nothing(clock: Any) -> None:
    class Faulty(Connection):
        def on_deadline(self) -> None:
            raise ValueError("boom")

    wheel, members = Wheel(), [Faulty(clock), Connection(clock), Faulty(clock), Connection(clock)]
    for member in members:
        wheel.schedule(member, 1.0, clock)
    later = Connection(clock)
    wheel.schedule(later, 2.0, clock)
    clock.turn(5.0)
    assert [len(member.called) for member in (members[1], members[3], later)] == [1, 1, 1]
    assert [str(fault) for fault in clock.faults] == ["boom", "boom"]


def test_member_may_forget_another_and_schedule_itself_when_it_is_called(clock: Any) -> None:
    wheel = Wheel()

    class Again(Connection):
        other: Connection

        def on_deadline(self) -> None:
            super().on_deadline()
            wheel.forget(self.other)
            if len(self.called) < 3:
                wheel.schedule(self, 1.0, clock)

    one, other = Again(clock), Again(clock)
    one.other, other.other = other, one
    wheel.schedule(one, 1.0, clock)
    wheel.schedule(other, 1.0, clock)
    clock.turn(10.0)
    assert sorted([len(one.called), len(other.called)]) == [0, 3]
    assert clock.armed == []


steps = st.lists(
    st.tuples(st.sampled_from(["schedule", "schedule", "forget", "turn"]), st.integers(0, 4), st.floats(0, 3)),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(steps)
def test_any_order_of_calls_keeps_every_deadline(steps: list[tuple[str, int, float]]) -> None:
    clock: Any = Clock()
    wheel = Wheel()
    members = [Connection(clock) for _ in range(5)]
    due: dict[int, float] = {}
    for step, number, value in steps:
        if step == "schedule":
            wheel.schedule(members[number], value, clock)
            due[number] = min(due.get(number, clock.now + value), clock.now + value)
        elif step == "forget":
            wheel.forget(members[number])
            due.pop(number, None)
        else:
            clock.turn(clock.now + value)
        for number, when in list(due.items()):
            if members[number].called:
                assert when < members[number].called.pop() <= when + TICK_S + 1e-9
                del due[number]
            else:
                assert clock.now <= when + TICK_S + 1e-9
        assert not any(member.called for member in members)
        assert len(clock.armed) == bool(due)
