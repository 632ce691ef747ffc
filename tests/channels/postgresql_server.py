"""
A real PostgreSQL for tests: its own processes, port and folder, and everything that can happen to it.

PostgreSQL does not run as root: where the tests do, it runs as the user `postgres` that its package makes.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Coroutine
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any, Final

from tests.channels.connections import Connections
from tests.requirements import postgresql_programs
from tests.server.processes import free_port

START_TIMEOUT_S: Final = 60.0
NAMES: Final = {Connections.LISTENING: "apistar listening", Connections.COMMANDS: "apistar"}


class PostgreSQLServer:
    """
    One PostgreSQL, which keeps each commit: it asks the disk for nothing, since it is its processes that are killed.

    Its data is not where pytest keeps folders, into which no other user may look.

    Attributes:
        port: The same over restarts.
        url: For brokers.
    """

    def __init__(self, folder: Path | None = None, *options: str) -> None:
        self._home = _folder()
        self._data = self._home / "data"
        self._options = options
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._paused: list[int] = []
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it with the data that it had; returns when it answers."""
        if not self._data.exists():
            _run("cp", "-r", "--reflink=auto", str(_template()), str(self._data))
        self._process = subprocess.Popen(
            [
                _program("postgres"), "-D", str(self._data), "-p", str(self.port), "-k", str(self._home),
                "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=16MB", "-c", "max_connections=50",
                "-c", "restart_after_crash=off", "-c", "logging_collector=off", "-c", "fsync=off", *self._options,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            **_as_account(),
        )  # fmt: skip
        ready = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        deadline = time.monotonic() + START_TIMEOUT_S
        while subprocess.run(ready, check=False).returncode != 0:
            assert self._process.poll() is None, "PostgreSQL ended while it started"
            assert time.monotonic() < deadline, f"PostgreSQL does not answer within {START_TIMEOUT_S:g} s"
            time.sleep(0.02)

    def kill(self) -> None:
        """End it, and each of its sessions, as `kill -9` does."""
        if self._process is not None:
            processes = self._processes()
            for pid in processes:
                _signal(pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            deadline = time.monotonic() + START_TIMEOUT_S
            while any(Path(f"/proc/{pid}").exists() for pid in processes) and time.monotonic() < deadline:
                time.sleep(0.01)

    def forget(self) -> None:
        """Lose the data; it must not run."""
        shutil.rmtree(self._data)

    def pause(self) -> None:
        """Let it hang: connections stay open and nothing answers."""
        self._paused = self._processes()
        for pid in self._paused:
            _signal(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self._paused:
            _signal(pid, signal.SIGCONT)
        self._paused = []

    def cut(self, connections: Connections) -> None:
        """Close connections from the server's side."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", NAMES[connections]
        )

    def flush(self) -> None:
        """Lose the data while it runs."""
        self.execute("DROP SCHEMA IF EXISTS apistar CASCADE")

    def guard(self, user: str, password: str) -> None:
        """Make a user who may do what a broker does, and ask for passwords."""
        self.execute(f"CREATE ROLE \"{user}\" LOGIN PASSWORD '{password}'")
        self.execute(f'CREATE SCHEMA apistar AUTHORIZATION "{user}"')
        rules = self._data / "pg_hba.conf"
        rules.write_text("host all postgres all trust\nhost all all all scram-sha-256\n")
        self.execute("SELECT pg_reload_conf()")

    def url_of(self, user: str, password: str) -> str:
        """The URL with credentials."""
        return self.url.replace("postgres@", f"{user}:{password}@")

    def execute(self, statement: str, *arguments: object) -> list[Any]:
        """Run a statement; waits, wherever it is called."""

        import asyncpg  # an extra: other tests of channels run without it

        async def work() -> list[Any]:
            connection = await asyncpg.connect(self.url, timeout=START_TIMEOUT_S)
            try:
                rows: list[Any] = await connection.fetch(statement, *arguments)
                return rows
            finally:
                await connection.close()

        return _elsewhere(work())

    def _processes(self) -> list[int]:
        """The server's, and those of its sessions, which are in groups of their own."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return [self._process.pid, *map(int, children)]


def _elsewhere(work: Coroutine[Any, Any, list[Any]]) -> list[Any]:
    """Run it on a loop of its own, in a thread: the caller may stand on one."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:
            outcome.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    found: list[Any] = outcome[0]
    return found


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _program(name: str) -> str:
    folder = postgresql_programs()
    assert folder is not None
    return str(folder / name)


def _account() -> tuple[int, int]:
    """Whose the processes and their files are."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    import pwd

    account = pwd.getpwnam("postgres")
    return account.pw_uid, account.pw_gid


def _as_account() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    user, group = _account()
    return {"user": user, "group": group, "extra_groups": []}


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd="/", **_as_account())


def _folder() -> Path:
    """One that is there until the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="apistar-postgresql-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.chown(folder, *_account())
    return folder


@cache
def _template() -> Path:
    """The data of a new server, made once: every other one is a copy."""
    folder = _folder() / "template"
    _run(
        _program("initdb"), "-D", str(folder), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"
    )
    return folder


@cache
def shared_postgresql() -> PostgreSQLServer:
    """One PostgreSQL for all tests that harm none; it ends with the tests."""
    server = PostgreSQLServer()
    server.start()
    atexit.register(server.kill)
    return server
