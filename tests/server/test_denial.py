"""Refusals in pieces (`websocket.http.response.body` with `more_body`): how they are framed, bounded and ended."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.server.processes import LIMITS, ServerProcess, serving, wait_for
from tests.server.test_asgi import endings, wait_for_ending
from tests.server.wire import handshake, read_head, read_to_end
from tests.threats.watch import assert_alive, bounded


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that waits half a second for a client to read."""
    limits = {"send_timeout_s": 0.5, "close_timeout_s": 0.5}
    with serving(tmp_path_factory.mktemp("hurried"), "tests.server.apps:bare", LIMITS, limits=limits) as process:
        yield process


def refusal_of(server: ServerProcess, target: bytes) -> tuple[bytes, bytes]:
    """Head and body, to the end of TCP."""
    with server.connect() as client:
        client.sendall(handshake(target))
        return read_head(client).lower(), read_to_end(client)


@pytest.mark.parametrize("path", [b"/deny-and-fail", b"/deny-and-accept"])
def test_refusal_that_breaks_off_has_no_last_chunk(server: ServerProcess, path: bytes) -> None:
    head, body = refusal_of(server, path)
    assert b"transfer-encoding: chunked" in head
    assert body == b"4\r\nhalf\r\n"


def test_refusal_that_breaks_off_is_shorter_than_it_announced(server: ServerProcess) -> None:
    head, body = refusal_of(server, b"/deny-and-return")
    assert b"content-length: 100" in head
    assert b"transfer-encoding" not in head
    assert body == b"half"


def test_pieces_arrive_as_they_are_sent(server: ServerProcess) -> None:
    with server.connect() as client:
        client.sendall(handshake(b"/deny-and-wait"))
        assert read_head(client).startswith(b"HTTP/1.1 404 ")
        with client.makefile("rb") as stream:
            assert stream.read(9) == b"4\r\nhalf\r\n"
    wait_for_ending(server, ["websocket.disconnect", 1006, "of a refusal"])


@pytest.mark.parametrize("sizes", [b"10,4,6", b"300000,200000,100000,0", b"0,0,0"])
def test_pieces_fill_the_announced_length(server: ServerProcess, sizes: bytes) -> None:
    head, body = refusal_of(server, b"/deny-with-length?" + sizes)
    size = int(sizes.split(b",")[0])
    assert b"content-length: %d\r\n" % size in head
    assert body == b"x" * size


@pytest.mark.parametrize(
    ("sizes", "sent", "why"),
    [
        (b"10,4,7", 4, "1 bytes longer"),
        (b"10,4,5", 4, "1 bytes shorter"),
    ],
)
def test_pieces_that_do_not_fit_the_announced_length_end_it(
    server: ServerProcess, sizes: bytes, sent: int, why: str
) -> None:
    _, body = refusal_of(server, b"/deny-with-length?" + sizes)
    assert body == b"x" * sent
    server.wait_for_log(f"the body of the refusal is {why} than its header 'content-length' says")


def test_status_without_body_has_none(server: ServerProcess) -> None:
    head, body = refusal_of(server, b"/deny-without-body")
    assert head.startswith(b"http/1.1 204 ")
    assert b"content-length" not in head
    assert b"transfer-encoding" not in head
    assert body == b""


def test_refusal_without_end_to_a_client_that_never_reads_ends(hurried: ServerProcess) -> None:
    with bounded(hurried), hurried.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(handshake(b"/deny-without-end"))
        wait_for_ending(hurried, ["ClientDisconnected", "without end"])
        with pytest.raises(ConnectionResetError):
            while client.recv(65536):
                pass


def test_refusal_without_end_ends_with_its_client(server: ServerProcess) -> None:
    before = endings(server).count(["ClientDisconnected", "without end"])
    with server.connect() as client:
        client.sendall(handshake(b"/deny-without-end"))
        with client.makefile("rb") as stream:
            assert len(stream.read(1 << 20)) == 1 << 20
    wait_for(lambda: endings(server).count(["ClientDisconnected", "without end"]) > before, "the end of the refusal")
    assert_alive(server)


@pytest.mark.parametrize("path", [b"/deny-without-end", b"/deny-and-wait"])
def test_refusal_does_not_hold_a_shutdown_up(tmp_path_factory: pytest.TempPathFactory, path: bytes) -> None:
    folder = tmp_path_factory.mktemp("end")
    with serving(folder, "tests.server.apps:bare", drain_s=0.1, shutdown_timeout_s=0.5) as process:
        with process.connect() as client:
            client.sendall(handshake(path))
            assert read_head(client)
            status, seconds = process.terminate()
        assert status == 0
        assert seconds < 5.0
