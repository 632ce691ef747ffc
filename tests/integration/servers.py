"""
The servers that the application is run on, each as its users start it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.integration.application import LOG_MARK
from tests.integration.serving import wait_for_port
from tests.server.processes import ROOT, end, free_port, wait_for

APPLICATION: Final = "tests.integration.application:app"

COMMANDS: Final = {
    "uvicorn": ("uvicorn", "--host", "127.0.0.1", "--port", "{port}", APPLICATION),
    "hypercorn": ("hypercorn", "--bind", "127.0.0.1:{port}", APPLICATION),
    "granian": ("granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}", APPLICATION),
    "apistar": ("apistar", "run", "--host", "127.0.0.1", "--port", "{port}", APPLICATION),
}
"""uvicorn with its default WebSocket protocol; `apistar run` with ours."""


@dataclass
class Server:
    """
    A server that answers.

    Attributes:
        address: Host and port.
        log_path: What it printed, with what the application logged.
    """

    name: str
    port: int
    log_path: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def lines(self, mark: str = LOG_MARK) -> list[str]:
        """What the application logged, without the mark."""
        return [line.removeprefix(f"{mark} ") for line in self.log.splitlines() if line.startswith(mark)]

    def wait_for_text(self, text: str, count: int = 1) -> None:
        """Wait until a text stands so many times in the log."""
        wait_for(lambda: self.log.count(text) >= count, f"{text!r} in the log of {self.name}")


@contextmanager
def running(name: str) -> Iterator[Server]:
    """Run the application on a server for as long as the block lasts."""
    port = free_port()
    command = [part.format(port=port) for part in COMMANDS[name]]
    with tempfile.TemporaryDirectory(prefix="apistar-server-") as folder:
        log_path = Path(folder, "log")
        with log_path.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, text=True
            )
            try:
                wait_for_port(port, process)
                yield Server(name, port, log_path)
            finally:
                end(process)
