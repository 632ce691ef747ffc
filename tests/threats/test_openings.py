"""
Opening handshakes that are refused whoever reads them: our HTTP class, or uvicorn's own below our WebSocket class.

Rows 9 to 12 and 23 of the threats. What our HTTP class does besides is in `test_handshakes.py`, and what uvicorn's do
otherwise in `test_plain_uvicorn.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.server.processes import ServerProcess
from tests.server.wire import handshake, read_to_end
from tests.threats.openings import (
    BODIES_AND_METHODS,
    BROKEN_HANDSHAKES,
    BROKEN_OFFERS,
    FORBIDDEN_LINES,
    NORMALISED_BY_H11,
    PIPELINED,
)
from tests.threats.watch import assert_alive, status_of

DOORS = ["ours", "httptools", "h11"]


@pytest.fixture(params=DOORS)
def door(
    request: pytest.FixtureRequest, server: ServerProcess, uvicorn_with: Callable[[str], ServerProcess]
) -> ServerProcess:
    """A server, by the HTTP class that reads the handshake."""
    return server if request.param == "ours" else uvicorn_with(request.param)


# Row 9: size


@pytest.mark.parametrize(
    "request_",
    [
        handshake(b"/echo", b"X: " + b"a" * 17_000),
        handshake(b"/" + b"a" * 17_000),
        handshake(b"/echo", *[b"X: a"] * 130),
    ],
    ids=["header", "target", "headers"],
)
def test_client_with_a_large_head_gets_431(door: ServerProcess, request_: bytes) -> None:
    """uvicorn's own do not bound it while it comes, but no application sees it."""
    assert status_of(door, request_) == 431
    assert_alive(door)


# Row 10: characters


@pytest.mark.parametrize(
    ("door", "line"),
    [(door, line) for door in DOORS for line in FORBIDDEN_LINES if door != "h11" or line not in NORMALISED_BY_H11],
    indirect=["door"],
)
def test_client_with_forbidden_characters_gets_400(door: ServerProcess, line: bytes) -> None:
    assert status_of(door, handshake(b"/echo", line)) == 400
    assert_alive(door)


@pytest.mark.parametrize(
    "target", [b"/a\0b", b"/a\tb", b"/a\x85b", b"/a b", b"/a\x7fb", b"/a#b", b"http:///echo", b"*", b"echo"]
)
def test_client_with_forbidden_target_gets_400(door: ServerProcess, target: bytes) -> None:
    assert status_of(door, handshake(target)) == 400
    assert_alive(door)


# Row 11: smuggling


@pytest.mark.parametrize("request_", BODIES_AND_METHODS)
def test_client_with_a_body_or_another_method_gets_400(door: ServerProcess, request_: bytes) -> None:
    assert status_of(door, request_) == 400
    assert_alive(door)


def test_pipelined_request_behind_a_refused_upgrade_is_never_read(door: ServerProcess) -> None:
    with door.connect() as client:
        client.sendall(handshake(sec_websocket_version=b"12") + PIPELINED)
        answer = read_to_end(client)
    assert answer.startswith(b"HTTP/1.1 426 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"sec-websocket-version: 13" in answer.lower()
    assert "/smuggled" not in door.log


# Row 12: version, Host, key


@pytest.mark.parametrize("request_", BROKEN_HANDSHAKES)
def test_client_with_a_broken_handshake_gets_400(door: ServerProcess, request_: bytes) -> None:
    assert status_of(door, request_) == 400
    assert_alive(door)


# Row 23: subprotocols


@pytest.mark.parametrize("offer", BROKEN_OFFERS)
def test_client_with_broken_subprotocols_gets_400(door: ServerProcess, offer: bytes) -> None:
    assert status_of(door, handshake(b"/echo", b"Sec-WebSocket-Protocol: " + offer)) == 400
