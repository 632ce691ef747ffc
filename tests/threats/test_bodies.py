"""
Attacks on the bodies of plain requests: what stands around chunks, and bodies that are none.
"""

from __future__ import annotations

import contextlib
import json
import re
import time

import pytest

from tests.server.processes import ServerProcess, wait_for
from tests.server.wire import is_closed, read_answer, read_to_end
from tests.threats.watch import MIB, assert_alive, bounded, tasks_of

CHUNKED = b"POST /names HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /endings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def test_trailers_are_no_headers(ours: ServerProcess) -> None:
    with ours.connect() as client:
        client.sendall(CHUNKED + b"1\r\nx\r\n0\r\nAuthorization: forged\r\nHost: forged\r\n\r\n" + NEXT)
        answers = read_to_end(client)
    assert re.findall(rb"HTTP/1.1 (\d+) ", answers) == [b"200", b"200"]
    names = json.loads(answers.partition(b"\r\n\r\n")[2].partition(b"HTTP/1.1")[0])
    assert names == ["host", "transfer-encoding"]


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"0\r\nX: ", b"x" * 65536),
        (b"0\r\n", b"x" * 65536),
        (b"0\r\n", b"X: y\r\n" * 10_000),
        (b'1;a="', b"x" * 65536),
    ],
    ids=["value", "name", "many", "extension"],
)
def test_trailers_and_chunk_extensions_without_end_get_431_and_cost_little(
    ours: ServerProcess, begin: bytes, piece: bytes
) -> None:
    with bounded(ours), ours.connect() as client:
        client.sendall(CHUNKED + begin)
        with contextlib.suppress(ConnectionError):
            for _ in range(64 * MIB // len(piece)):
                client.sendall(piece)
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = read_to_end(client)
    assert not answer or answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(("trailers", "status"), [(128, 200), (129, 431)])
def test_trailers_are_as_many_as_headers_may_be(ours: ServerProcess, trailers: int, status: int) -> None:
    with ours.connect() as client:
        for _ in range(2):  # those of the request before do not count
            client.sendall(CHUNKED + b"0\r\n" + b"X: y\r\n" * trailers + b"\r\n")
            assert read_answer(client).status == status
            if status == 431:
                break


@pytest.mark.parametrize(
    "body", [b"no size\r\n", b"f" * 17 + b"\r\n", b"-1\r\n", b"1\r\nxx\r\n", b"0\r\nX : y\r\n\r\n"]
)
def test_body_that_is_none_gets_400_and_is_not_waited_for(ours: ServerProcess, body: bytes) -> None:
    with ours.connect() as client:
        client.sendall(CHUNKED + body)
        answer = read_answer(client)
        assert answer.status == 400
        assert answer.headers[b"connection"] == b"close"
        assert is_closed(client)
    assert_alive(ours)


def test_handler_that_waits_for_a_body_that_is_none_ends(ours: ServerProcess) -> None:
    before = tasks_of(ours)
    for _ in range(5):
        with ours.connect() as client:
            client.sendall(CHUNKED)
            time.sleep(0.02)
            client.sendall(b"no size\r\n")
            assert read_answer(client).status == 400
    wait_for(lambda: tasks_of(ours) <= before, "the handlers to end")


def test_request_behind_a_body_that_is_none_is_never_read(ours: ServerProcess) -> None:
    with ours.connect() as client:
        client.sendall(CHUNKED + b"no size\r\n" + NEXT)
        assert read_to_end(client).count(b"HTTP/1.1") == 1


def test_body_that_is_none_behind_a_waiting_request_ends_the_connection(ours: ServerProcess) -> None:
    with ours.connect() as client:
        client.sendall(NEXT.replace(b"Connection: close\r\n", b"") + CHUNKED + b"no size\r\n")
        assert read_to_end(client).count(b"HTTP/1.1 200") <= 1
    assert_alive(ours)


def test_bodies_that_are_none_forge_no_log_and_leave_no_traceback(ours: ServerProcess) -> None:
    before = len(ours.log)
    with ours.connect() as client:
        client.sendall(CHUNKED + b"no size\r\n")
        read_to_end(client)
    assert_alive(ours)
    assert "Traceback" not in ours.log[before:]
