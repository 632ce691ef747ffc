"""A test that hangs ends by its time limit, and says where."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import asyncio, time
import pytest

@pytest.mark.timeout(0.5)
async def test_task_that_waits():
    waiting = asyncio.ensure_future(wait_for_godot())
    await waiting

async def wait_for_godot():
    await asyncio.Event().wait()

@pytest.mark.timeout(0.5)
def test_thread_that_waits():
    wait_for_ever()

def wait_for_ever():
    time.sleep(100)
"""


def test_test_that_hangs_shows_where_it_and_its_tasks_wait(
    pytester: pytest.Pytester, pytestconfig: pytest.Config
) -> None:
    pytester.makeini(
        f"[pytest]\npythonpath = {pytestconfig.rootpath}\nasyncio_mode = auto\n"
        "asyncio_default_fixture_loop_scope = function\n"
    )
    pytester.makeconftest("from tests.conftest import *\nfrom tests.conftest import pytest_runtest_makereport\n")
    pytester.makepyfile(TESTS)

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*Timeout (>0.5s) from pytest-timeout.",
            "*Tasks that have not ended*",
            "*await asyncio.Event().wait()",
            ">*time.sleep(100)",
        ]
    )
