"""
Bodies that come slowly or never, and connections that end while one still comes; on our server, and on one that knows
ASGI alone.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.server.processes import LIMITS, ServerProcess, serving, wait_for
from tests.server.wire import Answer, is_closed, read_answer, read_head, read_to_end
from tests.threats.app import SLOW_S
from tests.threats.watch import MIB, assert_alive

FORM = b"Content-Type: multipart/form-data; boundary=B"
FILE = b'--B\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n'


def head(target: bytes, *lines: bytes, length: int = 1_000_000) -> bytes:
    first = (b"POST %s HTTP/1.1" % target, b"Host: localhost", b"Content-Length: %d" % length)
    return b"\r\n".join((*first, *lines, b"", b""))


def dribble(client: socket.socket) -> None:
    """Send a byte now and then until the server says something or ends the connection."""
    client.settimeout(SLOW_S / 10)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            client.sendall(b"x")
            client.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            continue
        except ConnectionError:
            pass
        client.settimeout(10)
        return
    raise AssertionError("the server let a body drip for 20 s")


def nothing(client: socket.socket) -> None:
    """Send nothing more."""


def assert_late(answer: Answer) -> None:
    assert answer.status == 408
    assert answer.headers[b"connection"] == b"close"
    assert b"the body was not whole after request_timeout_s of 0.4" in answer.body


@pytest.mark.parametrize("go_on", [dribble, nothing])
@pytest.mark.parametrize("reader", ["whole", "declared", "form", "streamed"])
def test_body_that_does_not_come_is_answered_408(
    carried: ServerProcess, reader: str, go_on: Callable[[socket.socket], None]
) -> None:
    with carried.connect() as client:
        begin = time.monotonic()
        client.sendall(head(b"/slow/%s" % reader.encode(), FORM) + FILE)
        go_on(client)
        assert_late(read_answer(client))
        assert time.monotonic() - begin >= SLOW_S
        assert is_closed(client)


def test_body_in_chunks_without_end_is_answered_408(carried: ServerProcess) -> None:
    with carried.connect() as client:
        client.sendall(
            b"POST /slow/streamed HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n"
        )
        dribble(client)
        assert_late(read_answer(client))
        assert is_closed(client)


def test_slow_body_costs_one_line_and_no_traceback(ours: ServerProcess) -> None:
    before = len(ours.log)
    with ours.connect() as client:
        port = client.getsockname()[1]
        client.sendall(head(b"/slow/whole"))
        assert_late(read_answer(client))
        assert is_closed(client)
    ours.wait_for_log(rf":{port} - refused with 408: the body was not whole after request_timeout_s of 0.4\n")
    log = ours.log[before:]
    assert len(re.findall(rf":{port} ", log)) == 1
    assert "Traceback" not in log


def test_time_of_a_route_is_its_own(carried: ServerProcess) -> None:
    with carried.connect() as patient:
        patient.sendall(head(b"/patient", length=3))
        with carried.connect() as client:
            client.sendall(head(b"/slow/whole"))
            assert_late(read_answer(client))
        patient.sendall(b"abc")
        assert read_answer(patient).body == b"3"


def ticks(client: socket.socket) -> int:
    """Count the ticks of a response without a length, up to the end of the connection."""
    assert read_head(client).startswith(b"HTTP/1.1 200 ")
    body = read_to_end(client)
    assert b"HTTP/1.1" not in body  # no other answer in the middle of this one
    return body.count(b"tick")


def test_answer_may_take_longer_than_a_request(carried: ServerProcess) -> None:
    with carried.connect() as client:
        client.sendall(b"GET /ticking HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert ticks(client) == 10
    with carried.connect() as client:
        client.sendall(head(b"/slow/ticking", b"Connection: close", length=3) + b"abc")
        assert ticks(client) == 10


def test_time_of_a_body_ends_with_the_body(carried: ServerProcess) -> None:
    with carried.connect() as client:
        client.sendall(head(b"/slow/late", length=3) + b"ab")
        time.sleep(0.05)  # its time has begun
        client.sendall(b"c")
        assert read_answer(client).body == b"3"  # later than a body may be
        client.sendall(head(b"/slow/whole", length=0))
        assert read_answer(client).body == b"0"


def test_answer_to_a_body_that_does_not_come_is_cut(carried: ServerProcess) -> None:
    with carried.connect() as client:
        client.sendall(head(b"/slow/ticking") + b"abc")
        assert 0 < ticks(client) < 10
    assert_alive(carried)


def test_client_that_the_handler_keeps_waiting_is_not_late(carried: ServerProcess) -> None:
    size = 8 * MIB
    with carried.connect() as client:
        client.sendall(head(b"/slow/late", length=size))
        client.sendall(b"x" * size)
        assert read_answer(client).body == b"%d" % size


def test_rest_of_a_body_that_nobody_reads_has_the_same_time(ours: ServerProcess) -> None:
    with ours.connect() as client:
        client.sendall(head(b"/slow/unread"))
        answer = read_answer(client)
        assert (answer.status, answer.body) == (200, b"answered")
        dribble(client)
        assert read_to_end(client) == b""


def test_body_of_a_pipelined_request_waits_for_its_turn(tmp_path: Path) -> None:
    limits = {"request_timeout_s": SLOW_S}
    with serving(tmp_path, "tests.threats.app:app", LIMITS, limits=limits) as process, process.connect() as client:
        pausing = b"GET /pausing?pause_s=%f HTTP/1.1\r\nHost: localhost\r\n\r\n" % (1.9 * SLOW_S)
        client.sendall(pausing + head(b"/slow/whole", length=3) + b"ab")
        assert read_answer(client).status == 200
        time.sleep(SLOW_S / 3)  # all of the time is left
        client.sendall(b"c")
        assert read_answer(client).body == b"3"
        client.sendall(head(b"/slow/whole", length=3) + b"ab")
        assert_late(read_answer(client))
        assert is_closed(client)


def test_foreign_application_on_our_server_has_a_deadline(tmp_path: Path) -> None:
    limits = {"request_timeout_s": SLOW_S}
    with serving(tmp_path, "tests.server.apps:bare", LIMITS, limits=limits) as process, process.connect() as client:
        client.sendall(head(b"/"))
        dribble(client)
        assert_late(read_answer(client))
        assert is_closed(client)
        assert "Traceback" not in process.log


# Connections that end while a body still comes


def send_on(client: socket.socket) -> None:
    """See that what is sent behind the last answer is read and dropped: TCP is not reset over an answer."""
    for _ in range(4):
        client.sendall(b"x" * 10_000)
    assert client.recv(1) == b""
    client.sendall(b"x")


def test_client_that_sends_too_much_reads_its_413(ours: ServerProcess) -> None:
    with ours.connect() as client:
        client.sendall(head(b"/names", length=MIB + 1))
        client.sendall(b"x" * 100_000)
        answer = read_answer(client)
        assert answer.status == 413
        assert b"body of 1048577 bytes exceeds max_message_bytes of 1048576" in answer.body
        send_on(client)


GET = b"GET /pausing HTTP/1.1\r\nHost: localhost\r\n\r\n"
QUICK = b"GET /endings HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"POST /names HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "broken", [b"no size\r\n", b"1\r\nxx\r\n", b"0\r\nX : y\r\n\r\n", b"0\r\n" + b"X: y\r\n" * 200]
)
@pytest.mark.parametrize(
    ("before", "answers"),
    [(GET, 1), (QUICK, 1), (GET + QUICK, 2), (QUICK + GET + QUICK, 3)],
    ids=["slow", "quick", "two", "three"],
)
def test_broken_body_in_a_pipeline_costs_no_earlier_answer(
    ours: ServerProcess, before: bytes, answers: int, broken: bytes
) -> None:
    start = len(ours.log)
    with ours.connect() as client:
        client.sendall(before + CHUNKED + broken + QUICK)
        client.sendall(b"x" * 10_000)  # not read before the answers are out
        for request in before.split(b"GET ")[1:]:
            answer = read_answer(client)
            assert answer.status == 200
            assert len(answer.body) == (
                100_000 if request.startswith(b"/pausing") else int(answer.headers[b"content-length"])
            )
        send_on(client)
    assert "Traceback" not in ours.log[start:]


def test_answer_before_a_broken_body_says_that_it_is_the_last(ours: ServerProcess) -> None:
    with ours.connect() as client:
        client.sendall(GET + CHUNKED + b"no size\r\n")
        assert read_answer(client).headers[b"connection"] == b"close"
        assert is_closed(client)


def test_handler_whose_client_leaves_a_pipeline_ends(ours: ServerProcess) -> None:
    def count() -> int:
        with ours.connect() as client:
            client.sendall(b"GET /endless/ended HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return int(read_answer(client).body)

    start, before = len(ours.log), count()
    with ours.connect() as client:
        client.sendall(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n" + QUICK)
        assert read_head(client).startswith(b"HTTP/1.1 200 ")
    wait_for(lambda: count() == before + 1, "the handler to end")
    assert "Traceback" not in ours.log[start:]  # one that is not told finds a closed transport by and by
