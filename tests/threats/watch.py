"""
What is watched while a server is attacked: its memory, and another client whose echoes must go on.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from tests.server.processes import ROOT, ServerProcess
from tests.server.wire import TEXT, frame, read_answer, read_frame, read_to_end, upgrade

MIB: Final = 1024 * 1024
MAX_GROWTH_BYTES: Final = 24 * MIB
"""Of a server process, whatever one client does."""
MAX_P99_S: Final = 2.0
"""Of another client's echo. Its usual value is under 10 ms; the rest is for machines that do ten things at once."""

echoes: Final[dict[str, list[float]]] = {}
"""Seconds of the witness's echoes, by test; shown at the end of a run."""


def assert_alive(server: ServerProcess) -> None:
    """Another client is served."""
    with server.connect() as client:
        upgrade(client)
        client.sendall(frame(TEXT, b"alive"))
        assert read_frame(client) == (TEXT, b"alive")


def tasks_of(server: ServerProcess) -> int:
    """How many tasks our application has."""
    with server.connect() as client:
        client.sendall(b"GET /tasks HTTP/1.1\r\nHost: a\r\n\r\n")
        return int(read_answer(client).body)


def status_of(server: ServerProcess, request: bytes) -> int:
    """The status of the one answer to a request, which says that the server closes; and it does, and says no more."""
    with server.connect() as client:
        client.sendall(request)
        answer = read_to_end(client)
    assert len(re.findall(rb"^HTTP/1.1 \d", answer, re.MULTILINE)) == 1
    assert b"\r\nconnection: close\r\n" in answer.lower()
    return int(answer[9:12])


@contextlib.contextmanager
def bounded(
    server: ServerProcess, growth_bytes: int = MAX_GROWTH_BYTES, alive: Callable[[], None] | None = None
) -> Iterator[None]:
    """At no moment in this block has the server grown more, and it still serves after it (Linux)."""
    alive = alive or partial(assert_alive, server)
    alive()
    process = Path(f"/proc/{server.process.pid}")
    before = server.resident_bytes()
    (process / "clear_refs").write_text("5")  # the peak starts anew; proc(5)
    yield
    peak = int(re.findall(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())[0]) * 1024
    grown = (peak - before) / MIB
    assert peak - before < growth_bytes, f"the server grew by {grown:.1f} MiB; {growth_bytes / MIB:.0f} are allowed"
    alive()


@contextlib.contextmanager
def witness(server: ServerProcess, name: str, max_p99_s: float = MAX_P99_S) -> Iterator[None]:
    """Another client gets its echoes throughout this block."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.threats.witness", str(server.port), "/echo"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
        printed, _ = process.communicate(timeout=90.0)
    assert process.returncode == 0, "another client's connection failed"
    took: list[float] = json.loads(printed)
    echoes.setdefault(name, []).extend(took)
    assert percentile(took, 99) < max_p99_s, summary(name)


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that this share of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]


def summary(name: str) -> str:
    """One line on the echoes during a test."""
    took = echoes[name]
    p50, p99, longest = (value * 1000 for value in (percentile(took, 50), percentile(took, 99), max(took)))
    return f"{name}: {len(took)} echoes of another client, p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {longest:.1f} ms"
