"""
One topic's stream by itself: what is passed on, what is read again, and what is lost, publication by publication.
"""

from __future__ import annotations

import pytest

from apistar.channels.records import Page, Position, Publication
from apistar.channels.stream import KEPT, Stream


class Owner:
    """Keeps what the stream tells."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pass_on(self, publication: Publication) -> None:
        self.told.append(publication.payload.decode())

    def lose(self) -> None:
        self.told.append("lost")

    def read_again(self) -> None:
        self.told.append("read again")


def numbered(offset: int, epoch: str = "a", life: str = "") -> Publication:
    """A publication, tagged where its engine has several lives; they share what was before offset 3."""
    return Publication(str(offset).encode(), Position(epoch, offset, tag(offset, life)), tag(offset - 1, life))


def tag(offset: int, life: str) -> str:
    return life and f"{life if offset > 2 else 'both'}{offset}"


def page(offset: int, *offsets: int, epoch: str = "a", life: str = "") -> Page:
    return Page(Position(epoch, offset, tag(offset, life)), tuple(numbered(one, epoch, life) for one in offsets))


def following(offset: int, life: str = "") -> tuple[Stream, Owner]:
    """A stream with history that has passed on everything up to an offset."""
    owner = Owner()
    stream = Stream(owner)
    stream.numbered = True
    stream.reading_done(page(offset, life=life))
    return stream, owner


def test_stream_without_history_passes_on_everything() -> None:
    owner = Owner()
    stream = Stream(owner)
    for payload in (b"x", b"x"):
        stream.take(Publication(payload))
    assert owner.told == ["x", "x"]
    assert stream.position is None


def test_stream_keeps_what_comes_before_it_knows_where_the_topic_is() -> None:
    owner = Owner()
    stream = Stream(owner)
    stream.numbered = True
    for offset in (2, 3):
        stream.take(numbered(offset))
    assert owner.told == []
    stream.reading_done(page(2))
    assert owner.told == ["3"]


def test_stream_passes_on_what_is_next_and_drops_what_it_knows() -> None:
    stream, owner = following(3)
    for offset in (4, 4, 2, 5):
        stream.take(numbered(offset))
    assert owner.told == ["4", "5"]
    assert stream.position == Position("a", 5)


def test_stream_reads_again_at_the_first_publication_behind_a_gap() -> None:
    stream, owner = following(3)
    stream.take(numbered(6))
    assert owner.told == ["read again"]
    stream.take(numbered(7))
    stream.reading_done(page(6, 4, 5, 6))
    assert owner.told == ["read again", "4", "5", "6", "7"]


def test_stream_tells_of_a_gap_that_the_history_cannot_close_and_goes_on_behind_it() -> None:
    stream, owner = following(3)
    stream.take(numbered(9))
    stream.reading_done(page(9, 7, 8, 9))
    stream.take(numbered(10))
    assert owner.told == ["read again", "lost", "10"]


def test_stream_of_another_epoch_is_lost() -> None:
    stream, owner = following(3)
    stream.take(numbered(4, epoch="b"))
    stream.reading_done(page(4, 4, epoch="b"))
    stream.take(numbered(5, epoch="b"))
    assert owner.told == ["read again", "lost", "5"]


def test_stream_whose_broker_came_back_with_older_data_is_lost() -> None:
    stream, owner = following(3)
    stream.ask()
    stream.reading_done(page(2))
    assert owner.told == ["read again", "lost"]
    assert stream.position == Position("a", 2)


@pytest.mark.parametrize("again", range(7))
def test_stream_is_lost_however_many_offsets_were_given_again_before_it_looked(again: int) -> None:
    """Up to 5 in the one life, and from 2 on anew in the other."""
    stream, owner = following(5, "old")
    stream.ask()
    here = 2 + again
    stream.reading_done(page(here, *range(6, here + 1), life="new"))
    stream.take(numbered(here + 1, life="new"))
    assert owner.told == ["read again", "lost", str(here + 1)]


@pytest.mark.parametrize("coming", [5, 6, 7])
def test_stream_is_lost_at_the_next_publication_of_another_life(coming: int) -> None:
    """Nobody noticed that the engine came back: one at the very offset, one that seems to be next, one behind a gap."""
    stream, owner = following(5, "old")
    stream.take(numbered(coming, life="new"))
    stream.reading_done(page(coming, *range(6, coming + 1), life="new"))
    assert owner.told == ["read again", "lost"]


@pytest.mark.parametrize("seen", [1, 2])
def test_stream_that_saw_nothing_of_what_is_lost_goes_on(seen: int) -> None:
    stream, owner = following(seen, "old")
    stream.take(numbered(4, life="new"))
    stream.reading_done(page(4, *range(seen + 1, 5), life="new"))
    assert owner.told == ["read again", *map(str, range(seen + 1, 5))]


def test_stream_reads_once_for_a_publication_that_the_history_does_not_know() -> None:
    """It came from an engine that is no more; whoever waited for its gap to close would read without end."""
    stream, owner = following(2)
    stream.take(numbered(5))
    stream.take(numbered(6))
    stream.reading_done(page(2))
    stream.reading_done(page(2))
    assert owner.told == ["read again", "read again"]
    assert not stream.reading


def test_stream_keeps_no_more_than_it_may_while_it_reads_and_reads_what_fell_out() -> None:
    stream, owner = following(0)
    stream.ask()
    for offset in range(1, KEPT + 2):
        stream.take(numbered(offset))
    stream.reading_done(page(0))
    assert owner.told == ["read again", "read again"]


def test_publication_of_a_life_that_is_over_is_asked_for_once() -> None:
    """No page will ever have it: what came before the question is no gap after the answer."""
    stream, owner = following(3, "old")
    stream.take(numbered(5, life="old"))
    stream.take(numbered(6, life="old"))
    stream.ask()
    stream.reading_done(page(3, life="old"))
    assert owner.told == ["read again", "read again"]
    assert not stream.reading


def test_what_was_kept_behind_a_gap_is_not_asked_for_once_more() -> None:
    stream, owner = following(3, "old")
    stream.ask()
    for offset in (6, 7):
        stream.take(numbered(offset, life="old"))
    stream.reading_done(page(4, 4, life="old"))
    assert owner.told == ["read again", "4", "read again"]
    stream.reading_done(page(4, life="old"))
    assert owner.told == ["read again", "4", "read again"]
    assert not stream.reading
