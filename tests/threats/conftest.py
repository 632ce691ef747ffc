"""The server of `tests/server`, attacked, and what another client saw meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.conftest import server
from tests.server.processes import ServerProcess, serving
from tests.threats.watch import echoes, summary

__all__ = ["server"]


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """An application of ours on `run()`."""
    with serving(tmp_path_factory.mktemp("ours"), "tests.threats.app:app") as process:
        yield process


@pytest.fixture(params=["native", "asgi"])
def attacked(request: pytest.FixtureRequest, ours: ServerProcess, server: ServerProcess) -> ServerProcess:
    """Our application, and a foreign one on our protocol class."""
    return ours if request.param == "native" else server


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report what attacks do to other clients."""
    if echoes:
        terminalreporter.section("other clients during attacks")
        for name in echoes:
            terminalreporter.line(summary(name))
