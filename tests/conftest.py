"""
What every test shares: the `requires` marker, and nothing that a test could not say itself.
"""

from __future__ import annotations

import pytest

from tests.requirements import missing, skips_are_failures


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("requires"):
        for name in marker.args:
            complaint = missing(name)
            if complaint is None:
                continue
            if skips_are_failures():
                pytest.fail(complaint, pytrace=False)
            pytest.skip(complaint)
