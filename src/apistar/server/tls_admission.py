"""
Which connections make their handshake of TLS now, and which make room for others.

A handshake costs 50 KiB (uvloop) to 300 KiB (asyncio) before a client has shown that it is one, all of it OpenSSL's and
the loop's. So only their number can be bounded, and the others wait as bare sockets, which cost a hundredth of it:

    arrive ── silent ── speak ── in the line of its address ── handshake ── leave
                 └─────────────────────┴── past MAX_WAITING the oldest of them goes

- So many handshakes run at once as `max_tls_handshakes` says. Addresses with a line take turns, so a crowd at one
  address delays itself. In a line whoever came last is first: those at its end may have given up, or mean no good.
- While others wait, a handshake that has had PATIENCE_S makes room: who says hello and then nothing holds no place.
- Whoever waits longest makes room for a newcomer; an honest client speaks at once and is never that.

Nothing here knows a socket or TLS. Sources: `tests/threats/test_tls_crowds.py` measures both loops; RFC 8446 §2 (one
round trip).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Final, Protocol

MAX_WAITING: Final = 4096
"""Connections without a handshake that are kept: as many as the operating system keeps for us before that."""
PATIENCE_S: Final = 1.0
"""Of a handshake while others wait: the round trips of TLS 1.2, from anywhere on earth, and some loss."""


class Candidate(Protocol):
    """A connection that has not made its handshake."""

    address: Hashable

    def begin(self) -> None:
        """Make the handshake; `leave()` is called when it is over, however it ends."""

    def drop(self) -> None:
        """End the connection; `leave()` is called when it costs nothing any more."""


class TLSAdmission:
    """
    All connections of a server process that have not finished their handshake.

    Args:
        max_handshakes: At once.
        crowded_out: Called for each connection that makes room for another.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, max_handshakes: int, crowded_out: Callable[[], None]) -> None:
        self._loop = loop
        self._max_handshakes = max_handshakes
        self._crowded_out = crowded_out
        self._waiting: dict[Candidate, None] = {}
        """In the order of their arrival, whether they have spoken or not."""
        self._lines: dict[Hashable, dict[Candidate, None]] = {}
        """Of those that have spoken, by address; the address whose turn it is comes first."""
        self._running: dict[Candidate, float] = {}
        """When each handshake began; the oldest first."""
        self._ending: set[Candidate] = set()
        self._timer: asyncio.TimerHandle | None = None

    def arrive(self, candidate: Candidate) -> None:
        """A connection was accepted; it has said nothing yet."""
        if len(self._waiting) >= MAX_WAITING:
            self.make_room()
        self._waiting[candidate] = None

    def speak(self, candidate: Candidate) -> None:
        """Its first bytes are there: `begin()` is called now, or when its turn comes."""
        self._lines.setdefault(candidate.address, {})[candidate] = None
        self._settle()

    def leave(self, candidate: Candidate) -> None:
        """Its handshake is over, or it is gone."""
        self._ending.discard(candidate)
        self._running.pop(candidate, None)
        if candidate in self._waiting:
            del self._waiting[candidate]
            line = self._lines.get(candidate.address, {})
            line.pop(candidate, None)
            if not line:
                self._lines.pop(candidate.address, None)
        self._settle()

    def make_room(self) -> bool:
        """Drop whoever waits longest; whether there was somebody."""
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            return False
        self._crowded_out()
        oldest.drop()
        return True

    def close(self) -> None:
        """Drop all; nobody is let in any more."""
        self._max_handshakes = 0
        if self._timer is not None:
            self._timer.cancel()
        for candidate in (*self._waiting, *self._running):
            candidate.drop()

    def _settle(self) -> None:
        """Let in whoever there is a place for, and see that places become free."""
        while self._lines and len(self._running) + len(self._ending) < self._max_handshakes:
            address, line = next(iter(self._lines.items()))
            candidate, _ = line.popitem()
            del self._lines[address], self._waiting[candidate]
            if line:
                self._lines[address] = line
            self._running[candidate] = self._loop.time()
            candidate.begin()
        if self._lines and self._running and self._timer is None:
            oldest = next(iter(self._running.values()))
            self._timer = self._loop.call_at(oldest + PATIENCE_S, self._end_patience)

    def _end_patience(self) -> None:
        self._timer = None
        waiting = sum(len(line) for line in self._lines.values()) - len(self._ending)
        for candidate, began in list(self._running.items())[: max(waiting, 0)]:
            if self._loop.time() < began + PATIENCE_S:
                break
            del self._running[candidate]
            self._ending.add(candidate)
            self._crowded_out()
            candidate.drop()
        self._settle()
