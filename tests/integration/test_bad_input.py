"""
Bad input in bytes, on four servers: a clear status or close code, one line in the log, nothing of an exception for the
peer, and the server keeps serving.

Where a server answers by itself, before the application sees anything, its own words are its business; that it refuses
is not.
"""

from __future__ import annotations

import json
import re
import socket
import struct
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.integration.application import LOG_MARK, SECRET
from tests.integration.servers import COMMANDS, Server, running
from tests.server.wire import BINARY, CLOSE, TEXT, Answer, close_frame, frame, handshake, read_answer, read_frame

pytestmark = [pytest.mark.integration]

WAIT_S: Final = 30.0
TOO_LARGE: Final = b"x" * (1024 * 1024 + 1)
WORDS_OF_EXCEPTIONS: Final = re.compile(r"Traceback|Error\b|Exception|msgspec|\.py\b")


@pytest.fixture(scope="module", params=COMMANDS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with running(request.param) as server:
        yield server


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), WAIT_S)


def get(target: bytes, *lines: bytes) -> bytes:
    return b"\r\n".join([b"GET %s HTTP/1.1" % target, b"Host: a", *lines, b"", b""])


def post(body: bytes, kind: bytes = b"application/json") -> bytes:
    head = b"POST /order HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(body))
    return head + body


def chunked(body: bytes) -> bytes:
    head = b"POST /order HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def ask(server: Server, request: bytes) -> Answer:
    with connected(server) as client:
        client.sendall(request)
        return read_answer(client)


def assert_serves(server: Server) -> None:
    answer = ask(server, get(b"/hello"))
    assert (answer.status, answer.body) == (200, b'{"hello":"you"}')


# HTTP: what the application refuses, with a status and a sentence


@pytest.mark.parametrize(
    ("request_bytes", "status", "detail"),
    [
        (post(b'{"type":"say"'), 400, "$: malformed JSON: it ends early (byte 13)"),
        (post(b'{"type":"say","text":"\xff"}'), 400, "$: malformed JSON: invalid UTF-8 (byte 22)"),
        (post(b'{"type":' + b"[" * 100_000), 400, "$: malformed JSON: nested too deeply"),
        (post(b""), 400, "$: the body is missing; it is Say"),
        (post(b'{"type":"say","text":3}'), 400, "$.text: expected str, got int"),
        (post(b'{"type":"say"}'), 400, "$.text: required field is missing"),
        (post(b'{"type":"shout"}'), 400, "$.type: unknown tag 'shout'; expected 'say'"),
        (post(b"a,b", b"text/csv"), 415, "content type 'text/csv' is not supported"),
        (post(TOO_LARGE), 413, "body of 1048577 bytes exceeds max_message_bytes of 1048576"),
        (chunked(TOO_LARGE), 413, "body of 1048577 bytes exceeds max_message_bytes of 1048576"),
        (get(b"/hello?name=%ff"), 400, "the query string is not UTF-8; percent-encode text as UTF-8"),
        (get(b"/hello?" + b"a&" * 1001), 400, "the query string has more than 1000 fields"),
        (get(b"/tokened"), 400, "header 'x-token' is missing"),
        (get(b"/hello/%00"), 404, "nothing is at /hello/"),
        (get(b"/hello/.."), 404, "nothing is at /hello/.."),
        (get(b"/hello/%2e%2e"), 404, "nothing is at /hello/.."),
        (get(b"/hello/..%2fsecret"), 404, "nothing is at /hello/../secret"),
        (get(b"/../etc/passwd"), 404, "nothing is at /../etc/passwd"),
        (get(b"/hello/%ff"), 404, "nothing is at /hello/\ufffd"),
        (get(b"/hello/a%0d%0aX-Evil:1"), 404, "nothing is at /hello/a"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else str(value)[:40],
)
def test_bad_request_is_refused_with_a_status_and_a_sentence(
    server: Server, request_bytes: bytes, status: int, detail: str
) -> None:
    before = len(server.lines())
    answer = ask(server, request_bytes)
    assert answer.status == status
    problem = json.loads(answer.body)
    assert problem["status"] == status
    assert problem["detail"].startswith(detail)
    assert not WORDS_OF_EXCEPTIONS.search(answer.body.decode())
    assert b"x-evil" not in answer.headers
    assert_serves(server)
    assert server.lines()[before:] == []  # the line of a request is the server's access log


def test_path_is_decoded_once(server: Server) -> None:
    assert ask(server, get(b"/hello/%252e%252e")).body == b'{"hello":"%2e%2e"}'


@pytest.mark.parametrize("line", [b"X-Token: a\rb", b"X-Token: a\0b", b"X-Token: a\r\n b", b"X-Token: a\nX-Other: b"])
def test_header_with_a_line_break_never_becomes_two_values(server: Server, line: bytes) -> None:
    answer = ask(server, get(b"/tokened", line))
    if answer.status == 200:
        # A server may read a line feed as a line's end, and a folded line as a space (RFC 9112 §2.2, §5.2).
        assert answer.body in (b"a", b"a b")
    else:
        assert answer.status == 400
    assert_serves(server)


@pytest.mark.parametrize("target", [b"/hello/\xff", b"/hello?name=\xff"])
def test_bytes_that_no_url_has_are_refused(server: Server, target: bytes) -> None:
    assert ask(server, get(target)).status == 400
    assert_serves(server)


def test_fault_of_a_handler_is_a_500_and_one_traceback(server: Server) -> None:
    text = f"ValueError: {SECRET}"
    before = server.log.count(text)
    answer = ask(server, get(b"/fails-http"))
    assert (answer.status, json.loads(answer.body)["detail"]) == (500, "Internal Server Error")
    server.wait_for_text(text, before + 1)
    assert_serves(server)
    assert server.log.count(text) == before + 1


def test_header_of_an_answer_cannot_be_split(server: Server) -> None:
    answer = ask(server, get(b"/answers-with?value=a%0d%0aX-Evil:%201"))
    assert b"x-evil" not in answer.headers
    assert answer.status == 500
    assert_serves(server)


# The handshake


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/ws/nothing", 404),
        (b"/ws/receives/%00", 404),
        (b"/ws/receives/%2e%2e", 404),
        (b"/ws/receives/a%2fb", 404),
        (b"/ws/handshake/lobby/many", 404),
        (b"/ws/close/1000?reason=%ff", 400),
        (b"/ws/connects-with", 400),
        (b"/ws/connects-with?value=a%0d%0aX-Evil:%201", 500),
        (b"/ws/connects-as/unknown", 500),
    ],
)
def test_bad_handshake_is_denied(server: Server, target: bytes, status: int) -> None:
    answer = ask(server, handshake(target))
    assert answer.status == status
    assert json.loads(answer.body)["status"] == status
    assert not WORDS_OF_EXCEPTIONS.search(answer.body.decode().replace("Server Error", ""))
    assert b"x-evil" not in answer.headers
    assert_serves(server)


@pytest.mark.parametrize("line", [b"X-A: a\rb", b"X-A: a\0b"])
def test_handshake_with_a_line_break_in_a_header_is_refused(server: Server, line: bytes) -> None:
    assert ask(server, handshake(b"/ws/echo", line)).status == 400
    assert_serves(server)


def test_unknown_subprotocol_is_not_agreed_on(server: Server) -> None:
    answer = ask(server, handshake(b"/ws/echo", b"Sec-WebSocket-Protocol: unknown"))
    assert answer.status == 101
    assert b"sec-websocket-protocol" not in answer.headers


# Messages


def close_after(server: Server, target: bytes, sent: bytes) -> tuple[int | None, str]:
    """Send to a WebSocket; the code and reason of the server's Close, `None` where it closes without a code."""
    with connected(server) as client:
        client.sendall(handshake(target))
        assert read_answer(client).status == 101
        client.sendall(sent)
        try:
            while True:
                opcode, payload = read_frame(client)
                if opcode == CLOSE:
                    break
        except ConnectionError:
            return None, ""
        if not payload:
            return None, ""
        client.sendall(close_frame(1000))
        return struct.unpack("!H", payload[:2])[0], payload[2:].decode()


@pytest.mark.parametrize(
    ("target", "sent", "code", "reason"),
    [
        (b"/ws/json", frame(TEXT, b"{"), 1007, "$: malformed JSON: it ends early (byte 1)"),
        (b"/ws/json", frame(TEXT, b"{} {}"), 1007, "$: malformed JSON: trailing characters (byte 4)"),
        (b"/ws/json", frame(TEXT, b"[" * 100_000), 1007, "$: malformed JSON: nested too deeply"),
        (b"/ws/json", frame(BINARY, b"{}"), 1003, "expected a text message, got binary"),
        (b"/ws/typed", frame(TEXT, b'{"type":"say","text":3}'), 1007, "$.text: expected str, got int"),
        (b"/ws/typed", frame(TEXT, b'{"type":"shout"}'), 1007, "$.type: unknown tag 'shout'; expected 'say'"),
        (b"/ws/typed", frame(BINARY, b'{"type":"say","text":""}'), 1003, "$: expected a text message, got binary"),
    ],
    ids=["cut", "two values", "nested", "binary", "wrong type", "unknown tag", "typed binary"],
)
def test_bad_message_closes_with_a_code_a_reason_and_one_line(
    server: Server, target: bytes, sent: bytes, code: int, reason: str
) -> None:
    before = server.log.count(f"{reason} (close code {code})")
    assert close_after(server, target, sent) == (code, reason)
    server.wait_for_text(f"{reason} (close code {code})", before + 1)
    assert_serves(server)
    assert server.log.count(f"{reason} (close code {code})") == before + 1


@pytest.mark.parametrize("target", [b"/ws/echo", b"/ws/json", b"/ws/typed"])
def test_message_that_is_too_large_closes_with_1009_and_one_line(server: Server, target: bytes) -> None:
    before = server.log.count("ended with 1009")
    code, reason = close_after(server, target, frame(TEXT, TOO_LARGE))
    assert code == 1009
    assert reason.endswith("exceeds max_message_bytes of 1048576")
    server.wait_for_text("ended with 1009", before + 1)
    assert_serves(server)
    assert server.log.count("ended with 1009") == before + 1


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"\xff"), 1007),
        (b"\x81\x01a", 1002),
        (frame(0x3, b"a"), 1002),
        (b"\xf1" + frame(TEXT, b"a")[1:], 1002),
        (close_frame(1005), 1002),
        (frame(0x0, b"a"), 1002),
        (frame(0x9, b"a" * 126), 1002),
    ],
    ids=["UTF-8", "unmasked", "opcode", "reserved bits", "close code", "continuation", "long ping"],
)
def test_bad_frame_ends_the_connection(server: Server, sent: bytes, code: int) -> None:
    """hypercorn and granian end it without saying why."""
    ended = close_after(server, b"/ws/echo", sent)[0]
    assert ended == code or (ended in (None, 1002) and server.name in ("hypercorn", "granian"))
    assert_serves(server)


def test_log_has_no_line_that_a_client_wrote(server: Server) -> None:
    reason = f"x\n{LOG_MARK} ERROR forged".encode()
    with connected(server) as client:
        client.sendall(handshake(b"/ws/echo"))
        assert read_answer(client).status == 101
        client.sendall(close_frame(1008, reason))
        read_frame(client)
    ask(server, get(b"/hello/%0a%5Bapp%5D%20ERROR%20forged"))
    assert_serves(server)
    assert not any(line.startswith("ERROR forged") for line in server.lines())


def test_no_server_has_printed_an_exception_of_its_own(server: Server) -> None:
    """Last in the file: after all of the above. uvicorn's default protocol logs invalid UTF-8 with a traceback."""
    faults: list[Any] = re.findall(r"Exception in ASGI application|Task exception was never retrieved", server.log)
    assert faults == []
