"""A missing program skips its test on a developer's machine, and fails it where CI decides."""

from __future__ import annotations

import pytest

from tests import requirements

pytest_plugins = ["pytester"]

TEST_MODULE = """
import pytest

@pytest.mark.requires("unobtainium")
def test_something():
    raise AssertionError("must not run")
"""

CONFTEST = """
import tests.requirements
from tests.requirements import Requirement

tests.requirements.REQUIREMENTS["unobtainium"] = Requirement(lambda: False, "mine it")

from tests.conftest import pytest_runtest_setup
"""


@pytest.fixture
def inner(pytester: pytest.Pytester, pytestconfig: pytest.Config) -> pytest.Pytester:
    pytester.makeini(
        f"[pytest]\npythonpath = {pytestconfig.rootpath}\nmarkers =\n    requires\n    integration\n"
        "asyncio_default_fixture_loop_scope = function\n"
    )
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TEST_MODULE)
    return pytester


def test_missing_requirement_skips_and_says_how_to_get_it(
    inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    result = inner.runpytest_subprocess("-rs", "-p", "no:cacheprovider")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*needs unobtainium, which is not here; to get it: mine it"])


def test_missing_requirement_fails_under_ci(inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    result = inner.runpytest_subprocess("-p", "no:cacheprovider")
    outcomes = result.parseoutcomes()
    assert outcomes.get("passed") is None
    assert outcomes.get("skipped") is None
    result.stdout.fnmatch_lines(["*needs unobtainium, which is not here; to get it: mine it"])
    assert result.ret == 1


def test_unknown_requirement_names_the_known_ones() -> None:
    with pytest.raises(LookupError, match=r"no requirement 'chromum' in tests/requirements\.py; known: axe, "):
        requirements.missing("chromum")
