"""Pings, lost peers and idle ones, on a clock that the test turns."""

from __future__ import annotations

import pytest

from apistar import Limits
from apistar.transports.keepalive import Due, Keepalive


def keepalive(**limits: float | None) -> tuple[Limits, Keepalive]:
    # The options have several types.
    given = Limits(**{"ping_interval_s": 20.0, "ping_timeout_s": 20.0, **limits})  # type: ignore[arg-type]
    return given, Keepalive(given, now=0.0)


def test_ping_leaves_after_each_interval_in_which_a_pong_came() -> None:
    limits, clock = keepalive()
    assert clock.next_in_s(limits, 0.0) == 20.0
    for now in (20.0, 40.0, 60.0):
        assert clock.due(limits, now, alive=False, reading=True) is Due.PING
        payload = clock.pinged(limits, now)
        assert clock.ponged(payload, now + 0.5) == 0.5
        assert clock.next_in_s(limits, now + 0.5) == 19.5
    assert clock.round_trip_s == 0.5


@pytest.mark.parametrize("interval_s", [1.0, 20.0, 30.0])
def test_silent_peer_is_lost_after_interval_and_timeout(interval_s: float) -> None:
    limits, clock = keepalive(ping_interval_s=interval_s)
    assert clock.due(limits, interval_s, alive=False, reading=True) is Due.PING
    clock.pinged(limits, interval_s)
    now = interval_s
    while (verdict := clock.due(limits, now, alive=False, reading=True)) is Due.NOTHING:
        wait_s = clock.next_in_s(limits, now)
        assert wait_s is not None
        assert wait_s > 0
        now += wait_s
    assert (verdict, now) == (Due.LOST, interval_s + 20.0)


@pytest.mark.parametrize(("alive", "reading"), [(True, True), (False, False)])
def test_peer_that_shows_life_is_pinged_again(alive: bool, reading: bool) -> None:
    limits, clock = keepalive(ping_interval_s=1.0)
    first = clock.pinged(limits, 1.0)
    assert clock.due(limits, 21.0, alive, reading) is Due.PING
    second = clock.pinged(limits, 21.0)
    assert first != second
    assert clock.due(limits, 41.0, alive=False, reading=True) is Due.LOST


def test_pings_go_on_where_no_pong_is_waited_for() -> None:
    limits, clock = keepalive(ping_timeout_s=None)
    for now in (20.0, 40.0, 1000.0):
        assert clock.due(limits, now, alive=False, reading=True) is Due.PING
        clock.pinged(limits, now)


def test_pong_that_nobody_asked_for_changes_nothing() -> None:
    limits, clock = keepalive()
    assert clock.ponged(b"unasked", 1.0) is None
    old = clock.pinged(limits, 20.0)
    assert clock.ponged(old, 20.1) is not None
    clock.pinged(limits, 40.0)
    assert clock.ponged(old, 41.0) is None
    assert clock.due(limits, 60.0, alive=False, reading=True) is Due.LOST


def test_peer_without_a_message_is_idle() -> None:
    limits, clock = keepalive(ping_interval_s=None, idle_timeout_s=5.0)
    clock.heard(3.0)
    assert clock.next_in_s(limits, 3.0) == 5.0
    assert clock.due(limits, 7.9, alive=True, reading=True) is Due.NOTHING
    assert clock.due(limits, 8.0, alive=True, reading=False) is Due.NOTHING
    assert clock.due(limits, 8.0, alive=True, reading=True) is Due.IDLE


def test_nothing_is_watched_where_nothing_is_limited() -> None:
    limits, clock = keepalive(ping_interval_s=None, ping_timeout_s=None)
    assert clock.next_in_s(limits, 0.0) is None
