"""Every example is driven as its reader would drive it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Final

import pytest

EXAMPLES: Final = Path(__file__).parent.parent / "examples"
MODULES: Final = sorted(
    ".".join(path.relative_to(EXAMPLES.parent).with_suffix("").parts) for path in EXAMPLES.rglob("*.py")
)


@pytest.mark.parametrize("module", MODULES)
def test_example_can_be_imported(module: str) -> None:
    imported = importlib.import_module(module)
    assert imported.__doc__ or module == "examples.__init__"
    if module.count(".") == 1 and not module.endswith("__init__"):
        assert callable(imported.app), "apistar run finds nothing here"
