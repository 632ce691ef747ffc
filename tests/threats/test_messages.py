"""
Rows 1, 23 and 26 of the threats: foreign origins, subprotocols that nobody offered, and JSON that hurts who reads it.
"""

from __future__ import annotations

import json

import pytest

from tests.server.processes import ServerProcess
from tests.server.wire import TEXT, handshake, is_closed, read_answer, read_close, read_frame, upgrade
from tests.threats.watch import MIB, assert_alive, bounded, witness
from tests.transports.wire import frame

# Row 1: origins


@pytest.mark.parametrize(
    "origin",
    [
        b"http://evil.example",
        b"https://localhost:444",
        b"http://localhost.evil.example",
        b"http://evil-localhost",
        b"http://localhost:81",
        b"http://localhost@evil.example",
        b"http://evil.example/localhost",
        b"http://localhost/",
        b"localhost",
        b"null",
        b"file://",
        b"http://127.0.0.1",
        b"http://localhost, http://evil.example",
    ],
)
def test_page_of_another_site_gets_403_before_the_handshake(ours: ServerProcess, origin: bytes) -> None:
    with ours.connect() as client:
        client.sendall(handshake(b"/echo", b"Origin: " + origin))
        answer = read_answer(client)
        assert answer.status == 403
        assert b"sec-websocket-accept" not in answer.headers
        assert is_closed(client)
    assert_alive(ours)


def test_page_of_another_site_that_is_told_no_has_its_frames_ignored(ours: ServerProcess) -> None:
    with ours.connect() as client:
        client.sendall(handshake(b"/echo", b"Origin: http://evil.example") + frame(0x81, b"do it") + frame(0x88))
        assert read_answer(client).status == 403
        assert is_closed(client)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (b"localhost", b"http://localhost"),
        (b"localhost:80", b"http://localhost"),
        (b"localhost:8000", b"http://localhost:8000"),
        (b"[::1]:8000", b"http://[::1]:8000"),
    ],
)
def test_page_of_the_same_site_is_served(ours: ServerProcess, host: bytes, origin: bytes) -> None:
    with ours.connect() as client:
        client.sendall(handshake(b"/echo", b"Origin: " + origin, host=host))
        assert read_answer(client).status == 101


PROXIED = b"X-Forwarded-Proto: https"


@pytest.mark.parametrize(
    ("origin", "lines", "expected"),
    [
        (b"http://localhost", (), None),
        (b"https://localhost", (), "http://localhost"),
        (b"https://localhost", (PROXIED,), None),
        (b"http://localhost", (PROXIED,), "https://localhost"),
    ],
)
def test_scheme_of_the_page_is_the_scheme_of_the_socket(
    carried: ServerProcess, origin: bytes, lines: tuple[bytes, ...], expected: str | None
) -> None:
    with carried.connect() as client:
        client.sendall(handshake(b"/echo", b"Origin: " + origin, *lines))
        answer = read_answer(client)
        if expected is None:
            assert answer.status == 101
            return
        assert answer.status == 403
        problem = json.loads(answer.body)
        said = f"origin {origin.decode()!r} is not this server's own, {expected!r}; if that page is yours, list it in "
        assert problem["detail"].startswith(f"{said}allowed_origins=[{origin.decode()!r}], or ")
        assert is_closed(client)


# Row 23: subprotocols


@pytest.mark.parametrize(
    ("offer", "chosen"),
    [(b"", None), (b"Sec-WebSocket-Protocol: v1", None), (b"Sec-WebSocket-Protocol: v1, v2", b"v2")],
)
def test_subprotocol_is_one_that_was_offered_or_none(ours: ServerProcess, offer: bytes, chosen: bytes | None) -> None:
    with ours.connect() as client:
        answer = upgrade(client, b"/offered", *([offer] if offer else []))
        assert answer.headers.get(b"sec-websocket-protocol") == chosen
        assert read_frame(client) == (TEXT, chosen or b"none")


# Row 26: JSON


DEEP = b"[" * 200_000


@pytest.mark.parametrize("target", [b"/json", b"/typed"])
@pytest.mark.parametrize(
    "document",
    [
        pytest.param(DEEP, id="200,000 brackets"),
        pytest.param(DEEP + b"]" * 200_000, id="200,000 pairs of brackets"),
        pytest.param(b'{"items":' * 50_000 + b"1" + b"}" * 50_000, id="50,000 objects"),
        pytest.param(b'{"items": ' + DEEP + b"]" * 200_000 + b"}", id="brackets where a list belongs"),
        pytest.param(b'{"items": [1}', id="not JSON"),
        pytest.param(b"", id="empty"),
        pytest.param(b'"\\ud800"', id="half a surrogate"),
    ],
)
def test_json_that_is_none_or_too_deep_is_answered_1007(ours: ServerProcess, target: bytes, document: bytes) -> None:
    with bounded(ours), witness(ours, "JSON that hurts"), ours.connect() as client:
        upgrade(client, target)
        client.sendall(frame(0x81, document))
        assert read_close(client)[0] == 1007
    assert "Traceback" not in ours.log


@pytest.mark.parametrize("target", [b"/json", b"/typed"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"9" * (MIB - 100), id="an integer of a million digits"),
        pytest.param(b"-" + b"9" * 5000, id="a negative one of 5,000"),
        pytest.param(b"1e400", id="past the largest float"),
        pytest.param(b"0." + b"1" * 500_000, id="half a million decimals"),
        pytest.param(b"1E" + b"9" * 100_000, id="an exponent of 100,000 digits"),
    ],
)
def test_numbers_that_are_huge_are_taken_or_answered_1007_at_once(
    ours: ServerProcess, target: bytes, value: bytes
) -> None:
    with bounded(ours), witness(ours, "numbers that hurt"), ours.connect() as client:
        upgrade(client, target)
        client.sendall(frame(0x81, b'{"items": [%s]}' % value))
        opcode, payload = read_frame(client)
        assert (opcode, payload) == (TEXT, b"taken") or payload[:2] == b"\x03\xef"
    assert "Traceback" not in ours.log


@pytest.mark.parametrize("target", [b"/json", b"/typed"])
def test_doubled_keys_in_great_number_are_answered_1007_at_once(ours: ServerProcess, target: bytes) -> None:
    document = b'{"items": []' + b', "items": []' * 70_000 + b"}"
    with bounded(ours), witness(ours, "doubled keys"), ours.connect() as client:
        upgrade(client, target)
        client.sendall(frame(0x81, document))
        assert read_close(client) == (1007, b"$: a key is doubled")
