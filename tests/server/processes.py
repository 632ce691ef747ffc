"""
Real server processes for tests: started, waited for until they answer, measured, and ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent.parent
START_TIMEOUT_S: Final = 60.0
APISTAR: Final = "import json, sys; from apistar.server import run; run(**json.loads(sys.argv[1]))"
UVICORN: Final = "import json, sys; import uvicorn; uvicorn.run(**json.loads(sys.argv[1]))"
ASYNCIO: Final = f"import sys; sys.modules['uvloop'] = None; {APISTAR}"
"""On asyncio's own loop, as where uvloop does not run."""
LIMITS: Final = (
    "import json, sys; from apistar import Limits; from apistar.server import run; "
    "options = json.loads(sys.argv[1]); options['limits'] = Limits(**options['limits']); run(**options)"
)
_RANDOM: Final = random.SystemRandom()
"""Hypothesis gives every process the same numbers."""


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    """Wait until a condition holds; fail with `what` where it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s} s in vain for {what}"
        time.sleep(0.01)


def free_port() -> int:
    """A port below those that systems give to outgoing connections, one of which could take it before the server."""
    while True:
        port = _RANDOM.randrange(20_000, 32_768)  # Linux gives from 32,768, others from 49,152 (RFC 6335 §6)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def end(process: subprocess.Popen[Any], timeout_s: float = 30.0) -> bool:
    """Ask a process to end; whether it did. One that did not in time is killed."""
    process.terminate()
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


@dataclass
class ServerProcess:
    """A server that answers; `log` is what it printed so far."""

    process: subprocess.Popen[bytes]
    port: int
    uds: str | None
    path: Path

    @property
    def log(self) -> str:
        return self.path.read_text(errors="replace")

    def wait_for_log(self, pattern: str, timeout_s: float = 30.0) -> None:
        wait_for(lambda: re.search(pattern, self.log) is not None, f"{pattern!r} in the log:\n{self.log}", timeout_s)

    def connect(self, tls: ssl.SSLContext | None = None, timeout_s: float = 30.0) -> socket.socket:
        if self.uds is not None:
            plain = socket.socket(socket.AF_UNIX)
            plain.settimeout(timeout_s)
            try:
                plain.connect(self.uds)
            except OSError:
                plain.close()
                raise
        else:
            plain = socket.create_connection(("127.0.0.1", self.port), timeout_s)
        return plain if tls is None else tls.wrap_socket(plain, server_hostname="localhost")

    def resident_bytes(self) -> int:
        """Of the process, as the operating system counts it (Linux)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) * 1024

    def workers(self) -> set[int]:
        """Process ids of what it has spawned (Linux)."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {int(child) for child in children if "spawn_main" in _command(int(child))}

    def terminate(self, number: int = signal.SIGTERM, timeout_s: float = 30.0) -> tuple[int, float]:
        """Send a signal; give the exit status and the seconds that it took."""
        begin = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(timeout_s)
        return status, time.monotonic() - begin


@contextlib.contextmanager
def serving(folder: Path, app: str, program: str = APISTAR, **options: Any) -> Iterator[ServerProcess]:
    """
    Run a server until the block is left.

    Args:
        options: `run()`'s or uvicorn's; and `answer=False`, not to wait until it accepts connections.
    """
    answer = options.pop("answer", True)
    port = options.setdefault("port", free_port())
    uds = options.get("uds")
    path = folder / f"server-{port}.log"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "PYTHONUNBUFFERED": "1"}
    with (
        path.open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-c", program, json.dumps({"app": app, **options})],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=environment,
        ) as process,
    ):
        server = ServerProcess(process, port, uds, path)
        try:
            if answer:
                wait_for(lambda: answers(server), "the server to answer", START_TIMEOUT_S)
            yield server
        finally:
            if process.poll() is None:
                end(process, 1.0)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def is_running(pid: int) -> bool:
    """Whether a process is there, and no zombie (Linux)."""
    return bool(_command(pid))


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for localhost, and a client that trusts it."""

    key: Path
    path: Path

    @property
    def options(self) -> dict[str, str]:
        """`run()`'s and uvicorn's."""
        return {"ssl_keyfile": str(self.key), "ssl_certfile": str(self.path)}

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.path))


def make_certificate(folder: Path) -> Certificate:
    """Make one with OpenSSL; a test that uses it has the marker `requires("openssl")`."""
    certificate = Certificate(folder / "key.pem", folder / "certificate.pem")
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(certificate.key)]
    subprocess.run(
        ["openssl", "req", "-x509", *key, "-out", str(certificate.path), *subject], check=True, capture_output=True
    )
    return certificate


def is_refused(server: ServerProcess) -> bool:
    """Whether nobody listens any more."""
    try:
        server.connect(timeout_s=1.0).close()
    except OSError:
        return True
    return False


def answers(server: ServerProcess) -> bool:
    if server.process.poll() is not None:
        raise AssertionError(f"the server ended with {server.process.returncode}:\n{server.log}")
    try:
        server.connect(timeout_s=1.0).close()
    except OSError:
        return False
    return True
