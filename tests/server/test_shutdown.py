"""
The end of a real server process, whatever its clients and handlers do: in time, with status 0, and 1012 for peers.
"""

from __future__ import annotations

import contextlib
import select
import selectors
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from apistar.server.shutdown import reserve_of, spread_of
from tests.server.processes import APISTAR, ASYNCIO, ServerProcess, is_refused, make_certificate, serving, wait_for
from tests.server.wire import (
    TEXT,
    close_frame,
    frame,
    handshake,
    is_closed,
    read_answer,
    read_close,
    read_frame,
    read_to_end,
    upgrade,
)

STAR: Final = "tests.server.star_app:app"
DRAIN_S: Final = 0.2
TIMEOUT_S: Final = 0.5
SLACK_S: Final = 7.0
"""For a busy machine; the interpreter's own end is not ours."""


@contextlib.contextmanager
def short(folder: Path, app: str = STAR, **options: Any) -> Iterator[ServerProcess]:
    """A server with short times."""
    with serving(folder, app, **{"drain_s": DRAIN_S, "shutdown_timeout_s": TIMEOUT_S, **options}) as process:
        yield process


def assert_ends(process: ServerProcess, number: int = signal.SIGTERM, within_s: float = DRAIN_S + TIMEOUT_S) -> None:
    status, seconds = process.terminate(number)
    assert (status, seconds < within_s + SLACK_S) == (0, True), f"{status} after {seconds} s:\n{process.log}"


@pytest.mark.parametrize(
    ("sockets", "drain_s", "spread_s"), [(0, 10.0, 0.0), (2, 10.0, 0.0), (50, 10.0, 1.0), (100_000, 10.0, 10.0)]
)
def test_drain_is_spread_over_more_time_the_more_sockets_there_are(
    sockets: int, drain_s: float, spread_s: float
) -> None:
    assert spread_of(sockets, drain_s) == spread_s


@pytest.mark.parametrize(("timeout_s", "reserve_s"), [(0.0, 0.0), (1.0, 0.2), (10.0, 1.0)])
def test_handlers_are_cancelled_a_fifth_of_the_time_before_its_end_at_most(timeout_s: float, reserve_s: float) -> None:
    assert reserve_of(timeout_s) == reserve_s


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_server_ends_at_once(tmp_path: Path, number: int) -> None:
    with short(tmp_path, drain_s=60.0, shutdown_timeout_s=60.0) as process, process.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")  # and then idle in keep-alive
        assert read_answer(client).body == b"page"
        assert_ends(process, number, within_s=0.0)
        assert is_closed(client)
    assert "Traceback" not in process.log


@pytest.mark.parametrize("program", [APISTAR, ASYNCIO], ids=["uvloop", "asyncio"])
def test_handlers_finish_and_peers_are_told(tmp_path: Path, program: str) -> None:
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(short(tmp_path, program=program, shutdown_timeout_s=20.0))
        clients = [stack.enter_context(process.connect()) for _ in range(3)]
        request = stack.enter_context(process.connect())
        for client in clients:
            upgrade(client, b"/told")
        request.sendall(b"GET /soon HTTP/1.1\r\nHost: a\r\n\r\n")
        process.wait_for_log("soon begins")
        process.process.send_signal(signal.SIGTERM)
        for client in clients:
            assert read_close(client) == (1012, b"")
            client.sendall(close_frame(1012))
            assert is_closed(client)
        answer = read_answer(request)
        assert (answer.status, answer.body, answer.headers[b"connection"]) == (200, b"soon", b"close")
        assert is_closed(request)
        assert process.process.wait(30) == 0
    assert process.log.count("told 1012") == 3
    assert process.log.count("resource cleaned up") == 3
    assert "Traceback" not in process.log
    assert "Time is up" not in process.log


@pytest.mark.parametrize("program", [APISTAR, ASYNCIO], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize(
    "secure", [pytest.param(True, marks=pytest.mark.requires("openssl")), False], ids=["tls", "plain"]
)
def test_no_client_holds_it_up(tmp_path: Path, program: str, secure: bool) -> None:
    certificate = make_certificate(tmp_path) if secure else None
    options = certificate.options if certificate is not None else {}
    tls = certificate.client() if certificate is not None else None
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(short(tmp_path, program=program, **options))

        def client(first: bytes = b"", *, tls: ssl.SSLContext | None = tls) -> socket.socket:
            connected: socket.socket = stack.enter_context(process.connect(tls))
            connected.sendall(first)
            return connected

        client(tls=None)  # says nothing; not even TLS's first word
        client(b"GET /echo HTTP/1.1\r\nHo")
        client(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        client(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
        waiting = client(handshake(b"/never-answer"))
        silent, half, deaf = client(), client(), client()
        for each in (silent, half):
            upgrade(each, b"/echo")
        half.sendall(frame(TEXT, b"whole")[:5])
        upgrade(deaf, b"/push")
        answering = client()
        upgrade(answering, b"/echo")
        answering.sendall(frame(TEXT, b"hi"))
        assert read_frame(answering) == (TEXT, b"hi")

        assert_ends(process)
        assert read_close(answering) == (1012, b"")
        assert read_close(silent) == (1012, b"")
        assert read_answer(waiting).status == 503
        assert read_to_end(deaf)
    assert "Traceback" not in process.log


@pytest.mark.parametrize("program", [APISTAR, ASYNCIO], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("app", [STAR, "tests.server.framework_apps:starlette_app"], ids=["star", "starlette"])
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_event_stream_ends_with_the_drain(tmp_path: Path, app: str, program: str, version: bytes) -> None:
    with short(tmp_path, app, program=program, shutdown_timeout_s=20.0) as process, process.connect() as client:
        client.sendall(b"GET /events HTTP/%b\r\nHost: a\r\n\r\n" % version)
        seen = b""
        while not seen.endswith(b"data: hello\n\n" + (b"\r\n" if version == b"1.1" else b"")):
            seen += client.recv(4096)
        assert_ends(process)
        assert read_to_end(client) == (b"0\r\n\r\n" if version == b"1.1" else b"")
    assert "events closed" in process.log
    assert "Traceback" not in process.log
    assert "Time is up" not in process.log


def test_event_stream_whose_client_reads_nothing_does_not_hold_it_up(tmp_path: Path) -> None:
    with short(tmp_path) as process, process.connect() as client:
        client.sendall(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        process.wait_for_log("flood waits")
        assert_ends(process)
    assert "Traceback" not in process.log


def test_event_stream_that_begins_in_the_drain_ends_at_once(tmp_path: Path) -> None:
    with short(tmp_path, shutdown_timeout_s=20.0) as process, process.connect() as client:
        client.sendall(b"GET /late-events HTTP/1.1\r\nHost: a\r\n\r\n")
        process.wait_for_log("late events begin")
        assert_ends(process)
        assert read_to_end(client).endswith(b"\r\n\r\n0\r\n\r\n")
    assert "Time is up" not in process.log


def test_download_is_finished(tmp_path: Path) -> None:
    with short(tmp_path, shutdown_timeout_s=20.0) as process, process.connect() as client:
        client.sendall(b"GET /download HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        assert_ends(process)
        assert read_to_end(client).count(b"5\r\npiece\r\n") == 5


def late(process: ServerProcess, client: socket.socket) -> None:
    upgrade(client, b"/late")


def ignore(process: ServerProcess, client: socket.socket) -> None:
    upgrade(client, b"/ignore")


def thread(process: ServerProcess, client: socket.socket) -> None:
    upgrade(client, b"/thread")
    process.wait_for_log("in a thread")


def block(process: ServerProcess, client: socket.socket) -> None:
    upgrade(client, b"/block")
    client.sendall(frame(TEXT, b"now"))
    process.wait_for_log("blocking")


@pytest.mark.parametrize("program", [APISTAR, ASYNCIO], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("misbehave", [late, ignore, thread, block])
def test_no_handler_holds_it_up(
    tmp_path: Path, program: str, misbehave: Callable[[ServerProcess, socket.socket], None]
) -> None:
    with short(tmp_path, program=program) as process, process.connect() as client:
        misbehave(process, client)
        assert_ends(process)
        left_behind = (
            "apistar: a handler, a thread or the application's shutdown did not end in time; leaving it behind"
        )
        if misbehave is late:
            assert "cancelled\nresource cleaned up" in process.log
            assert left_behind not in process.log
        else:
            assert left_behind in process.log
    assert "Traceback" not in process.log


@pytest.mark.parametrize("app", ["hangs_in_shutdown", "blocks_in_shutdown", "hangs_in_startup", "fails_in_shutdown"])
def test_no_application_holds_it_up(tmp_path: Path, app: str) -> None:
    with short(tmp_path, f"tests.server.apps:{app}", answer=app != "hangs_in_startup") as process:
        process.wait_for_log("startup hangs" if app == "hangs_in_startup" else "startup complete")
        assert_ends(process)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_does_not_prolong_it(tmp_path: Path, second: int) -> None:
    shutdown_timeout_s = TIMEOUT_S if second == signal.SIGTERM else 60.0
    with short(tmp_path, shutdown_timeout_s=shutdown_timeout_s) as process, process.connect() as client:
        upgrade(client, b"/ignore")
        process.process.send_signal(signal.SIGTERM)
        assert read_close(client)[0] == 1012
        assert_ends(process, second, within_s=1.0)


def test_nothing_is_accepted_while_handlers_finish(tmp_path: Path) -> None:
    with short(tmp_path, shutdown_timeout_s=60.0) as process, process.connect() as client, process.connect() as idle:
        upgrade(client, b"/ignore")
        process.process.send_signal(signal.SIGTERM)
        assert read_close(client)[0] == 1012
        assert is_closed(idle)
        wait_for(lambda: is_refused(process), "the port to be closed")
        process.process.kill()


def test_sockets_are_told_in_batches_over_the_drain(tmp_path: Path) -> None:
    number, drain_s = 200, 1.0
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(short(tmp_path, drain_s=drain_s, shutdown_timeout_s=20.0))
        selector = stack.enter_context(selectors.DefaultSelector())
        for _ in range(number):
            client = stack.enter_context(process.connect())
            upgrade(client)
            selector.register(client, selectors.EVENT_READ)
        process.process.send_signal(signal.SIGTERM)
        told_at: list[float] = []
        while len(told_at) < number:
            for key, _ in selector.select(10.0):
                told = key.fileobj
                assert isinstance(told, socket.socket)
                assert read_close(told) == (1012, b"")
                told_at.append(time.monotonic())
                selector.unregister(told)
                told.sendall(close_frame(1012))
        assert process.process.wait(30) == 0
    assert told_at[-1] - told_at[0] > drain_s / 2
    half = sum(moment < told_at[0] + drain_s / 2 for moment in told_at)
    assert number / 4 < half < number * 3 / 4


def test_reload_takes_a_moment_and_not_the_drain(tmp_path: Path) -> None:
    module = tmp_path / "reloaded.py"
    module.write_text("from tests.server.star_app import app\n")
    options = {"app_dir": str(tmp_path), "reload_dirs": [str(tmp_path)], "reload": True}
    with short(tmp_path, "reloaded:app", drain_s=60.0, shutdown_timeout_s=60.0, **options) as process:
        process.wait_for_log("Application startup complete")
        with process.connect() as client, process.connect() as stubborn:
            upgrade(client, b"/echo")
            upgrade(stubborn, b"/ignore")

            def noticed() -> bool:
                """The server has started before whoever watches the files has; so change it until somebody sees it."""
                module.write_text(module.read_text() + "\n")
                return bool(select.select([client], [], [], 0.5)[0])

            wait_for(noticed, "the change to be seen")
            assert read_close(client)[0] == 1012
            begin = time.monotonic()
            read_to_end(client)
            assert time.monotonic() - begin < 0.2 + SLACK_S
        wait_for(lambda: process.log.count("Application startup complete") >= 2, "the second start")
        with process.connect() as client:
            upgrade(client)
            client.sendall(frame(TEXT, b"again"))
            assert read_frame(client) == (TEXT, b"again")
            assert_ends(process, within_s=0.2)
