"""Clients that read nothing, or little, of an answer of plain HTTP."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator

import pytest

from tests.server.processes import APISTAR, ASYNCIO, ServerProcess, serving, wait_for
from tests.server.wire import read_answer, read_head
from tests.threats.watch import MIB

TIMEOUT_S = 0.5


@pytest.fixture(scope="module", params=[APISTAR, ASYNCIO], ids=["uvloop", "asyncio"])
def slow_readers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("readers"), "tests.threats.slow_readers:app", request.param) as process:
        yield process


def ask(server: ServerProcess, target: bytes) -> socket.socket:
    client = server.connect()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    client.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target)
    return client


def state(server: ServerProcess) -> dict[str, int]:
    with ask(server, b"/state") as client:
        found: dict[str, int] = json.loads(read_answer(client).body)
        return found


@pytest.mark.parametrize(
    ("target", "limit_s"),
    [(b"/stream", 0.5), (b"/large", 0.5), (b"/file", 0.5), (b"/hasty", 0.3), (b"/hasty-events", 0.3)],
)
def test_client_that_reads_nothing_of_an_answer_is_reset(
    slow_readers: ServerProcess, target: bytes, limit_s: float
) -> None:
    before = state(slow_readers)["tasks"]
    with ask(slow_readers, target) as client:
        port = client.getsockname()[1]
        slow_readers.wait_for_log(rf":{port} - took nothing of an answer for send_timeout_s of {limit_s}\n")
        wait_for(lambda: state(slow_readers) == {"running": 0, "tasks": before}, "the end of the handler")
        with pytest.raises(ConnectionResetError):
            while client.recv(MIB):
                pass
    assert "Traceback" not in slow_readers.log


@pytest.mark.parametrize("target", [b"/patient", b"/patient-events"])
def test_route_has_a_time_of_its_own(slow_readers: ServerProcess, target: bytes) -> None:
    with ask(slow_readers, target) as client:
        for _ in range(3):  # others' time is over, one after the other
            with ask(slow_readers, b"/large") as other:
                slow_readers.wait_for_log(rf":{other.getsockname()[1]} - took nothing")
        left = 16 * MIB
        while left > 0:
            received = client.recv(MIB)
            assert received
            left -= len(received)


def test_answer_behind_that_of_such_a_route_has_the_applications_time(slow_readers: ServerProcess) -> None:
    with ask(slow_readers, b"/patient") as client:
        assert b"content-length: %d" % (32 * MIB) in read_head(client)
        left = 32 * MIB
        while left:
            left -= len(client.recv(min(left, MIB)))
        client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        port = client.getsockname()[1]
        slow_readers.wait_for_log(rf":{port} - took nothing of an answer for send_timeout_s of 0.5\n")


def test_client_that_reads_little_at_a_time_gets_the_whole_answer(slow_readers: ServerProcess) -> None:
    """It takes several times as long as one may take who reads nothing."""
    with ask(slow_readers, b"/large") as client:
        assert b"content-length: %d" % (32 * MIB) in read_head(client)
        begin, left = time.monotonic(), 32 * MIB
        while left:
            left -= len(client.recv(min(left, 65536)))
            if time.monotonic() < begin + 4 * TIMEOUT_S:
                select.select([], [], [], TIMEOUT_S / 8)  # its pace, and no wait for the server
        assert time.monotonic() - begin > 4 * TIMEOUT_S
