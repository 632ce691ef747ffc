"""
Clients that send without end or never read: rows 17 to 19 of the threats, and floods that have no row.

The sizes are what a client gets rid of in a second or two; what counts is that the process does not grow with them.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from tests.server.processes import ASYNCIO, UVICORN, ServerProcess, serving, wait_for
from tests.server.wire import (
    BINARY,
    CLOSE,
    PONG,
    TEXT,
    close_frame,
    handshake,
    read_answer,
    read_close,
    read_frame,
    read_to_end,
    upgrade,
)
from tests.threats.watch import MIB, assert_alive, bounded, tasks_of, witness
from tests.transports.wire import ZERO_MASK, frame

FLOOD_BYTES = 48 * MIB
FLOOD_S = 1.5


def flood(client: socket.socket, piece: bytes) -> int:
    """Send a piece again and again, reading nothing, until time or size is up or the server takes no more; bytes."""
    chunk = piece * max(1, 65536 // len(piece))
    sent = 0
    client.settimeout(0.3)
    deadline = time.monotonic() + FLOOD_S
    try:
        while sent < FLOOD_BYTES and time.monotonic() < deadline:
            sent += client.send(chunk[sent % len(piece) :])
    except (TimeoutError, BrokenPipeError, ConnectionResetError):
        pass
    client.settimeout(10.0)
    return sent


SMALL_REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("target", [b"/waiting", b"/missing"], ids=["behind one that waits", "answered at once"])
def test_requests_that_are_pipelined_without_end_cost_little(ours: ServerProcess, target: bytes) -> None:
    with bounded(ours, growth_bytes=8 * MIB), witness(ours, "pipelined requests"), ours.connect() as client:
        client.sendall(SMALL_REQUEST.replace(b"/ ", target + b" "))
        flood(client, SMALL_REQUEST)


def test_pipelined_requests_of_many_reads_are_all_answered(ours: ServerProcess) -> None:
    requests = [
        b"POST /slow/whole HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (size, b"x" * size)
        for size in range(2000)
    ]
    with ours.connect() as client:
        sender = threading.Thread(target=client.sendall, args=[b"".join(requests)])
        sender.start()
        for size in range(len(requests)):
            assert read_answer(client).body == b"%d" % size
        sender.join()


@pytest.mark.parametrize("size", [0, 125])
def test_pings_whose_pongs_are_never_read_cost_nothing(attacked: ServerProcess, size: int) -> None:
    """Row 17."""
    with bounded(attacked), witness(attacked, "pings, pongs never read"), attacked.connect() as client:
        upgrade(client)
        assert flood(client, frame(0x89, b"p" * size, ZERO_MASK)) > 100_000


def test_client_that_floods_pings_gets_its_echoes_and_the_latest_pong(attacked: ServerProcess) -> None:
    with bounded(attacked), witness(attacked, "pings among messages"), attacked.connect() as client:
        upgrade(client)
        for number in range(200):
            client.sendall(frame(0x89, b"p" * 125, ZERO_MASK) * 20)
            client.sendall(frame(0x89, b"%d" % number) + frame(0x81, b"%d" % number))
            pongs = []
            while (got := read_frame(client))[0] == PONG:
                pongs.append(got[1])
            assert got == (TEXT, b"%d" % number)
            assert pongs[-1] == b"%d" % number


@pytest.mark.parametrize("size", [0, 10, 1000, 65536])
def test_messages_whose_echoes_are_never_read_cost_the_outbox_and_the_inbox(attacked: ServerProcess, size: int) -> None:
    """Row 18, under echo: the handler waits in `send()`, the inbox fills, and the socket is not read."""
    with bounded(attacked), witness(attacked, "echoes never read"), attacked.connect() as client:
        upgrade(client)
        assert flood(client, frame(0x82, b"x" * size, ZERO_MASK)) > 100_000


@pytest.mark.parametrize("first", [0x82, 0x89, 0x8A, 0x02])
def test_flood_into_a_handler_that_never_receives_costs_the_inbox(ours: ServerProcess, first: int) -> None:
    with bounded(ours), witness(ours, "flood into a deaf handler"), ours.connect() as client:
        upgrade(client, b"/deaf")
        flood(client, frame(first, b"", ZERO_MASK))


def test_empty_messages_are_read_by_a_handler_that_reads(ours: ServerProcess) -> None:
    with bounded(ours), witness(ours, "empty messages"), ours.connect() as client:
        upgrade(client, b"/sink")
        assert flood(client, frame(0x81, b"", ZERO_MASK)) > 1_000_000
        client.sendall(close_frame(1000))


@pytest.mark.parametrize("first", [0x82, 0x89])
def test_empty_frames_right_behind_a_large_one_do_not_keep_the_loop(attacked: ServerProcess, first: int) -> None:
    """What was made to hold the large one could hold 170,000 of them."""
    large = frame(0x82, bytes(MIB), ZERO_MASK)
    with bounded(attacked), witness(attacked, "empty frames behind a large one"), attacked.connect() as client:
        upgrade(client)
        client.sendall(large[:-1000])
        assert not select.select([client], [], [], 0.2)[0], "the message is not whole"
        client.settimeout(1.0)
        with contextlib.suppress(TimeoutError):  # echoes are not read
            client.sendall(large[-1000:] + frame(first, b"", ZERO_MASK) * 200_000)


def test_client_that_never_reads_what_is_pushed_is_reset(ours: ServerProcess) -> None:
    """Row 18, under push: after `send_timeout_s` TCP ends with a reset, and what waited is let go."""
    with bounded(ours), witness(ours, "push, never read"), ours.connect() as client:
        upgrade(client, b"/resetting")
        with pytest.raises(ConnectionResetError):
            while True:  # the reset is seen without reading a byte of what was pushed
                client.sendall(frame(0x8A))
                time.sleep(0.01)


def test_push_to_many_who_never_read_costs_each_no_more_than_its_outbox(ours: ServerProcess) -> None:
    """Twenty of them: 20 MiB of outbox, and nothing of it once they are reset."""
    clients = [ours.connect() for _ in range(20)]
    try:
        with bounded(ours, growth_bytes=20 * 2 * MIB), witness(ours, "push to twenty who never read"):
            for client in clients:
                upgrade(client, b"/resetting")
            for client in clients:
                _wait_for_reset(client)
    finally:
        for client in clients:
            client.close()


def _wait_for_reset(client: socket.socket) -> None:
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        try:
            client.sendall(frame(0x8A))
        except OSError:
            return
        time.sleep(0.02)
    pytest.fail("the server did not reset")


def test_close_that_is_never_answered_is_followed_by_the_end_of_tcp(ours: ServerProcess) -> None:
    """Row 19: the reason is whole, and after `close_timeout_s` (0.5 s here) TCP ends."""
    with ours.connect() as client:
        upgrade(client, b"/last-words")
        assert read_close(client) == (4000, "the reason, in full: “ça suffit”".encode())
        begin = time.monotonic()
        assert read_to_end(client) == b""
        assert 0.3 < time.monotonic() - begin < 15.0


def test_client_that_answers_a_close_with_messages_instead_is_dropped_in_the_same_time(ours: ServerProcess) -> None:
    with ours.connect() as client:
        upgrade(client, b"/last-words")
        assert read_close(client)[0] == 4000
        begin = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT011 — a reset or a broken pipe
            while time.monotonic() - begin < 5.0:
                client.sendall(frame(0x81, b"and another thing") + frame(0x89, b"?"))
                time.sleep(0.01)
        assert time.monotonic() - begin < 3.0


def test_data_behind_a_close_is_not_echoed(attacked: ServerProcess) -> None:
    with bounded(attacked), attacked.connect() as client:
        upgrade(client)
        client.sendall(close_frame(1000, b"bye") + frame(0x82, b"x" * 1000) * 1000 + close_frame(1001))
        assert read_frame(client) == (CLOSE, b"\x03\xe8bye")
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b""


def test_client_that_resets_right_behind_the_handshake_leaves_nothing(attacked: ServerProcess) -> None:
    with bounded(attacked), witness(attacked, "reset behind the handshake"):
        for number in range(300):
            with attacked.connect() as client:
                client.sendall(handshake() + frame(0x82, b"x" * 100) * 20)
                if number % 2:
                    client.recv(12)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("target", [b"/push", b"/murmur"])
def test_client_that_resets_under_a_push_that_never_waits_is_noticed(attacked: ServerProcess, target: bytes) -> None:
    """Nobody reads, so there is always room: the handler must hear it, and the others be served."""
    with bounded(attacked), witness(attacked, "reset under a push"):
        for _ in range(10):
            with attacked.connect() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                upgrade(client, target)
        assert_alive(attacked)


@pytest.mark.parametrize("http", ["ours", "httptools", "h11"])
@pytest.mark.parametrize("target", [b"/stream", b"/mounted/stream"])
def test_client_that_resets_under_a_response_without_end_is_noticed(
    ours: ServerProcess, tmp_path: Path, http: str, target: bytes
) -> None:
    """On our server, and on uvicorn's own HTTP classes."""
    with contextlib.ExitStack() as stack:
        process = ours
        if http != "ours":
            options = {"ws": "apistar.server:WebSocketProtocol", "http": http, "log_level": "critical"}
            process = stack.enter_context(serving(tmp_path, "tests.threats.app:app", UVICORN, **options))
        before = tasks_of(process)
        with bounded(process), witness(process, "reset under a response"):
            for _ in range(10):
                with process.connect() as client:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    client.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target)
                    assert client.recv(12) == b"HTTP/1.1 200"
            assert_alive(process)
        wait_for(lambda: tasks_of(process) <= before, "the end of every stream")


def test_client_that_resets_under_a_push_writes_no_log_on_asyncio_either(tmp_path: Path) -> None:
    with serving(tmp_path, "tests.threats.app:app", ASYNCIO) as process:
        for target in (b"/push", b"/murmur"):
            with process.connect() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                upgrade(client, target)
            assert_alive(process)
        assert "socket.send() raised" not in process.log


def test_push_without_end_to_a_client_that_keeps_up_leaves_others_their_turn(attacked: ServerProcess) -> None:
    with witness(attacked, "a push that never waits"), attacked.connect() as client:
        upgrade(client, b"/murmur")
        assert_alive(attacked)
        left_bytes = 64 * 1024
        while left_bytes > 0:
            left_bytes -= len(client.recv(4096))


def test_large_messages_one_after_another_are_echoed_and_let_go(attacked: ServerProcess) -> None:
    payload = bytes(MIB)
    with bounded(attacked), attacked.connect() as client:
        upgrade(client)
        for _ in range(30):
            client.sendall(frame(0x82, payload, ZERO_MASK))
            assert read_frame(client) == (BINARY, payload)
