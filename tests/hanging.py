"""
What is told of a test that ran into its time limit: where each task waits, which the stack of the loop does not show.
"""

from __future__ import annotations

import asyncio
import gc
import io
from collections.abc import Generator

import pytest


def stacks() -> str:
    """Where every task of this process stands that has not ended, whatever loop it is on."""
    written = io.StringIO()
    for found in gc.get_objects():
        if isinstance(found, asyncio.Task) and not found.done():
            found.print_stack(file=written)
    return written.getvalue()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    timed_out = call.excinfo is not None and str(call.excinfo.value).startswith(
        "Timeout (>"
    )  # as pytest-timeout says it
    if timed_out and (told := stacks()):
        report.sections.append(("Tasks that have not ended", told))
    return report
