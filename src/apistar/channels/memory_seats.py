"""
The seats of one topic of the broker in memory: who is present, and whose time has run out.

A look costs as much as has run out since the last one, however many are present: each seat stands once in a heap, by
the time of its next look, and one that was kept longer meanwhile is put back.
"""

from __future__ import annotations

from heapq import heappop, heappush


class _Seat:
    __slots__ = ("ends", "look")

    def __init__(self) -> None:
        self.ends = 0.0
        self.look = float("inf")


class Seats:
    """Members, and the seats that each has; `len()` and `in` are as of the last look."""

    __slots__ = ("_looks", "_members")

    def __init__(self) -> None:
        self._members: dict[str, dict[str, _Seat]] = {}
        self._looks: list[tuple[float, str, str]] = []

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, member: str) -> bool:
        return member in self._members

    def take(self, member: str, name: str, ends: float) -> None:
        """Give a member a seat until then, or let the one that it has end then."""
        seat = self._members.setdefault(member, {}).setdefault(name, _Seat())
        self._end(seat, member, name, ends)

    def shorten(self, member: str, name: str, ends: float) -> bool:
        """Let a seat end then, if not before; false if there is none."""
        seat = self._members.get(member, {}).get(name)
        if seat is None:
            return False
        self._end(seat, member, name, min(seat.ends, ends))
        return True

    def _end(self, seat: _Seat, member: str, name: str, ends: float) -> None:
        seat.ends = ends
        if ends < seat.look:
            seat.look = ends
            heappush(self._looks, (ends, member, name))

    def look(self, now: float) -> list[str]:
        """Drop the seats whose time has run out; the members who had no other."""
        gone = []
        looks = self._looks
        while looks and looks[0][0] <= now:
            time, member, name = heappop(looks)
            seats = self._members.get(member, {})
            seat = seats.get(name)
            if seat is None or seat.look != time:
                continue  # it ended before, or another look is planned
            if seat.ends > now:
                seat.look = seat.ends
                heappush(looks, (seat.ends, member, name))
                continue
            del seats[name]
            if not seats:
                del self._members[member]
                gone.append(member)
        return gone

    def present(self, now: float) -> list[str]:
        """Members with a seat whose time has not run out, by name."""
        return sorted(
            member for member, seats in self._members.items() if any(seat.ends > now for seat in seats.values())
        )
