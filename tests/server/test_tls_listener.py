"""Connections of a real server over TLS, before their handshake is over."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.processes import ASYNCIO, LIMITS, Certificate, ServerProcess, is_refused, make_certificate, serving
from tests.server.wire import is_closed, read_answer

pytestmark = [pytest.mark.requires("openssl")]

APP = "tests.server.observed_app:app"
ON_ASYNCIO = ASYNCIO.partition(";")[0] + "; sys.modules['uvloop'] = None; " + LIMITS
FEW_FILES = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)); "
LOOPS = pytest.mark.parametrize("program", [LIMITS, ON_ASYNCIO], ids=["uvloop", "asyncio"])
CROWD = "too many clients begin TLS and do not finish; dropped 1 of them in favour of others"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@contextlib.contextmanager
def secure(folder: Path, certificate: Certificate, program: str, **options: Any) -> Iterator[ServerProcess]:
    limits = {"max_tls_handshakes": 1, "handshake_timeout_s": 20.0}
    with serving(folder, APP, program, limits=limits, **options, **certificate.options) as process:
        yield process


def get(process: ServerProcess, tls: ssl.SSLContext, path: bytes) -> bytes:
    with process.connect(tls) as client:
        client.sendall(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path)
        return read_answer(client).body


@LOOPS
@pytest.mark.parametrize("uds", [True, False], ids=["unix", "tcp"])
def test_half_handshake_makes_room_and_is_counted(
    tmp_path: Path, certificate: Certificate, program: str, uds: bool
) -> None:
    tls = certificate.client()
    where = {"uds": str(tmp_path / "socket"), "metrics_allow_ips": "*"} if uds else {}
    with secure(tmp_path, certificate, program, metrics=True, **where) as process, process.connect() as half:
        half.sendall(b"\x16\x03\x01")
        assert b"apistar_tls_crowded_out_total 1.0" in get(process, tls, b"/metrics")
        assert is_closed(half)
        with process.connect() as another:
            another.sendall(b"\x16\x03\x01")
            assert b"apistar_tls_crowded_out_total 2.0" in get(process, tls, b"/metrics")
    assert process.log.count("too many clients begin TLS") == 1
    assert CROWD in process.log


@LOOPS
def test_silent_clients_give_up_their_files_to_others(tmp_path: Path, certificate: Certificate, program: str) -> None:
    tls = certificate.client()
    with secure(tmp_path, certificate, FEW_FILES + program) as process, contextlib.ExitStack() as stack:
        silent = [stack.enter_context(process.connect()) for _ in range(60)]
        assert is_closed(silent[0])
        get(process, tls, b"/metrics")
        assert "Traceback" not in process.log


@LOOPS
def test_end_of_the_server_drops_half_handshakes(tmp_path: Path, certificate: Certificate, program: str) -> None:
    with secure(tmp_path, certificate, program) as process, contextlib.ExitStack() as stack:
        silent, half, waiting = (stack.enter_context(process.connect()) for _ in range(3))
        for client in (half, waiting):
            client.sendall(b"\x16\x03\x01")
        status, seconds = process.terminate()
        assert (status, seconds < 5.0) == (0, True)
        assert [is_closed(client) for client in (silent, half, waiting)] == [True] * 3
        assert is_refused(process)
    assert "Traceback" not in process.log
