"""Many clients at once over TLS, whole handshakes and half ones. Row 8 and its neighbours."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from apistar.limits import DEFAULTS
from tests.server.processes import ASYNCIO, LIMITS, Certificate, ServerProcess, make_certificate, serving
from tests.server.wire import TEXT, frame, read_frame, upgrade
from tests.threats.watch import MIB, bounded

pytestmark = [pytest.mark.requires("openssl")]

HALF_OPEN = 2_000
TIMEOUT_S = 3.0
PLACES = DEFAULTS.max_tls_handshakes
ON_ASYNCIO = ASYNCIO.partition(";")[0] + "; sys.modules['uvloop'] = None; " + LIMITS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def secure(
    request: pytest.FixtureRequest,
    certificate: Certificate,
    many_files: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ServerProcess]:
    """A server over TLS that gives each handshake a moment."""
    program = LIMITS if request.param == "uvloop" else ON_ASYNCIO
    limits = {"handshake_timeout_s": TIMEOUT_S}
    folder = tmp_path_factory.mktemp("secure")
    with serving(folder, "tests.server.apps:bare", program, limits=limits, **certificate.options) as process:
        yield process


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
def test_half_handshakes_of_tls_cost_little_and_others_are_served(
    secure: ServerProcess, certificate: Certificate, share: float
) -> None:
    tls = certificate.client()
    hello = hello_of(tls)
    sent = hello[: int(len(hello) * share)]
    with secure.connect(tls) as witness, contextlib.ExitStack() as stack:
        upgrade(witness)

        def alive() -> None:
            echo(witness)

        alive()
        with bounded(secure, alive=alive):
            begin = time.monotonic()
            clients = [stack.enter_context(secure.connect()) for _ in range(HALF_OPEN)]
            for client in clients:
                client.sendall(sent)
            alive()
            with secure.connect(tls) as another:
                upgrade(another)
                echo(another)
                for client in clients:
                    with contextlib.suppress(ConnectionResetError):
                        while client.recv(65536):
                            pass
                echo(another)
            assert time.monotonic() - begin > TIMEOUT_S * 0.9
    told = re.findall("too many clients begin TLS and do not finish", secure.log)
    assert len(told) <= 1, "one line for a crowd"


def test_client_that_leaves_without_a_word_costs_no_handshake_of_tls(secure: ServerProcess) -> None:
    with bounded(secure, growth_bytes=8 * MIB, alive=lambda: None):
        for _ in range(HALF_OPEN):
            secure.connect().close()
    assert "Traceback" not in secure.log


def test_crowd_of_whole_handshakes_at_once_is_served(secure: ServerProcess, certificate: Certificate) -> None:
    """More than have a place at once: the others wait, and nobody is refused."""
    tls = certificate.client()
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(secure.connect()) for _ in range(PLACES * 3)]
        clients = [
            tls.wrap_socket(plain, server_hostname="localhost", do_handshake_on_connect=False) for plain in sockets
        ]
        for client in clients:
            stack.enter_context(client)
            client.setblocking(False)
        left = set(clients)
        deadline = time.monotonic() + 60.0  # whom the server refuses, sees it
        while left and time.monotonic() < deadline:
            for client in list(left):
                with contextlib.suppress(ssl.SSLWantReadError):
                    client.do_handshake()
                    left.discard(client)
        assert not left
        for client in clients:
            client.settimeout(10.0)
            upgrade(client)
            echo(client)


def test_whole_handshakes_of_tls_one_after_another_leave_nothing(
    secure: ServerProcess, certificate: Certificate
) -> None:
    tls = certificate.client()

    def come_and_go() -> None:
        for _ in range(100):
            with secure.connect(tls) as client:
                upgrade(client)
                echo(client)

    come_and_go()
    before = secure.resident_bytes()
    come_and_go()
    assert secure.resident_bytes() - before < 4 * MIB
