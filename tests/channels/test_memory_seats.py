"""Seats of the broker in memory: against a model that looks at every one, and what a look costs."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from apistar.channels.memory_seats import Seats

MEMBERS, NAMES = ["ann", "bob"], ["one", "two"]
Step = tuple[str, str, str, float]
steps = st.lists(
    st.tuples(
        st.sampled_from(["take", "shorten", "pass"]),
        st.sampled_from(MEMBERS),
        st.sampled_from(NAMES),
        st.integers(0, 5).map(float),
    ),
    max_size=40,
)


@given(steps)
def test_who_is_present_and_who_is_gone_is_what_a_look_at_every_seat_says(taken: list[Step]) -> None:
    seats = Seats()
    model: dict[tuple[str, str], float] = {}
    now = 0.0
    for what, member, name, time in taken:
        if what == "take":
            seats.take(member, name, now + time)
            model[member, name] = now + time
        elif what == "shorten":
            assert seats.shorten(member, name, now + time) == ((member, name) in model)
            if (member, name) in model:
                model[member, name] = min(model[member, name], now + time)
        else:
            now += time
            before = {member for member, _ in model}
            model = {seat: ends for seat, ends in model.items() if ends > now}
            assert sorted(seats.look(now)) == sorted(before - {member for member, _ in model})
        assert seats.present(now) == sorted({member for (member, _), ends in model.items() if ends > now})
        assert len(seats) == len({member for member, _ in model})


def test_look_reads_only_what_has_run_out() -> None:
    """And a seat that is kept again and again stands in the heap once."""
    seats = Seats()
    for number in range(1000):
        seats.take(f"m{number}", "seat", 100.0)
    for time in range(1, 50):
        for number in range(1000):
            seats.take(f"m{number}", "seat", 100.0 + time)
        assert seats.look(float(time)) == []
    assert len(seats._looks) == 1000
    seats.shorten("m7", "seat", 50.0)
    assert seats.look(50.0) == ["m7"]
    assert len(seats._looks) == 1000, "m7's first look is still planned, and finds nobody"
    assert seats.look(148.0) == []
    assert len(seats.look(149.0)) == 999
    assert seats._looks == []
