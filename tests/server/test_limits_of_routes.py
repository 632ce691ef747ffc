"""
Limits on the wire of a server process: the application's, and what single routes put over them.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.processes import ServerProcess, serving, wait_for
from tests.server.wire import (
    BINARY,
    PING,
    TEXT,
    Answer,
    frame,
    handshake,
    is_closed,
    read_answer,
    read_close,
    read_frame,
    read_to_end,
    upgrade,
)


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("limited"), "tests.server.limited_app:app") as process:
        yield process


@contextlib.contextmanager
def opened(server: ServerProcess, target: bytes, *lines: bytes) -> Iterator[socket.socket]:
    with server.connect() as client:
        upgrade(client, target, *lines)
        yield client


@pytest.mark.parametrize(("target", "limit"), [(b"/echo", 1000), (b"/large", 3_000_000), (b"/small", 10)])
def test_size_of_a_message_is_the_routes_or_else_the_applications(
    limited: ServerProcess, target: bytes, limit: int
) -> None:
    with opened(limited, target) as client:
        client.sendall(frame(BINARY, bytes(limit)))
        assert read_frame(client) == (BINARY, bytes(limit))
        client.sendall(frame(BINARY, bytes(limit + 1))[:14])
        assert read_close(client) == (1009, b"message exceeds max_message_bytes of %d" % limit)


def test_number_of_fragments_is_the_routes(limited: ServerProcess) -> None:
    fragments = frame(TEXT, b"a", fin=False) + frame(0, b"b", fin=False) + frame(0, b"c")
    with opened(limited, b"/whole") as client:
        client.sendall(fragments)
        assert read_close(client)[0] == 1009
    with opened(limited, b"/echo") as client:
        client.sendall(fragments)
        assert read_frame(client) == (TEXT, b"abc")


def test_pings_are_the_routes(limited: ServerProcess) -> None:
    with opened(limited, b"/pinged") as client:
        assert read_frame(client)[0] == PING
        begin = time.monotonic()
        read_to_end(client)
        assert time.monotonic() - begin < 15.0


def test_idle_time_is_the_routes(limited: ServerProcess) -> None:
    with opened(limited, b"/idle") as client:
        assert read_close(client) == (1000, b"idle")


def test_close_timeout_is_the_routes(limited: ServerProcess) -> None:
    with opened(limited, b"/leave") as client:
        assert read_close(client) == (1000, b"")
        begin = time.monotonic()
        assert read_to_end(client) == b""
        assert time.monotonic() - begin < 4.5


def test_full_inbox_stops_the_client(limited: ServerProcess) -> None:
    """TCP takes what its buffers hold, some MiB at most, and then nothing."""
    with opened(limited, b"/deaf") as client:
        client.settimeout(0.5)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 64 * 1024 * 1024:
                sent += client.send(frame(BINARY, bytes(1000)) * 50)


def test_client_that_does_not_read_is_reset_in_the_routes_time(limited: ServerProcess) -> None:
    with opened(limited, b"/push") as client:
        begin = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT011 — the reset, seen by whoever writes
            while time.monotonic() - begin < 15.0:
                client.sendall(frame(0xA))
                time.sleep(0.02)
        assert time.monotonic() - begin < 15.0


@pytest.mark.parametrize(("target", "burst", "limit"), [(b"/rate", 2, b"1.0"), (b"/echo", 50, b"50.0")])
def test_rate_of_messages_is_the_routes_or_else_the_applications(
    limited: ServerProcess, target: bytes, burst: int, limit: bytes
) -> None:
    with opened(limited, target) as client:
        client.sendall(frame(TEXT, b"x") * (burst + 200))
        for _ in range(burst):
            assert read_frame(client) == (TEXT, b"x")
        assert read_close(client) == (1008, b"messages exceed message_rate of %s a second" % limit)


def test_route_may_lift_a_limit_of_the_application(limited: ServerProcess) -> None:
    with opened(limited, b"/unlimited") as client:
        client.sendall(frame(TEXT, b"x") * 300)
        for _ in range(300):
            assert read_frame(client) == (TEXT, b"x")


def test_connections_past_the_routes_limit_get_503_and_when_to_come_back(tmp_path: Path) -> None:
    """A route with a limit of its own counts its own connections."""
    with serving(tmp_path, "tests.server.limited_app:app") as server:

        def answer() -> Answer:
            with server.connect() as late:
                late.sendall(handshake(b"/crowd"))
                given = read_answer(late)
                assert given.status == 101 or is_closed(late)
                return given

        with opened(server, b"/crowd"), opened(server, b"/echo"), opened(server, b"/crowd"):
            refused = answer()
            assert refused.status == 503
            assert 1 <= int(refused.headers[b"retry-after"]) <= 10
            with opened(server, b"/echo"):
                pass
        wait_for(lambda: answer().status == 101, "room for another socket")


def test_compression_is_the_routes(limited: ServerProcess) -> None:
    offer = b"Sec-WebSocket-Extensions: permessage-deflate"
    for target, agreed in ((b"/deflate", True), (b"/echo", False)):
        with limited.connect() as client:
            assert (b"sec-websocket-extensions" in upgrade(client, target, offer).headers) is agreed
