"""What positions, publications and pages say of one another."""

from __future__ import annotations

import pytest

from apistar.channels import History, Page, Position, Presence, Publication
from apistar.channels.broker import POSITION_TTL_S
from apistar.channels.remote import position_ttl_s
from apistar.exceptions import ConfigurationError

HERE = Position("a", 5, "t5")


@pytest.mark.parametrize(
    ("other", "covered"),
    [
        (Position("a", 5, "t5"), True),
        (Position("a", 5), True),
        (Position("a", 5, "another"), False),
        (Position("a", 4, "any"), True),
        (Position("a", 6), False),
        (Position("b", 5, "t5"), False),
        (Position("b", 4), False),
    ],
)
def test_position_covers_what_is_older_or_the_same_in_its_own_life(other: Position, covered: bool) -> None:
    assert HERE.covers(other) is covered


@pytest.mark.parametrize(
    ("mine", "other", "agree"), [("", "", True), ("x", "", True), ("", "x", True), ("x", "x", True), ("x", "y", False)]
)
def test_tag_that_nobody_knows_agrees_with_every_other(mine: str, other: str, agree: bool) -> None:
    assert Position("a", 1, mine).agrees(other) is agree


@pytest.mark.parametrize(
    ("position", "previous", "follows"),
    [
        (Position("a", 6, "t6"), "t5", True),
        (Position("a", 6, "t6"), "", True),
        (Position("a", 6, "t6"), "another", False),
        (Position("a", 7, "t7"), "t5", False),
        (Position("a", 5, "t5"), "t5", False),
        (Position("b", 6, "t6"), "t5", False),
        (None, "t5", False),
    ],
)
def test_publication_follows_the_one_that_it_names(position: Position | None, previous: str, follows: bool) -> None:
    assert Publication(b"", position, previous).follows(HERE) is follows


SIX = Publication(b"", Position("a", 6, "t6"), "t5")


@pytest.mark.parametrize(
    ("page", "continues"),
    [
        (Page(Position("a", 6, "t6"), (SIX,)), True),
        (Page(Position("a", 6, "t6")), False),
        (Page(Position("a", 6, "t6"), (Publication(b"", Position("a", 6, "t6"), "another"),)), False),
        (Page(Position("a", 7, "t7"), (SIX,)), False),
        (Page(HERE), True),
        (Page(Position("a", 5)), True),
        (Page(Position("a", 5, "another")), False),
        (Page(Position("a", 4, "t4")), False),
        (Page(Position("b", 6, "t6"), (SIX,)), False),
    ],
)
def test_page_continues_where_nothing_is_missing(page: Page, continues: bool) -> None:
    assert page.continues(HERE) is continues


@pytest.mark.parametrize(("size", "ttl_s"), [(0, 1.0), (-1, 1.0), (1, 0.0), (1, -1.0), (1, float("nan"))])
def test_history_that_remembers_nothing_is_refused(size: int, ttl_s: float) -> None:
    with pytest.raises(ConfigurationError, match="both must be above 0; leave history out for none"):
        History(size=size, ttl_s=ttl_s)
    History(size=1, ttl_s=0.001)


@pytest.mark.parametrize(("grace_s", "ttl_s"), [(-0.1, 1.0), (0.0, 0.0), (0.0, -1.0), (0.0, float("nan"))])
def test_presence_that_ends_before_it_begins_is_refused(grace_s: float, ttl_s: float) -> None:
    with pytest.raises(ConfigurationError, match="a grace is 0 or more, a ttl more than 0"):
        Presence(grace_s=grace_s, ttl_s=ttl_s)
    Presence(grace_s=0.0, ttl_s=0.001)


def test_position_outlives_a_history_that_is_longer_than_a_day() -> None:
    assert position_ttl_s(History()) == POSITION_TTL_S
    assert position_ttl_s(History(ttl_s=2 * POSITION_TTL_S)) == 2 * POSITION_TTL_S
