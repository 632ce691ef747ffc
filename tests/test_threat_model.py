"""What THREAT_MODEL.md says is shown by a test, is."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
TEXT: Final = (ROOT / "THREAT_MODEL.md").read_text()
ROWS: Final = [line for line in TEXT.splitlines() if line.startswith("|") and not line.startswith(("| #", "|---"))]
NAMED: Final = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_threat_model_names_tests_that_exist(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in functions


def test_threat_model_names_modules_that_exist() -> None:
    for module in re.findall(r"^## .*$", TEXT, re.MULTILINE):
        for path in re.findall(r"`([\w/]+(?:\.py|/))`", module):
            assert (ROOT / "src" / "apistar" / path).exists(), path


def test_threat_model_has_every_number_and_a_test_for_each() -> None:
    numbers: dict[int, list[str]] = {}
    for row in ROWS:
        _, cell, _, _, tests, _ = row.split("|")
        for number in re.findall(r"\d+", cell):
            numbers.setdefault(int(number), []).append(tests.strip())
    assert sorted(numbers) == list(range(1, 30))
    assert [number for number, tests in numbers.items() if not any(tests)] == []
