"""Tests that run in several processes at once: each of them once, and one that measures with none beside it."""

from __future__ import annotations

import fcntl
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.server.processes import wait_for
from tests.turns import turn

pytest_plugins = ["pytester"]

TESTS = """
import json, time
from pathlib import Path
import pytest

def note(name):
    begin = time.monotonic()
    time.sleep(0.05)
    Path(name).write_text(json.dumps([begin, time.monotonic()]))

@pytest.mark.parametrize("number", range(6))
def test_of_many(number):
    note(f"shared-{number}")

@pytest.mark.alone
@pytest.mark.parametrize("number", range(2))
def test_that_measures(number):
    note(f"alone-{number}")
"""


def is_held(path: Path) -> bool:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_two_share_their_turn(tmp_path: Path) -> None:
    with turn(tmp_path, alone=False), turn(tmp_path, alone=False):
        assert is_held(tmp_path / "room")
    assert not is_held(tmp_path / "room")


def test_one_that_is_alone_waits_for_those_before_and_goes_before_those_after_it(tmp_path: Path) -> None:
    order: list[str] = []

    def take(name: str, alone: bool) -> None:
        with turn(tmp_path, alone=alone):
            order.append(name)

    with ThreadPoolExecutor() as threads:
        with turn(tmp_path, alone=False):
            alone = threads.submit(take, "alone", True)
            wait_for(lambda: is_held(tmp_path / "door"), "the one that is alone to stand in the door")
            after = threads.submit(take, "after", False)
            assert order == []
        alone.result(10)
        after.result(10)
    assert order == ["alone", "after"]


def test_failure_in_a_turn_ends_it(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), turn(tmp_path, alone=True):
        raise ZeroDivisionError
    with turn(tmp_path, alone=True):
        pass


def test_processes_of_pytest_take_turns(pytester: pytest.Pytester, pytestconfig: pytest.Config) -> None:
    pytest.importorskip("xdist", reason="needs pytest-xdist, which scripts/install installs")
    pytester.makeini(
        f"[pytest]\npythonpath = {pytestconfig.rootpath}\nmarkers =\n    requires\n    alone\n"
        "asyncio_default_fixture_loop_scope = function\n"
    )
    pytester.makeconftest("from tests.conftest import *")
    pytester.makepyfile(TESTS)

    result = pytester.runpytest_subprocess("-n", "2", "--dist", "worksteal", "-p", "no:cacheprovider")

    result.assert_outcomes(passed=8)
    times = {path.name: json.loads(path.read_text()) for path in pytester.path.glob("*-*") if path.is_file()}
    assert len(times) == 8
    for name in ("alone-0", "alone-1"):
        begin, end = times.pop(name)
        assert all(end <= other[0] or other[1] <= begin for other in times.values())


def test_name_of_a_test_holds_no_address(pytester: pytest.Pytester, pytestconfig: pytest.Config) -> None:
    pytester.makeini(f"[pytest]\npythonpath = {pytestconfig.rootpath}\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makeconftest("from tests.conftest import *")
    pytester.makepyfile(
        "import pytest\n@pytest.mark.parametrize('value', [object()], ids=repr)\ndef test_it(value): pass\n"
    )

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_it[[]<object object at 0x*: an address is another one in each process; *"])
