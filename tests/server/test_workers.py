"""
Several processes on one port: who dies is replaced, who cannot start says so, and everybody ends in time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from apistar.server.configuration import Settings
from apistar.server.workers import Worker, Workers
from tests.server.processes import ServerProcess, is_running, serving, wait_for
from tests.server.wire import TEXT, frame, is_closed, read_close, read_frame, read_to_end, upgrade

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads processes in /proc")

BARE: Final = "tests.server.apps:bare"
TIMES: Final = {"drain_s": 0.2, "shutdown_timeout_s": 0.5}
SLACK_S: Final = 7.0


@contextlib.contextmanager
def workers(folder: Path, app: str = BARE, **options: Any) -> Iterator[ServerProcess]:
    with serving(folder, app, **{"workers": 2, **TIMES, **options}) as process:
        yield process


def connect_to_each(process: ServerProcess, stack: contextlib.ExitStack, number: int = 2) -> dict[int, socket.socket]:
    """A client of each of so many workers."""
    clients: dict[int, socket.socket] = {}

    def one_more() -> bool:
        client = stack.enter_context(process.connect())
        upgrade(client, b"/crash")
        clients.setdefault(int(read_frame(client)[1]), client)
        return len(clients) == number

    wait_for(one_more, f"{number} workers to answer")
    return clients


def is_alive(client: socket.socket) -> bool:
    client.sendall(frame(TEXT, b"hi"))
    return read_frame(client) == (TEXT, b"alive")


def test_dead_worker_is_replaced_and_the_others_notice_nothing(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(workers(tmp_path))
        (dead, lost), (_, kept) = connect_to_each(process, stack).items()
        os.kill(dead, signal.SIGKILL)
        assert is_closed(lost)
        assert is_alive(kept)
        wait_for(lambda: dead not in process.workers() and len(process.workers()) == 2, "another worker")
        stack.enter_context(process.connect())
        assert is_alive(kept)
        assert dead not in connect_to_each(process, stack)
        assert f"Worker [{dead}] died with status -9; starting another" in process.log
        status, seconds = process.terminate()
        assert (status, seconds < 0.7 + SLACK_S) == (0, True)
        assert read_close(kept)[0] == 1012


@pytest.mark.parametrize("signals", [(signal.SIGTERM,), (signal.SIGINT, signal.SIGINT)])
def test_all_end_in_time_whatever_handlers_do(tmp_path: Path, signals: tuple[int, ...]) -> None:
    times = TIMES if signals == (signal.SIGTERM,) else {"drain_s": 60.0, "shutdown_timeout_s": 60.0}
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(workers(tmp_path, "tests.server.star_app:app", **times))
        for _ in range(4):
            client = stack.enter_context(process.connect())
            upgrade(client, b"/ignore")
        pids = process.workers()
        for number in signals[:-1]:
            process.process.send_signal(number)
            assert read_close(client)[0] == 1012
        status, seconds = process.terminate(signals[-1])
        assert (status, seconds < 1.0 + SLACK_S) == (0, True), process.log
        assert len(pids) == 2
        assert not any(is_running(pid) for pid in pids)


def test_second_signal_while_workers_are_told_of_the_first_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = Workers(Settings("tests.server.apps:bare", drain_s=60.0, shutdown_timeout_s=0.0), [])
    passed_on: list[int] = []

    def told() -> None:
        for _ in range(2):
            supervisor._note(signal.SIGINT, None)

    process = SimpleNamespace(is_alive=lambda: not passed_on, join=lambda: None, kill=lambda: passed_on.append(0))
    worker = SimpleNamespace(pid=1, process=process, terminate=told, deadline=0.0)
    monkeypatch.setattr("apistar.server.workers._send", lambda worker, number: passed_on.append(number))
    monkeypatch.setattr("apistar.server.workers.SLACK_S", -58.0)
    supervisor._workers = [worker]  # type: ignore[list-item]  # as much of a worker as is asked for
    supervisor._stop()
    assert passed_on == [signal.SIGINT]


def test_worker_that_takes_long_to_begin_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("apistar.server.workers.time", SimpleNamespace(monotonic=lambda: now))
    worker = Worker(Settings("tests.server.apps:bare", drain_s=0, shutdown_timeout_s=0), [])
    monkeypatch.setattr(worker, "process", SimpleNamespace(is_alive=lambda: True))
    assert worker.answers()
    now = 50.0
    assert worker.answers()
    worker.child_conn.recv()
    worker.child_conn.send(False)
    assert worker.answers()
    now += 6.0
    assert not worker.answers()


def test_worker_that_starts_slowly_replaces_another(tmp_path: Path) -> None:
    module = tmp_path / "slow.py"
    module.write_text("from tests.server.apps import bare as app")
    with workers(tmp_path, "slow:app", app_dir=str(tmp_path)) as process:
        process.wait_for_log("API Star is at")
        before = process.workers()
        module.write_text("import time; time.sleep(6)\nfrom tests.server.apps import bare as app")
        process.process.send_signal(signal.SIGHUP)
        wait_for(lambda: bool(before - process.workers()), "a worker to be replaced")
        assert "did not serve in time" not in process.log
        assert process.terminate()[0] == 0


def test_hangup_replaces_all_one_by_one(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(workers(tmp_path))
        clients = connect_to_each(process, stack)
        before = process.workers()
        process.process.send_signal(signal.SIGHUP)
        for client in clients.values():
            assert read_close(client)[0] == 1012
            client.close()
        wait_for(lambda: not before & process.workers() and len(process.workers()) == 2, "two new workers")
        assert not before & set(connect_to_each(process, stack))
        assert process.terminate()[0] == 0


def test_stop_does_not_wait_for_a_hangup(tmp_path: Path) -> None:
    times = {"drain_s": 60.0, "shutdown_timeout_s": 1.0}
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(workers(tmp_path, "tests.server.star_app:app", **times))
        for _ in range(8):
            upgrade(stack.enter_context(process.connect()), b"/ignore")
        before = process.workers()
        process.process.send_signal(signal.SIGHUP)
        wait_for(lambda: process.workers() != before, "a new worker")
        status, seconds = process.terminate()
        assert (status, seconds < 1.5 + SLACK_S) == (0, True), process.log


def test_workers_end_when_their_parent_was_killed(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(workers(tmp_path))
        clients = connect_to_each(process, stack)
        pids = process.workers()
        process.process.kill()
        for client in clients.values():
            assert read_close(client)[0] == 1012
            client.close()
        wait_for(lambda: not any(is_running(pid) for pid in pids), "the workers to end")


def test_reloaded_process_ends_when_its_parent_was_killed(tmp_path: Path) -> None:
    options: dict[str, Any] = {"workers": 1, "reload": True, "reload_dirs": [str(tmp_path)]}
    with workers(tmp_path, **options) as process, process.connect() as client:
        upgrade(client)
        pids = process.workers()
        process.process.kill()
        assert read_close(client)[0] == 1012
        read_to_end(client)
        wait_for(lambda: not any(is_running(pid) for pid in pids), "the process to end")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("raise ValueError('not below')", "ValueError: not below"),
        ("from tests.server.apps import hangs; app = hangs('refuse')", "Application startup failed. Exiting."),
        ("import os; os._exit(0)", "could not start"),
    ],
)
def test_workers_that_cannot_start_say_why_and_stop(tmp_path: Path, source: str, why: str) -> None:
    (tmp_path / "broken.py").write_text(
        "import multiprocessing\n"
        "from tests.server.apps import bare as app\n"
        "if multiprocessing.parent_process():\n"
        f"    {source}\n"
    )
    with workers(tmp_path, "broken:app", app_dir=str(tmp_path), answer=False) as process:
        assert process.process.wait(60) == 3, process.log
        assert why in process.log
        assert process.log.count("could not start; stopping all") == 1
        assert "API Star is at" not in process.log


def test_worker_that_cannot_start_any_more_does_not_stop_the_others(tmp_path: Path) -> None:
    module = tmp_path / "changing.py"
    module.write_text("from tests.server.apps import bare as app")
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(workers(tmp_path, "changing:app", app_dir=str(tmp_path)))
        (dead, _), (_, kept) = connect_to_each(process, stack).items()
        process.wait_for_log("API Star is at")
        module.write_text("raise ValueError('broken meanwhile')")
        os.kill(dead, signal.SIGKILL)
        process.wait_for_log(r"could not start; trying again in 1 s")
        process.wait_for_log(r"could not start; trying again in 2 s")
        assert "ValueError: broken meanwhile" in process.log
        assert is_alive(kept)
        module.write_text("from tests.server.apps import bare as app")
        wait_for(lambda: len(process.workers()) == 2, "another worker")
        assert process.terminate()[0] == 0


def test_number_of_workers_follows_signals(tmp_path: Path) -> None:
    with workers(tmp_path) as process:
        wait_for(lambda: len(process.workers()) == 2, "two workers")
        process.process.send_signal(signal.SIGTTIN)
        wait_for(lambda: len(process.workers()) == 3, "three workers")
        process.process.send_signal(signal.SIGTTOU)
        wait_for(lambda: len(process.workers()) == 2, "two workers")
        assert process.terminate()[0] == 0
