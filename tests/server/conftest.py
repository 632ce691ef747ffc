"""One server for all tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.processes import ServerProcess, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A foreign application on `run()`."""
    folder: Path = tmp_path_factory.mktemp("server")
    with serving(folder, "tests.server.apps:bare") as process:
        yield process
