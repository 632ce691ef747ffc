"""Many clients at once over TLS, whole handshakes and half ones. Row 8 and its neighbours."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from tests.server.processes import ASYNCIO, LIMITS, Certificate, ServerProcess, make_certificate, serving
from tests.server.wire import TEXT, frame, read_frame, upgrade
from tests.threats.watch import MIB

pytestmark = [pytest.mark.requires("openssl")]

HALF_OPEN = 200
TIMEOUT_S = 2.0
ON_ASYNCIO = ASYNCIO.partition(";")[0] + "; sys.modules['uvloop'] = None; " + LIMITS
PER_HANDSHAKE_BYTES = {"uvloop": 64 * 1024, "asyncio": 320 * 1024}
"""What OpenSSL and the loop allocate for a connection of TLS, at its first byte; none of it is ours."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def secure(
    request: pytest.FixtureRequest, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServerProcess, int]]:
    """A server over TLS that gives each handshake a moment, and what one of them may cost."""
    program = LIMITS if request.param == "uvloop" else ON_ASYNCIO
    limits = {"handshake_timeout_s": TIMEOUT_S}
    folder = tmp_path_factory.mktemp("secure")
    with serving(folder, "tests.server.apps:bare", program, limits=limits, **certificate.options) as process:
        yield process, PER_HANDSHAKE_BYTES[request.param]


def hello_of(tls: ssl.SSLContext) -> bytes:
    """What a client says first."""
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def echo(client: socket.socket) -> None:
    client.sendall(frame(TEXT, b"alive"))
    assert read_frame(client) == (TEXT, b"alive")


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0], ids=["silence", "half a hello", "a hello"])
def test_half_handshakes_of_tls_are_sent_away_and_others_served(
    secure: tuple[ServerProcess, int], certificate: Certificate, share: float
) -> None:
    server, per_handshake_bytes = secure
    tls = certificate.client()
    hello = hello_of(tls)
    sent = hello[: int(len(hello) * share)]
    with server.connect(tls) as witness, contextlib.ExitStack() as stack:
        upgrade(witness)
        echo(witness)
        before, begin = server.resident_bytes(), time.monotonic()
        clients = [stack.enter_context(server.connect()) for _ in range(HALF_OPEN)]
        for client in clients:
            client.sendall(sent)
        echo(witness)
        with server.connect(tls) as another:
            upgrade(another)
            echo(another)
        assert server.resident_bytes() - before < HALF_OPEN * per_handshake_bytes + 4 * MIB
        for client in clients:
            with contextlib.suppress(ConnectionResetError):
                while client.recv(65536):
                    pass
        assert time.monotonic() - begin > TIMEOUT_S * 0.9
        echo(witness)


def test_whole_handshakes_of_tls_one_after_another_leave_nothing(
    secure: tuple[ServerProcess, int], certificate: Certificate
) -> None:
    server, _ = secure
    tls = certificate.client()

    def come_and_go() -> None:
        for _ in range(100):
            with server.connect(tls) as client:
                upgrade(client)
                echo(client)

    come_and_go()
    before = server.resident_bytes()
    come_and_go()
    assert server.resident_bytes() - before < 4 * MIB
