"""What reaches a log: nothing that a client could forge, and no value of a query."""

from __future__ import annotations

import logging
import sys

import pytest

from apistar.server.access_log import MAX_SHOWN, HideQueryValues, hidden, target_of
from apistar.server.log_lines import Lines, shown
from tests.server.processes import ServerProcess, serving
from tests.server.wire import CLOSE, frame, handshake, read_answer, read_close, upgrade

STAR = "tests.server.star_app:app"


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("token=secret&page=2", "token=***&page=***"),
        ("a=1;b=2", "a=***;b=***"),
        ("a=b=c", "a=***"),
        ("secret", "***"),
        ("a=1&secret", "a=***&***"),
        ("=secret", "=***"),
        ("a=", "a=***"),
        ("&&", "&&"),
        ("", ""),
        ("a\x1b[31m\n=1", r"a\x1b[31m\n=***"),
        ("é=1", r"\xe9=***"),
    ],
)
def test_query_is_shown_by_its_names(query: str, line: str) -> None:
    assert hidden(query) == line


def test_path_is_quoted_and_cut() -> None:
    assert target_of({"path": "/a\n\x1b[31m", "query_string": b""}) == "/a%0A%1B%5B31m"
    assert len(target_of({"path": "/" + "a" * 5000, "query_string": b"a=1"})) < MAX_SHOWN + 10


def test_lines_of_plain_requests_hide_values_too() -> None:
    record = logging.LogRecord(
        "uvicorn.access", logging.INFO, "", 0, '%s - "%s %s HTTP/%s" %d', ("a\nb:1", "GET", "/x?t=1", "1.1", 200), None
    )
    assert HideQueryValues().filter(record)
    assert record.getMessage() == r'a\nb:1 - "GET /x?t=*** HTTP/1.1" 200'


def test_exception_forges_no_line() -> None:
    try:
        raise ValueError("bad \x1b[31mname\r\nINFO:     forged\u2028\x85")
    except ValueError:
        record = logging.LogRecord("apistar", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    first, *rest = Lines("%(levelprefix)s %(message)s", use_colors=False).format(record).split("\n")
    assert first == "ERROR:    failed"
    assert all(line.startswith("    ") for line in rest)
    assert rest[-2:] == [r"    ValueError: bad \x1b[31mname\r", r"    INFO:     forged\u2028\x85"]
    assert shown("Zoë\tx") == "    Zoë\tx"


def lines(server: ServerProcess, part: str) -> list[str]:
    return [line for line in server.log.splitlines() if part in line]


def test_one_line_for_each_thing_and_no_traceback_for_ordinary_ends(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with serving(tmp_path_factory.mktemp("log"), STAR) as process:
        with process.connect() as client:
            upgrade(client, b"/echo?token=secret")
            name = "{}:{}".format(*client.getsockname())
            client.sendall(frame(CLOSE))
            client.recv(100)
        with process.connect() as client:
            upgrade(client, b"/echo")  # and leaves without a word
        with process.connect() as client:
            client.sendall(b"GET /?token=secret HTTP/1.1\r\nHost: a\r\n\r\n")
            read_answer(client)
        with process.connect() as client:
            client.sendall(handshake(b"/nowhere%0a%1b[31m", b"X-Forwarded-For: 1.2.3.4"))
            assert read_answer(client).status == 404
        with process.connect() as client:
            client.sendall(handshake(b"/echo", b"Host: other"))
            assert read_answer(client).status == 400
        with process.connect() as client:
            client.sendall(b"\x16\x03\x01\x1b[31m\r\n\r\n")
            assert read_answer(client).status == 400
        with process.connect() as client:
            upgrade(client, b"/fail/status")
            assert read_close(client)[0] == 4404
        assert "Traceback" not in process.log
        with process.connect() as client:
            upgrade(client, b"/fail/after")
            assert read_close(client) == (1011, b"")
        process.wait_for_log("ValueError: secret")
        assert process.log.count("Traceback") == 1
        assert lines(process, "/echo?") == [f'INFO:     {name} - "WebSocket /echo?token=***" [accepted]']
        assert len(lines(process, '"GET /?token=*** HTTP/1.1" 200 OK')) == 1
        (unknown,) = lines(process, "/nowhere")
        assert unknown == 'INFO:     1.2.3.4:0 - "WebSocket /nowhere%0A%1B%5B31m" 404'
        assert len(lines(process, "refused with 400: a request of HTTP/1.1 has exactly one header 'host'")) == 1
        assert len(lines(process, "refused with 400: Invalid HTTP request received.")) == 1
        assert len(lines(process, "ended with 404 Not Found")) == 1
        assert not lines(process, "secret\x1b")
        assert "\x1b" not in process.log
        assert [line for line in lines(process, "forged") if not line.startswith("    ")] == []


@pytest.mark.parametrize(("level", "shows"), [("warning", False), ("info", True)])
def test_level_holds_for_every_logger(tmp_path_factory: pytest.TempPathFactory, level: str, shows: bool) -> None:
    with serving(tmp_path_factory.mktemp("level"), STAR, log_level=level) as process:
        with process.connect() as client:
            upgrade(client, b"/fail/status")
            assert read_close(client)[0] == 4404
        with process.connect() as client:
            upgrade(client, b"/fail/after")
            assert read_close(client)[0] == 1011
        process.wait_for_log("Traceback")
        assert ("ended with 404" in process.log) is shows
        assert ("[accepted]" in process.log) is shows
