"""Whose handshake of TLS runs, who waits, and who makes room: the rules, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable
from typing import Any, cast

import pytest

from apistar.server import tls_admission
from apistar.server.tls_admission import PATIENCE_S, TLSAdmission
from apistar.server.tls_listener import group_of

PLACES = 2


class Clock:
    """As much of a loop as an admission asks for; the test turns it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Any:
        self.timers.append((when, callback))
        return self

    def cancel(self) -> None:
        self.timers.clear()

    def turn(self, seconds: float) -> None:
        self.now += seconds
        due = [timer for timer in self.timers if timer[0] <= self.now]
        self.timers = [timer for timer in self.timers if timer[0] > self.now]
        for _, callback in due:
            callback()


class Door:
    """An admission, and what it did to whom."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.begun: list[str] = []
        self.dropped: list[str] = []
        self.crowded_out = 0
        loop = cast(asyncio.AbstractEventLoop, self.clock)
        self.admission = TLSAdmission(loop, PLACES, self._count)

    def _count(self) -> None:
        self.crowded_out += 1

    def arrive(self, names: Iterable[str], *, speaking: bool = True) -> list[Client]:
        """Clients by name, whose first letter is their address."""
        clients = [Client(self, name) for name in names]
        for client in clients:
            self.admission.arrive(client)
            if speaking:
                self.admission.speak(client)
        return clients


class Client:
    """A connection that ends when it is dropped."""

    def __init__(self, door: Door, name: str) -> None:
        self.door = door
        self.name = name
        self.address: Hashable = name[0]

    def begin(self) -> None:
        self.door.begun.append(self.name)

    def drop(self) -> None:
        self.door.dropped.append(self.name)
        self.door.admission.leave(self)


@pytest.fixture
def door() -> Door:
    return Door()


def test_as_many_handshakes_run_as_there_are_places(door: Door) -> None:
    first, _, _ = door.arrive(["a1", "b1", "c1"])
    assert door.begun == ["a1", "b1"]
    door.admission.leave(first)
    assert door.begun == ["a1", "b1", "c1"]
    assert door.dropped == []


def test_silent_clients_take_no_place(door: Door) -> None:
    silent = door.arrive(["a1", "a2", "a3"], speaking=False)
    door.arrive(["b1", "b2"])
    assert door.begun == ["b1", "b2"]
    door.admission.leave(silent[0])
    assert door.begun == ["b1", "b2"]


def test_addresses_take_turns_and_whoever_came_last_is_first(door: Door) -> None:
    running = door.arrive(["a1", "a2"])
    door.arrive(["a3", "a4", "a5", "b1", "c1", "c2"])
    for client in running:
        door.admission.leave(client)
    assert door.begun[PLACES:] == ["a5", "b1"]
    door.clock.turn(PATIENCE_S)
    assert door.begun[PLACES + 2 :] == ["c2", "a4"]


def test_handshake_keeps_its_place_while_nobody_waits(door: Door) -> None:
    door.arrive(["a1", "a2"])
    door.clock.turn(PATIENCE_S * 5)
    assert (door.dropped, door.crowded_out) == ([], 0)
    door.arrive(["b1"])
    door.clock.turn(0.0)
    assert (door.dropped, door.begun, door.crowded_out) == (["a1"], ["a1", "a2", "b1"], 1)


def test_young_handshake_keeps_its_place_before_those_who_wait(door: Door) -> None:
    door.arrive(["a1"])
    door.clock.turn(PATIENCE_S / 2)
    door.arrive(["a2", "b1", "b2"])
    door.clock.turn(PATIENCE_S * 0.6)
    assert door.dropped == ["a1"]
    door.clock.turn(PATIENCE_S * 0.6)
    assert door.dropped == ["a1", "a2"]
    assert door.begun == ["a1", "a2", "b2", "b1"]


def test_place_of_a_dropped_handshake_is_free_when_it_costs_nothing_any_more(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Client, "drop", lambda client: door.dropped.append(client.name))
    first, _, third, _ = door.arrive(["a1", "a2", "b1", "b2"])
    door.clock.turn(PATIENCE_S)
    assert (door.dropped, door.begun) == (["a1", "a2"], ["a1", "a2"])
    door.admission.leave(first)
    assert door.begun == ["a1", "a2", "b2"]
    door.clock.turn(PATIENCE_S * 0.9)
    assert door.dropped == ["a1", "a2"]
    door.admission.leave(third)
    assert door.crowded_out == 2


def test_whoever_waits_longest_makes_room_for_a_newcomer(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_admission, "MAX_WAITING", 3)
    running = door.arrive(["a1", "a2"])
    door.arrive(["a3"])
    door.arrive(["b1", "c1", "d1"], speaking=False)
    assert (door.dropped, door.crowded_out) == (["a3"], 1)
    door.admission.leave(running[0])
    assert door.begun == ["a1", "a2"], "nobody of those who are left has spoken"
    assert door.admission.make_room()
    assert door.dropped == ["a3", "b1"]


def test_nobody_is_left_to_make_room(door: Door) -> None:
    door.arrive(["a1", "a2"])
    assert not door.admission.make_room()
    assert door.crowded_out == 0


def test_closing_drops_all_and_lets_nobody_in(door: Door) -> None:
    door.arrive(["a1", "a2", "b1"])
    door.arrive(["c1"], speaking=False)
    door.admission.close()
    assert sorted(door.dropped) == ["a1", "a2", "b1", "c1"]
    assert (door.begun, door.crowded_out) == (["a1", "a2"], 0)


@pytest.mark.parametrize(
    ("address", "group"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("::ffff:192.0.2.7", 1, 0, 0), "::ffff:192.0.2.7"),
        (("2001:db8::7", 1, 0, 0), bytes.fromhex("20010db800000000")),
        (("2001:db8:0:0:1::", 1, 0, 0), bytes.fromhex("20010db800000000")),
        (("fe80::1%lo", 1, 0, 1), bytes.fromhex("fe80000000000000")),
        ("", None),
    ],
)
def test_clients_of_one_network_share_their_turns(address: object, group: object) -> None:
    assert group_of(address) == group
