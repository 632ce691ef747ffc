"""
Attacks on the opening handshake, in bytes, against a server process: rows 8 to 12, 21 to 23, 27 and 28 of the threats.

Each test also shows that the server lives on: the next client gets its echo. Handshakes that are refused whatever HTTP
class reads them are in `test_openings.py`.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.processes import LIMITS, ServerProcess, serving, wait_for
from tests.server.wire import (
    HEADERS,
    TEXT,
    frame,
    handshake,
    is_closed,
    read_answer,
    read_frame,
    read_to_end,
    upgrade,
)
from tests.threats.openings import PIPELINED
from tests.threats.watch import MIB, assert_alive, status_of


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose handshakes may take half a second, and which takes three sockets."""
    limits = {"handshake_timeout_s": 0.5, "max_connections": 3}
    with serving(tmp_path_factory.mktemp("short"), "tests.server.apps:bare", LIMITS, limits=limits) as process:
        yield process


# Row 10: characters


def test_client_may_send_utf8_in_other_headers(server: ServerProcess) -> None:
    with server.connect() as client:
        upgrade(client, b"/echo", "X-Name: Zoë ÀÉ 星".encode())


# Row 11: smuggling


def test_pipelined_request_behind_a_denied_upgrade_is_never_read(server: ServerProcess) -> None:
    with server.connect() as client:
        client.sendall(handshake(b"/deny") + PIPELINED)
        assert read_to_end(client).count(b"HTTP/1.1") == 1


def test_pipelined_request_behind_another_protocol_is_never_read(server: ServerProcess) -> None:
    with server.connect() as client:
        client.sendall(handshake(b"/", upgrade=b"h2c") + PIPELINED)
        answer = read_to_end(client)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"connection: close" in answer


def test_upgrade_behind_an_unanswered_request_is_refused(server: ServerProcess) -> None:
    with server.connect() as client:
        client.sendall(b"GET /first HTTP/1.1\r\nHost: localhost\r\n\r\n" + handshake())
        answer = read_to_end(client)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"101" not in answer
    assert_alive(server)


def test_upgrade_without_connection_upgrade_stays_http(server: ServerProcess) -> None:
    with server.connect() as client:
        client.sendall(handshake(b"/", without=b"Connection"))
        assert read_answer(client).status == 200


# Row 12: version, Host, key


def test_target_may_be_a_whole_url_whose_host_is_the_host(ours: ServerProcess) -> None:
    """RFC 6455 §4.2.1, item 1; RFC 9112 §3.2.2."""
    for origin, status in ((b"http://b", 101), (b"http://localhost", 403)):
        with ours.connect() as client:
            client.sendall(handshake(b"http://b/echo", b"Origin: " + origin))
            assert read_answer(client).status == status


@pytest.mark.parametrize("version", [b"0", b"8", b"12", b"14", b"", b"+13", b"013", b"13, 8"])
def test_client_of_another_version_gets_426_and_ours(server: ServerProcess, version: bytes) -> None:
    with server.connect() as client:
        client.sendall(handshake(sec_websocket_version=version))
        answer = read_answer(client)
        assert (answer.status, answer.headers[b"sec-websocket-version"]) == (426, b"13")
        assert is_closed(client)


@pytest.mark.parametrize("host", [b"localhost:8000", b"[::1]:80", b"a-b.example.com", b"127.0.0.1", b"x_y"])
def test_client_with_a_sound_host_is_served(server: ServerProcess, host: bytes) -> None:
    with server.connect() as client:
        client.sendall(handshake(host=host))
        assert read_answer(client).status == 101


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
    ],
)
def test_plain_request_without_exactly_one_host_gets_400(server: ServerProcess, request_: bytes) -> None:
    assert status_of(server, request_) == 400


def test_plain_request_with_a_host_that_is_none_gets_400(server: ServerProcess) -> None:
    assert status_of(server, b"GET / HTTP/1.1\r\nHost: a.b/c?\r\n\r\n") == 400


def test_plain_request_of_http_1_0_needs_no_host(server: ServerProcess) -> None:
    with server.connect() as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert read_answer(client).status == 200


# Row 9: size


def test_client_with_as_many_headers_as_allowed_is_served(server: ServerProcess) -> None:
    with server.connect() as client:
        upgrade(client, b"/echo", *[b"X: a"] * (128 - len(HEADERS)))


@pytest.mark.parametrize("piece", [b"X-Endless: " + b"a" * 8000 + b"\r\n", b"a" * 8000, b"a:\r\n" * 2000])
def test_client_with_endless_headers_gets_431_and_costs_little(server: ServerProcess, piece: bytes) -> None:
    assert_alive(server)
    before = server.resident_bytes()
    received = b""
    with server.connect() as client:
        client.sendall(b"GET /echo HTTP/1.1\r\n")
        try:
            for _ in range(33 * MIB // len(piece)):
                client.sendall(piece)
        except (ConnectionResetError, BrokenPipeError):
            pass
        else:
            pytest.fail("33 MiB of headers were taken")
        with contextlib.suppress(ConnectionResetError):  # the answer was on its way when the client wrote on
            received = client.recv(65536)
    assert received[:12] in (b"", b"HTTP/1.1 431")
    assert server.resident_bytes() - before < 24 * MIB
    assert_alive(server)


@pytest.mark.parametrize(("whole", "part"), [(9, 9), (0, 17), (15, 2)])
def test_head_that_is_not_whole_is_bounded_with_all_of_it(server: ServerProcess, whole: int, part: int) -> None:
    """Of 16 KiB: header lines of a KiB, and KiB of a line that does not end."""
    with server.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\n" + whole * (b"X: %b\r\n" % (b"x" * 1019)))
        time.sleep(0.1)
        client.sendall(b"X")  # the line before it is whole
        time.sleep(0.1)
        client.sendall(b"X" * 1024 * part)
        assert read_answer(client).status == 431


def test_target_that_is_too_large_with_no_header_behind_it_gets_431(server: ServerProcess) -> None:
    assert status_of(server, b"GET /%b HTTP/1.0\r\n\r\n" % (b"a" * (16 * 1024))) == 431


def test_size_of_a_head_does_not_count_for_its_body(server: ServerProcess) -> None:
    with server.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX: %b\r\n\r\n" % (b"x" * 10_000))
        time.sleep(0.05)
        client.sendall(b"1;a=" + b"a" * 10_000)
        time.sleep(0.05)
        client.sendall(b"\r\nx\r\n0\r\n\r\n")
        assert read_answer(client).body == b"x"


# Row 8: time


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", b""),
        (b"GE", b"HTTP/1.1 408"),
        (b"GET /echo HT", b"HTTP/1.1 408"),
        (handshake()[:-2], b"HTTP/1.1 408"),
    ],
)
def test_slow_client_is_sent_away(short: ServerProcess, sent: bytes, status: bytes) -> None:
    with short.connect() as client:
        client.sendall(sent)
        begin = time.monotonic()
        answer = read_to_end(client)
        assert answer[:12] == status
        assert 0.4 < time.monotonic() - begin < 8.0


def test_client_with_one_header_at_a_time_has_one_deadline_for_all(short: ServerProcess) -> None:
    begin = time.monotonic()
    with short.connect() as client:
        client.sendall(b"GET /echo HTTP/1.1\r\n")
        client.settimeout(0.1)
        answer = b""
        while not answer:
            assert time.monotonic() - begin < 8.0
            client.sendall(b"X: a\r\n")
            try:
                answer = client.recv(65536)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408")
    assert time.monotonic() - begin < 8.0


def test_second_request_of_a_connection_has_a_deadline_too(short: ServerProcess) -> None:
    with short.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_answer(client).status == 200
        client.sendall(b"GET / HTT")
        assert read_to_end(client).startswith(b"HTTP/1.1 408")


def test_empty_line_does_not_keep_an_idle_connection(tmp_path: Path) -> None:
    with serving(tmp_path, "tests.server.apps:bare", timeout_keep_alive=1) as process, process.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_answer(client).status == 200
        client.sendall(b"\r\n")
        assert is_closed(client)


def test_answer_may_take_longer_than_an_idle_connection_is_kept(tmp_path: Path) -> None:
    with serving(tmp_path, "tests.server.apps:bare", timeout_keep_alive=1) as process, process.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_answer(client).status == 200
        time.sleep(0.5)
        client.sendall(b"GET /late HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_answer(client).status == 200


def test_time_of_a_handshake_on_an_old_connection_begins_with_it(short: ServerProcess) -> None:
    with short.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_answer(client).status == 200
        time.sleep(0.6)  # longer than a handshake may take
        client.sendall(handshake(b"/hesitate"))
        assert read_answer(client).status == 101


def test_time_of_a_head_behind_requests_that_wait_begins_with_its_turn(short: ServerProcess) -> None:
    request_ = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    with short.connect() as client:
        client.sendall(request_.replace(b"/ ", b"/late ") + request_ + request_[:9])
        assert [read_answer(client).status for _ in range(2)] == [200, 200]
        client.sendall(request_[9:])
        assert read_answer(client).status == 200
        client.sendall(request_.replace(b"/ ", b"/late ") + request_ + request_[:9])
        assert [read_answer(client).status for _ in range(2)] == [200, 200]
        begin = time.monotonic()
        assert read_answer(client).status == 408
        assert time.monotonic() - begin < 1.0


def test_handshake_that_the_application_never_answers_ends_with_503(short: ServerProcess) -> None:
    with short.connect() as client:
        client.sendall(handshake(b"/never-answer"))
        assert read_answer(client).status == 503
        assert is_closed(client)
    with short.connect() as client:
        client.sendall(b"GET /endings HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b'["websocket.disconnect", 1013]' in read_answer(client).body


def test_handshakes_that_never_come_do_not_keep_others_out(short: ServerProcess) -> None:
    silent = [short.connect() for _ in range(200)]
    try:
        assert_alive(short)
    finally:
        for client in silent:
            client.close()


# Row 21: storms


def test_sockets_past_the_limit_get_503_and_when_to_come_back(short: ServerProcess) -> None:
    held = [short.connect() for _ in range(3)]
    try:
        for client in held:
            upgrade(client)
        with short.connect() as late:
            late.sendall(handshake())
            answer = read_answer(late)
            assert answer.status == 503
            assert 1 <= int(answer.headers[b"retry-after"]) <= 10
            assert is_closed(late)
    finally:
        for client in held:
            client.close()
    wait_for(lambda: _is_admitted(short), "room for another socket")


def _is_admitted(server: ServerProcess) -> bool:
    with server.connect() as client:
        client.sendall(handshake())
        return read_answer(client).status == 101


# Rows 22 and 27: the log


def test_values_of_the_query_are_not_logged(server: ServerProcess) -> None:
    with server.connect() as client:
        upgrade(client, b"/echo?token=s3cret&page=2")
    with server.connect() as client:
        client.sendall(b"GET /page?token=s3cret&flag HTTP/1.1\r\nHost: a\r\n\r\n")
        read_answer(client)
    server.wait_for_log(r'"WebSocket /echo\?token=\*\*\*&page=\*\*\*" \[accepted\]')
    server.wait_for_log(r'"GET /page\?token=\*\*\*&\*\*\* HTTP/1.1" 200')
    assert "s3cret" not in server.log


@pytest.mark.parametrize(
    "target", [b"/echo/%0a%0dINFO:%1b[31mforged", b"/refuse?%0a=%1b[31m", b"/echo/%c2%85", b"/echo/%e2%80%ae"]
)
def test_line_breaks_and_terminal_codes_are_escaped_in_the_log(server: ServerProcess, target: bytes) -> None:
    before = len(server.log)
    with server.connect() as client:
        client.sendall(handshake(target))
        read_answer(client)
    with server.connect() as client:
        client.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target)
        read_answer(client)
    wait_for(lambda: "GET /" in server.log[before:], "the line of the request")
    lines = [line for line in server.log[before:].split("\n") if '"GET /' in line or '"WebSocket /' in line]
    assert lines
    assert all(character.isprintable() for line in lines for character in line)
    assert all(line.isascii() for line in lines)


def test_bad_request_costs_one_line(server: ServerProcess) -> None:
    before = server.log.count("\n")
    assert status_of(server, b"GET / HTTP/1.1\r\nX : a\r\n" + b"Y : b\r\n" * 500 + b"\r\n") == 400
    assert server.log.count("\n") - before <= 1


# Row 23: subprotocols


def test_subprotocols_of_several_lines_are_one_list(server: ServerProcess) -> None:
    lines = (b"Sec-WebSocket-Protocol: v2, v1", b"Sec-WebSocket-Protocol:  v0 ")
    with server.connect() as client:
        assert upgrade(client, b"/scope-of", *lines).headers[b"sec-websocket-protocol"] == b"v2"


# Row 28: forged addresses


def test_forwarded_headers_are_taken_from_listed_proxies_only(tmp_path_factory: pytest.TempPathFactory) -> None:
    lines = (b"X-Forwarded-For: 203.0.113.9", b"X-Forwarded-Proto: https")
    for listed, client_shown, scheme in (
        ("10.0.0.1", b'"127.0.0.1"', b'"ws"'),
        ("127.0.0.1", b'"203.0.113.9"', b'"wss"'),
    ):
        folder = tmp_path_factory.mktemp("proxy")
        with (
            serving(folder, "tests.server.apps:bare", forwarded_allow_ips=listed) as process,
            process.connect() as client,
        ):
            upgrade(client, b"/scope-of", *lines)
            shown = read_frame(client)[1]
            assert b'"client": [%s' % client_shown in shown
            assert b'"scheme": %s' % scheme in shown


# Bytes behind a good handshake


@pytest.mark.parametrize("size", [5, 5_000, 100_000])
def test_frames_behind_the_handshake_are_kept(server: ServerProcess, size: int) -> None:
    with server.connect() as client:
        client.sendall(handshake() + frame(TEXT, b"e" * size))
        assert read_answer(client).status == 101
        assert read_frame(client) == (TEXT, b"e" * size)


def test_handshake_byte_by_byte_is_served(server: ServerProcess) -> None:
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in handshake():
            client.sendall(bytes([byte]))
        assert read_answer(client).status == 101
