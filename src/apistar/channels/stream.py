"""
One topic's publications in the order of their positions: nothing twice, and no gap that nobody hears of.

Without history there is nothing to compare, and everything is passed on. With history the stream knows the position of
what it passed on last; what comes is next to it, or known already, or there is a gap. A publication that names another
one before it than was passed on is a gap too.

    FOLLOWING ── next one ──▶ passed on
        │  gap, or "read again" from outside
        ▼
    READING: what comes is kept; the history is read from the last position
        │  it continues           ──▶ passed on, then what was kept      ──▶ FOLLOWING
        └  it does not, or another epoch ──▶ everybody is told that something is lost ──▶ FOLLOWING from there

This file knows no broker and no socket: `read()` is given.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from .records import Page, Position, Publication

KEPT: Final = 1024
"""Publications kept while a page is on its way; what falls out is a gap, and read again."""


class Owner(Protocol):
    """Who has the stream."""

    def pass_on(self, publication: Publication) -> None:
        """The next publication."""

    def lose(self) -> None:
        """Publications are lost for those who followed."""

    def read_again(self) -> None:
        """Call `reading_done()` some time with a page that was read after this call, from `position` on."""


class Stream:
    """
    The state of one topic.

    Attributes:
        position: Of what was passed on last; `None` while unknown, or without history.
        reading: A page is on its way.
        numbered: There is a history to compare with; else everything is passed on as it comes.
    """

    __slots__ = ("_kept", "_owner", "numbered", "position", "reading")

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self.numbered = False
        self._kept: deque[Publication] | None = None
        self.position: Position | None = None
        self.reading = False

    def take(self, publication: Publication) -> None:
        """Take what the broker delivered."""
        if publication.position is None or not self.numbered:
            self._owner.pass_on(publication)
        elif self.reading or self.position is None:
            if self._kept is None:
                self._kept = deque(maxlen=KEPT)
            self._kept.append(publication)
        elif publication.follows(self.position):
            self.position = publication.position
            self._owner.pass_on(publication)
        elif not self.position.covers(publication.position):
            self.ask()

    def ask(self) -> None:
        """Read the history from the last position on; again if that is happening already."""
        # The page is read after all of these came. One that it lacks is of a life that is over: kept, it would be a
        # gap that no page ever closes.
        self._kept = None
        self.reading = True
        self._owner.read_again()

    def reading_done(self, page: Page) -> None:
        """Take a page that was read from `position` on; the first one says where the topic is."""
        self.reading = False
        position = self.position
        if position is not None:
            if page.continues(position):
                for publication in page.publications:
                    self.position = publication.position
                    self._owner.pass_on(publication)
            else:
                # A page that is behind `position`, or has another publication there, is loss too: a broker that came
                # back with older data counts on from there, and gives offsets that were given before.
                self.position = page.position
                self._owner.lose()
        else:
            self.position = page.position
        kept, self._kept = self._kept, None
        for publication in kept or ():
            if self.reading:
                break
            self.take(publication)
