"""
Attacks on the opening handshake where uvicorn's own HTTP classes are underneath: `uvicorn --ws …` without `--http`.

What they hand over is refused as under our own HTTP class (`test_openings.py`). What they read before that is theirs;
the last tests show what our HTTP class changes on uvicorn's command line.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest

from tests.server.processes import ServerProcess, serving, wait_for
from tests.server.wire import (
    TEXT,
    frame,
    handshake,
    is_closed,
    read_answer,
    read_frame,
    read_to_end,
    upgrade,
)
from tests.threats.openings import NORMALISED_BY_H11
from tests.threats.watch import MIB, assert_alive, bounded, status_of

COMMAND_LINE = (
    "import json, sys; from uvicorn.main import main; options = json.loads(sys.argv[1]); app = options.pop('app'); "
    "main([app, *(f'--{name}={value}' for name, value in options.items())])"
)
OURS = {"ws": "apistar.server:WebSocketProtocol", "http": "apistar.server:HTTPProtocol"}
FIRST = b"GET /first HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """uvicorn's command line with both classes of ours."""
    with serving(tmp_path_factory.mktemp("pair"), "tests.threats.impatient:app", COMMAND_LINE, **OURS) as process:
        yield process


# Row 10: characters


@pytest.mark.parametrize("line", sorted(NORMALISED_BY_H11))
def test_lines_that_h11_puts_right_are_never_seen_as_they_came(
    uvicorn_with: Callable[[str], ServerProcess], line: bytes
) -> None:
    with uvicorn_with("h11").connect() as client:
        upgrade(client, b"/echo", line)


# Row 11: an upgrade behind another request


def test_upgrade_behind_an_unanswered_request_mixes_no_answers_of_plain_uvicorn(
    http: str, plain: ServerProcess
) -> None:
    """httptools hands it over at once, and it is refused; h11 waits until the first request is answered."""
    with plain.connect() as client:
        client.sendall(FIRST + handshake() + frame(TEXT, b"early"))
        if http == "h11":
            assert read_answer(client).status == 200
            assert read_answer(client).status == 101
            assert read_frame(client) == (TEXT, b"early")
        else:
            answer = read_answer(client)
            assert (answer.status, answer.headers[b"connection"]) == (200, b"close")
            assert is_closed(client)
            plain.wait_for_log("refused with 400: an upgrade must wait")
    assert_alive(plain)


def test_client_that_leaves_behind_such_an_upgrade_is_let_go(plain: ServerProcess) -> None:
    begun = plain.log.count("waiting")
    with plain.connect() as client:
        client.sendall(FIRST.replace(b"/first", b"/wait") + handshake())
        wait_for(lambda: plain.log.count("waiting") > begun, "the first request")
    plain.wait_for_log("left alone")
    assert_alive(plain)


# Row 8: time, from the whole request on


def test_handshake_that_the_application_never_answers_ends_with_503_on_plain_uvicorn(plain: ServerProcess) -> None:
    with plain.connect() as client:
        client.sendall(handshake(b"/never-answer"))
        assert read_answer(client).status == 503
        assert is_closed(client)


# Row 22: the log


def test_values_of_the_query_are_not_logged_by_plain_uvicorn(plain: ServerProcess) -> None:
    with plain.connect() as client:
        upgrade(client, b"/echo?token=s3cret")
    plain.wait_for_log(r'"WebSocket /echo\?token=\*\*\*" \[accepted\]')
    assert "s3cret" not in plain.log


# With our HTTP class on uvicorn's command line


@pytest.mark.parametrize("sent", [b"", b"GET /echo HT", handshake()[:-2]])
def test_slow_client_is_sent_away_by_the_pair(pair: ServerProcess, sent: bytes) -> None:
    with pair.connect() as client:
        client.sendall(sent)
        begin = time.monotonic()
        assert read_to_end(client)[:12] == (b"HTTP/1.1 408" if sent else b"")
        assert time.monotonic() - begin < 8.0


def test_client_with_endless_headers_gets_431_from_the_pair_and_costs_little(pair: ServerProcess) -> None:
    received = b""
    with bounded(pair), pair.connect() as client:
        client.sendall(b"GET /echo HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            for _ in range(8 * MIB // 8008):
                client.sendall(b"X: " + b"a" * 8003 + b"\r\n")
            pytest.fail("8 MiB of headers were taken")
        with contextlib.suppress(ConnectionResetError):
            received = client.recv(65536)
    assert received[:12] in (b"", b"HTTP/1.1 431")


def test_client_with_a_broken_handshake_gets_400_from_the_pair(pair: ServerProcess) -> None:
    for request in (handshake(version=b"HTTP/1.0"), handshake(b"/echo", b"Host: other"), handshake(method=b"POST")):
        assert status_of(pair, request) == 400


def test_frames_behind_the_handshake_are_kept_by_the_pair(pair: ServerProcess) -> None:
    with pair.connect() as client:
        client.sendall(handshake() + frame(TEXT, b"early"))
        assert read_answer(client).status == 101
        assert read_frame(client) == (TEXT, b"early")


def test_the_pair_serves_plain_requests_and_ends(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("end"), "tests.server.apps:bare", COMMAND_LINE, **OURS) as process:
        with process.connect() as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert read_answer(client).status == 200
        assert process.terminate()[0] in (0, -15)
