"""
A real Redis for tests: its own process, port and folder, and everything that can happen to it.
"""

from __future__ import annotations

import atexit
import contextlib
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import redis

from tests.channels.connections import Connections
from tests.server.processes import free_port

START_TIMEOUT_S: Final = 60.0
KINDS: Final = {Connections.LISTENING: "pubsub", Connections.COMMANDS: "normal"}


class RedisServer:
    """
    One Redis, which keeps each write on disk (`appendfsync always`), so that a kill loses nothing.

    Attributes:
        port: The same over restarts.
        url: For clients.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it with the data that is in its folder; returns when it answers."""
        self._process = subprocess.Popen(
            [
                "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder),
                "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--loglevel", "warning",
                "--logfile", str(self._folder / "redis.log"), *self._options,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.RedisError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.01)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """Lose the data; it must not run."""
        for path in sorted(self._folder.rglob("*"), reverse=True):
            if path.is_file():
                path.unlink()

    def pause(self) -> None:
        """Let it hang: connections stay open and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        """A client of the test's own."""
        return redis.Redis(port=self.port, socket_timeout=START_TIMEOUT_S)

    def cut(self, connections: Connections) -> None:
        """Close connections from the server's side."""
        with self.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", KINDS[connections], "SKIPME", "yes")

    def flush(self) -> None:
        """Lose the data while it runs."""
        with self.client() as client:
            client.flushall()

    def guard(self, user: str, password: str) -> None:
        """Make a user who may do what a broker does, and ask for passwords."""
        with self.client() as client:
            client.acl_setuser(
                user, enabled=True, passwords=[f"+{password}"], keys=["*"], channels=["*"], categories=["+@all"]
            )

    def url_of(self, user: str, password: str) -> str:
        """The URL with credentials."""
        return self.url.replace("//", f"//{user}:{password}@")


@cache
def shared_redis() -> RedisServer:
    """One Redis for all tests that harm none; it ends with the tests."""
    folder = tempfile.TemporaryDirectory(prefix="apistar-redis-")
    server = RedisServer(Path(folder.name), "--appendfsync", "no")
    server.start()
    atexit.register(folder.cleanup)
    atexit.register(server.kill)
    return server


@contextlib.contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[RedisServer]:
    """A Redis that runs for as long as the block lasts."""
    server = RedisServer(folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.kill()
