"""Every ```python block of the README and the documentation runs."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.code_blocks import CodeBlock, code_blocks

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMESPACE: Final = "code_blocks_of_a_page"


@pytest.fixture
def module() -> Iterator[types.ModuleType]:
    """A module of its own for the blocks, so that annotations written as text find their names."""
    made = types.ModuleType(NAMESPACE)
    sys.modules[NAMESPACE] = made
    yield made
    del sys.modules[NAMESPACE]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page_runs_block_after_block(
    page: Path, module: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fresh = dict(module.__dict__)
    for block in code_blocks(page):
        if block.remark == "fresh":
            module.__dict__.clear()
            module.__dict__.update(fresh)
        if block.remark == "no-run":
            block.compiled()
        else:
            block.run(module.__dict__)


def test_blocks_are_found_with_their_lines_and_remarks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Title\n\n```python\nx = 1\ny = 2\n```\n\n```json\n{}\n```\n\n<!-- no-run -->\n\n"
        "```python title='a.py'\nimport nowhere\n```\n\n"
        '=== "Tab"\n\n    ```python\n    if x:\n        pass\n    ```\n'
    )
    assert list(code_blocks(page)) == [
        CodeBlock(page, 4, "x = 1\ny = 2", ""),
        CodeBlock(page, 15, "import nowhere", "no-run"),
        CodeBlock(page, 21, "if x:\n    pass", ""),
    ]


def test_block_that_fails_names_the_line_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("text\n\n```python\nx = 1\nx / 0\n```\n")
    [block] = code_blocks(page)
    with pytest.raises(ZeroDivisionError) as caught:
        block.run({})
    assert caught.traceback[-1].lineno == 4  # counted from 0: line 5 of the page
    assert str(caught.traceback[-1].path) == str(page)


def test_block_may_await_at_its_top(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nimport asyncio\nx = await asyncio.sleep(0, 'slept')\n```\n")
    [block] = code_blocks(page)
    namespace: dict[str, object] = {}
    block.run(namespace)
    assert namespace["x"] == "slept"
