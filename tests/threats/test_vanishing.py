"""
Row 20: a peer that is gone without a FIN. Two network namespaces, a cable between them, and a route that is dropped.

What is behind the route says nothing any more, not even in TCP: no FIN, no reset, no acknowledgement. Needs root and
iproute2; all addresses are inside of the namespaces.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.server.processes import ServerProcess, serving, wait_for
from tests.server.wire import PING, TEXT, read_answer, read_frame, upgrade
from tests.threats.watch import bounded, witness
from tests.transports.wire import frame

pytestmark = pytest.mark.requires("netns")

SERVER_ADDRESS: Final = "10.77.0.1"
CLIENT_ADDRESS: Final = "10.77.0.2"
CLONE_NEWNET: Final = 0x40000000


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextlib.contextmanager
def namespaces() -> Iterator[tuple[str, str]]:
    """A server's and a client's, with a cable between them."""
    server, client = (f"apistar-{role}-{os.getpid()}" for role in ("server", "client"))
    try:
        for name in (server, client):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", server, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", client)
        for name, address in ((server, SERVER_ADDRESS), (client, CLIENT_ADDRESS)):
            ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
        yield server, client
    finally:
        for name in (server, client):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """In this block, sockets of this thread and processes that it starts belong to a namespace; setns(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace}") as away:
        if libc.setns(away.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            libc.setns(home.fileno(), CLONE_NEWNET)


def endings(server: ServerProcess) -> list[int]:
    """The codes with which handlers ended."""
    with server.connect() as client:
        client.sendall(b"GET /endings HTTP/1.1\r\nHost: localhost\r\n\r\n")
        codes: list[int] = json.loads(read_answer(client).body)
        return codes


def open_files(server: ServerProcess) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


@pytest.mark.parametrize(
    ("target", "code"),
    [
        pytest.param(b"/vanishing", 1006, id="while nothing is sent"),
        pytest.param(b"/vanishing-push", 1013, id="while it is sent to"),
    ],
)
def test_peers_that_vanish_are_found_and_let_go(tmp_path: Path, target: bytes, code: int) -> None:
    with (
        namespaces() as (servers, clients),
        inside(servers),
        serving(tmp_path, "tests.threats.app:app", host="0.0.0.0") as server,
        contextlib.ExitStack() as stack,
        bounded(server, growth_bytes=40 * 1024 * 1024),
    ):
        files = open_files(server)
        with inside(clients):
            vanishing = [
                stack.enter_context(socket.create_connection((SERVER_ADDRESS, server.port), 10.0)) for _ in range(10)
            ]
        for client in vanishing:
            upgrade(client, target)
        if code == 1006:
            client = vanishing[0]
            client.sendall(frame(0x81, b"here"))
            assert read_frame(client) in ((TEXT, b"here"), (PING, b"\0\0\0\1"))
        with witness(server, f"ten peers vanish: {target.decode()}"):
            ip("-n", clients, "route", "add", "blackhole", f"{SERVER_ADDRESS}/32")
            begin = time.monotonic()
            wait_for(lambda: endings(server) == [code] * 10, f"ten endings with {code}")
            took_s = time.monotonic() - begin
            wait_for(lambda: open_files(server) <= files + 1, "ten sockets to be closed, but for the witness's")
        assert took_s < 15.0
