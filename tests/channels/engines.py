"""
Engines that carry publications between processes, as the tests of their failures see them: real ones.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

import pytest

from tests.channels.connections import Connections
from tests.channels.postgresql_server import PostgreSQLServer, shared_postgresql
from tests.channels.redis_server import RedisServer, shared_redis
from tests.requirements import missing, skips_are_failures


class Engine(Protocol):
    """
    One engine, in a process of its own, which keeps each write on disk, so that a kill loses nothing.

    Attributes:
        url: For brokers; the port stays the same over restarts.
    """

    url: str

    def start(self) -> None:
        """Start it with the data that it had; returns when it answers."""

    def kill(self) -> None:
        """End it as `kill -9` does."""

    def forget(self) -> None:
        """Lose the data; it must not run."""

    def pause(self) -> None:
        """Let it hang: connections stay open and nothing answers."""

    def resume(self) -> None: ...

    def cut(self, connections: Connections) -> None:
        """Close connections from the engine's side."""

    def flush(self) -> None:
        """Lose the data while it runs."""

    def guard(self, user: str, password: str) -> None:
        """Make a user who may do what a broker does, and ask for passwords."""

    def url_of(self, user: str, password: str) -> str:
        """The URL with credentials."""


ENGINES: Final[dict[str, Callable[[Path], Engine]]] = {"redis": RedisServer, "postgresql": PostgreSQLServer}
SHARED: Final[dict[str, Callable[[], Engine]]] = {"redis": shared_redis, "postgresql": shared_postgresql}
"""One of each for all tests that harm none."""

EVERY_ENGINE: Final = [pytest.param(name, marks=pytest.mark.requires(name)) for name in ENGINES]


def require(name: str) -> None:
    """Skip, or fail where everything must be there, if the engine's program is missing."""
    reason = missing(name)
    if reason is not None:
        (pytest.fail if skips_are_failures() else pytest.skip)(reason)


@contextlib.contextmanager
def running_engine(name: str, folder: Path) -> Iterator[Engine]:
    """An engine that runs for as long as the block lasts."""
    engine = ENGINES[name](folder)
    engine.start()
    try:
        yield engine
    finally:
        engine.kill()
