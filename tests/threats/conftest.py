"""The server of `tests/server`, attacked, and what another client saw meanwhile."""

from __future__ import annotations

import contextlib
import functools
import resource
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from tests.server.conftest import server
from tests.server.processes import UVICORN, ServerProcess, serving
from tests.threats.watch import echoes, summary

__all__ = ["server"]

OPEN_FILES: Final = 6000
"""For the largest crowd of these tests."""


@pytest.fixture(scope="module")
def many_files() -> Iterator[None]:
    """As many sockets as the hard limit allows, here and in servers that are started from here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES:
        pytest.skip(f"needs {OPEN_FILES} open files; the hard limit here is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, OPEN_FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """An application of ours on `run()`."""
    with serving(tmp_path_factory.mktemp("ours"), "tests.threats.app:app") as process:
        yield process


@pytest.fixture(params=["native", "asgi"])
def attacked(request: pytest.FixtureRequest, ours: ServerProcess, server: ServerProcess) -> ServerProcess:
    """Our application, and a foreign one on our protocol class."""
    return ours if request.param == "native" else server


@pytest.fixture(scope="session", params=["native", "asgi"])
def carried(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ours: ServerProcess
) -> Iterator[ServerProcess]:
    """Our application on our server, and on one that knows ASGI alone."""
    if request.param == "native":
        yield ours
        return
    folder = tmp_path_factory.mktemp("carried")
    with serving(folder, "tests.threats.app:app", UVICORN, http="h11", ws="websockets-sansio") as process:
        yield process


@pytest.fixture(scope="session")
def uvicorn_with(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], ServerProcess]]:
    """Our WebSocket class below an HTTP class of uvicorn's own; handshakes may take the application half a second."""
    with contextlib.ExitStack() as running:

        @functools.cache
        def start(http: str) -> ServerProcess:
            options = {"ws": "apistar.server:WebSocketProtocol", "http": http}
            folder = tmp_path_factory.mktemp("plain")
            return running.enter_context(serving(folder, "tests.threats.impatient:app", UVICORN, **options))

        yield start


@pytest.fixture(params=["httptools", "h11"])
def http(request: pytest.FixtureRequest) -> str:
    """The name of an HTTP class of uvicorn's own."""
    return str(request.param)


@pytest.fixture
def plain(http: str, uvicorn_with: Callable[[str], ServerProcess]) -> ServerProcess:
    return uvicorn_with(http)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report what attacks do to other clients."""
    if echoes:
        terminalreporter.section("other clients during attacks")
        for name in echoes:
            terminalreporter.line(summary(name))
