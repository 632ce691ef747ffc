"""
`apistar …` as a process of its own: started, its output waited for, and ended.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

WAIT_S: Final = 60.0


def peak_bytes(pid: int) -> int:
    """The most memory that a process had so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024


class Command:
    """A command that runs; `output` is what it printed so far, both streams as they came."""

    def __init__(self, *arguments: str, folder: Path, fds: tuple[int, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "apistar", *arguments],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "80"},
            pass_fds=fds,
        )
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return "".join(self._lines)

    def wait_for(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Wait until a pattern was printed so often; give its last occurrence."""
        deadline = time.monotonic() + WAIT_S
        with self._changed:
            while True:
                found = list(re.finditer(pattern, self.output))
                if len(found) >= times:
                    return found[-1]
                ended = not self._reader.is_alive()
                assert not ended, f"it ended with {self.process.wait(1)} without {pattern!r}:\n{self.output}"
                assert time.monotonic() < deadline, f"waited {WAIT_S} s for {pattern!r}:\n{self.output}"
                self._changed.wait(0.1)

    def printed(self, pattern: str, within_s: float) -> bool:
        """Whether a pattern is printed within a time."""
        with self._changed:
            return self._changed.wait_for(lambda: re.search(pattern, self.output) is not None, within_s)

    def write(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def end(self, number: int | None = None) -> int:
        """Send a signal, or none; the exit status."""
        if number is not None:
            self.process.send_signal(number)
        status = self.process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self._reader.join(WAIT_S)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            with self._changed:
                self._lines.append(line.decode(errors="replace"))
                self._changed.notify_all()


@contextmanager
def running(*arguments: str, folder: Path, fds: tuple[int, ...] = ()) -> Iterator[Command]:
    """A command for as long as the block lasts."""
    command = Command(*arguments, folder=folder, fds=fds)
    try:
        yield command
    finally:
        command.close()


@contextmanager
def serving(app: str, *options: str, folder: Path) -> Iterator[tuple[Command, str]]:
    """`apistar run` on a free port; the command, and where it listens as host and port."""
    with running("run", app, "--port", "0", *options, folder=folder) as command:
        yield command, command.wait_for(r"API Star is at https?://([\w.:\[\]]+)/")[1]


INTERRUPTS: Final = (signal.SIGTERM, signal.SIGINT)
