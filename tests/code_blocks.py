"""
The ```python blocks of a Markdown file, to be run in the order in which a reader meets them.

The blocks of one file share a namespace, as if typed one after the other. `<!-- no-run -->` on the line before a block
leaves it at being compiled: for what needs an outside service. `<!-- fresh -->` starts a new namespace.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import linecache
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FENCE: Final = re.compile(r"^(?P<indent>\s*)```(?P<language>[\w-]*)[^`]*$")
_REMARK: Final = re.compile(r"^\s*<!--\s*(?P<word>[\w-]+)\s*-->\s*$")


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """
    One block.

    Attributes:
        path: Its file.
        line: Where its first line of code stands, counted from 1.
        source: The code, without the indentation of its fence.
        remark: The word of the HTML comment before it, or nothing.
    """

    path: Path
    line: int
    source: str
    remark: str

    def compiled(self) -> types.CodeType:
        """The block as code whose tracebacks name the Markdown file's own lines; `await` may stand at the top."""
        code = compile(self._padded, str(self.path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        assert isinstance(code, types.CodeType)
        return code

    def run(self, namespace: dict[str, object]) -> None:
        """Execute the block; one that awaits at its top gets an event loop for itself."""
        name, lines = str(self.path), self._padded.splitlines(keepends=True)
        linecache.cache[name] = (len(self._padded), None, lines, name)  # what reads the source of a function finds it
        try:
            result = eval(self.compiled(), namespace)
            if inspect.iscoroutine(result):
                asyncio.run(result)
        finally:
            linecache.cache.pop(name, None)

    @property
    def _padded(self) -> str:
        return "\n" * (self.line - 1) + self.source


def code_blocks(path: Path, language: str = "python") -> Iterator[CodeBlock]:
    """Every block of one language, in order."""
    remark = ""
    opened: re.Match[str] | None = None
    lines: list[str] = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        fence = _FENCE.match(line)
        if opened is None:
            if fence is not None:
                opened, lines = fence, []
            elif line.strip():
                comment = _REMARK.match(line)
                remark = comment["word"] if comment is not None else ""
        elif fence is not None and not fence["language"]:
            if opened["language"] == language:
                yield CodeBlock(path, number - len(lines), "\n".join(lines), remark)
            opened, remark = None, ""
        else:
            lines.append(line.removeprefix(opened["indent"]))
