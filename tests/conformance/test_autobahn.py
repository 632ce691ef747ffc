"""
A sample of Autobahn|Testsuite, where a Python 2.7 is to be had; `scripts/conformance` runs all of it.
"""

from __future__ import annotations

import pytest

from tests.conformance.autobahn import COMMANDS, SAMPLE, SLOW, Unavailable, changes, installed, kept, verdicts_of

ALLOWED = ("OK/OK", "INFORMATIONAL/INFORMATIONAL", "NON-STRICT/OK")
MAX_NON_STRICT = 2
GROUPS = {"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "9": 54, "10": 1, "12": 90, "13": 126}
"""Cases by group."""


@pytest.mark.parametrize("target", COMMANDS)
def test_verdicts_that_are_kept_are_good_and_complete(target: str) -> None:
    verdicts = kept()[target]
    groups = [case.partition(".")[0] for case in verdicts]
    assert {group: groups.count(group) for group in groups} == GROUPS
    assert set(verdicts.values()) <= set(ALLOWED)
    assert list(verdicts.values()).count("NON-STRICT/OK") <= MAX_NON_STRICT


@pytest.mark.integration
@pytest.mark.timeout(420)  # it may have to be installed
@pytest.mark.parametrize("target", COMMANDS)
def test_sample_has_the_verdicts_that_are_kept(target: str) -> None:
    try:
        installed()
    except Unavailable as reason:
        pytest.skip(str(reason))
    verdicts = verdicts_of(target, SAMPLE, SLOW, timeout_s=120.0)
    assert len(verdicts) > 100
    assert not changes(target, verdicts)
