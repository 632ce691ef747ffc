"""
Turns of tests, where pytest runs them in several processes (`pytest -n 2`).

A test with the marker `alone` runs while no other does; all others may run beside one another. The locks are the
operating system's, on two files: a process that dies leaves none behind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """
    Hold a lock that many share or one has, between processes, for as long as the block lasts.

    Whoever comes passes the door first. One that wants to be alone stays in the door until all have left, so that those
    who come after it cannot keep it waiting, one after the other.

    Args:
        folder: One that is there, the same for all processes.
    """
    import fcntl  # Windows has none; there, tests run in one process

    with (folder / "door").open("a") as door, (folder / "room").open("a") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)  # closing is not enough where a process that was forked still has it


class TakeTurns:
    """A plugin of pytest: each test waits for its turn, with its fixtures; its time limit begins after the wait."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        with turn(self._folder, alone=item.get_closest_marker("alone") is not None):
            return (yield)
