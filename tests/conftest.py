"""
What every test shares: the markers `requires` and `alone`, and nothing that a test could not say itself.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Final, Protocol

import pytest
from hypothesis import HealthCheck, settings

from tests.hanging import pytest_runtest_makereport as pytest_runtest_makereport
from tests.requirements import missing, skips_are_failures
from tests.turns import TakeTurns

TURNS: Final = "turns"
_FOLDER: Final = pytest.StashKey[str]()

# How long an example takes says nothing where ten things run at once.
settings.register_profile("tests", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow]))
settings.load_profile("tests")


class Worker(Protocol):
    """One of the processes that pytest-xdist starts, as the first process sees it."""

    config: pytest.Config
    workerinput: dict[str, object]


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", None)
    if given is not None:
        config.pluginmanager.register(TakeTurns(Path(given[TURNS])))
    elif config.getoption("numprocesses", None):
        folder = tempfile.TemporaryDirectory(prefix="apistar-turns-")
        config.stash[_FOLDER] = folder.name
        config.add_cleanup(folder.cleanup)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Worker) -> None:
    node.workerinput[TURNS] = node.config.stash[_FOLDER]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if re.search(r" at 0x[0-9a-f]+", item.nodeid):
            raise pytest.UsageError(f"{item.nodeid}: an address is another one in each process; give it an id")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("requires"):
        for name in marker.args:
            complaint = missing(name)
            if complaint is None:
                continue
            if skips_are_failures():
                pytest.fail(complaint, pytrace=False)
            pytest.skip(complaint)
