"""
Many clients at once: thousands that stay, a storm that comes back, half a frame and silence. Row 21 and its neighbours.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from tests.server.processes import LIMITS, ServerProcess, serving, wait_for
from tests.server.wire import handshake, is_closed, read_close, read_frame, read_to_end, upgrade
from tests.threats.watch import MIB, assert_alive, bounded, percentile, witness
from tests.transports.wire import frame

IDLE_SOCKETS = 5000
STORM = 2000
HALF_OPEN = 2000
ADMITTED = 100
AT_ONCE = 500


@pytest.fixture(scope="module")
def crowded(many_files: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that may open as many files."""
    folder = tmp_path_factory.mktemp("crowded")
    with serving(folder, "tests.threats.app:app", access_log=False) as process:
        yield process


@pytest.fixture(scope="module")
def guarded(many_files: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that takes a hundred sockets, and gives each handshake two seconds."""
    limits = {"handshake_timeout_s": 2.0, "max_connections": ADMITTED}
    folder = tmp_path_factory.mktemp("guarded")
    with serving(folder, "tests.threats.app:app", LIMITS, limits=limits, access_log=False) as process:
        yield process


async def open_socket(port: int, target: bytes = b"/echo") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect and upgrade."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(handshake(target))
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    return reader, writer


def is_admitted(server: ServerProcess) -> bool:
    with server.connect() as client:
        client.sendall(handshake())
        return client.recv(12) == b"HTTP/1.1 101"


async def in_crowd(port: int, number: int) -> list[float]:
    """Open sockets, at most AT_ONCE handshakes under way, and leave with TCP's end; seconds each took."""
    gate = asyncio.Semaphore(AT_ONCE)
    took: list[float] = []

    async def one() -> None:
        async with gate:
            begin = time.perf_counter()
            reader, writer = await open_socket(port)
            writer.write(frame(0x81, b"back"))
            assert await reader.readexactly(6) == b"\x81\x04back"
            took.append(time.perf_counter() - begin)
            writer.close()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(number):
            tasks.create_task(one())
    return took


def test_five_thousand_sockets_opened_and_left_cost_little_and_are_let_go(crowded: ServerProcess) -> None:
    """They never say a word; in the end they vanish at once."""
    request = handshake()
    clients: list[socket.socket] = []
    per_socket_bytes = 16 * 1024
    begin = time.monotonic()
    with bounded(crowded, growth_bytes=IDLE_SOCKETS * per_socket_bytes), witness(crowded, "5,000 idle sockets"):
        try:
            for _ in range(IDLE_SOCKETS // 100):
                batch = [crowded.connect() for _ in range(100)]
                clients += batch
                for client in batch:
                    client.sendall(request)
                for client in batch:
                    assert client.recv(12) == b"HTTP/1.1 101"
            assert_alive(crowded)
        finally:
            for client in clients:
                client.close()
        assert_alive(crowded)
    assert time.monotonic() - begin < 90.0


@pytest.mark.parametrize("sent", [b"", handshake()[:-2]], ids=["silence", "half a request"])
def test_two_thousand_half_open_handshakes_cost_little_and_are_sent_away(guarded: ServerProcess, sent: bytes) -> None:
    clients: list[socket.socket] = []
    with bounded(guarded), witness(guarded, "2,000 half-open handshakes"):
        try:
            for _ in range(HALF_OPEN):
                client = guarded.connect()
                client.sendall(sent)
                clients.append(client)
            assert_alive(guarded)
            for client in clients:
                assert read_to_end(client)[:12] == (b"HTTP/1.1 408" if sent else b"")
        finally:
            for client in clients:
                client.close()


def test_five_thousand_who_open_where_a_hundred_may_cost_little(guarded: ServerProcess) -> None:
    clients: list[socket.socket] = []
    with bounded(guarded), witness(guarded, "5,000 where 100 may"):
        try:
            for _ in range(IDLE_SOCKETS):
                client = guarded.connect()
                client.sendall(handshake())
                clients.append(client)
            answers = [client.recv(12) for client in clients]
        finally:
            for client in clients:
                client.close()
        assert answers.count(b"HTTP/1.1 101") == ADMITTED - 1  # one more is the witness
        assert answers.count(b"HTTP/1.1 503") == IDLE_SOCKETS - ADMITTED + 1
        wait_for(lambda: is_admitted(guarded), "room for another socket")


def test_sockets_after_a_crowd_find_the_memory_that_it_left(crowded: ServerProcess) -> None:
    """The second thousand lives in what the first one left."""
    asyncio.run(in_crowd(crowded.port, 1000))
    with bounded(crowded, growth_bytes=8 * MIB):
        asyncio.run(in_crowd(crowded.port, 1000))


def test_two_thousand_who_reconnect_at_once_are_all_served(crowded: ServerProcess) -> None:
    with bounded(crowded), witness(crowded, "a storm of 2,000"):
        took = asyncio.run(in_crowd(crowded.port, STORM))
    assert len(took) == STORM
    assert percentile(took, 99) < 20.0


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x82", id="one byte"),
        pytest.param(b"\x82\xfe\x10", id="half a length"),
        pytest.param(b"\x82\xfe\x10\x00\x00\x00", id="half a mask"),
        pytest.param(frame(0x82, b"x" * 4096)[:2000], id="half a payload"),
        pytest.param(frame(0x02, b"x" * 2000), id="half a message"),
    ],
)
def test_half_a_frame_and_silence_costs_what_was_sent(crowded: ServerProcess, sent: bytes) -> None:
    clients = [crowded.connect() for _ in range(200)]
    try:
        with bounded(crowded), witness(crowded, "half a frame and silence"):
            for client in clients:
                upgrade(client)
                client.sendall(sent)
            assert_alive(crowded)
    finally:
        for client in clients:
            client.close()


def test_half_a_frame_and_silence_ends_with_the_ping_timeout(ours: ServerProcess) -> None:
    """A peer that answers no ping is gone, whatever it began to say."""
    with ours.connect() as client:
        upgrade(client, b"/vanishing")
        client.sendall(b"\x82\xfe\x10")
        assert read_frame(client)[0] == 0x9
        assert read_close(client) == (1011, b"keepalive ping timeout")
        assert is_closed(client)
