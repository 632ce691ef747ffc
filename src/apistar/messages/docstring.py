"""
Docstrings as data: the summary, the rest, and the entries of sections (`Args:`, `Attributes:`, `Raises:`, …).

An entry is `name: text` or `one, two: text`, further lines indented more than the first. Sections of these names leave
the description, since what they say belongs to a parameter, a field or an answer; any other text stays where it was.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_SECTION: Final = re.compile(r"(?P<name>Args|Attributes|Raises|Returns|Yields):$")
_ENTRY: Final = re.compile(r"(?P<names>[\w.]+(?:, [\w.]+)*)(?: \([^)]*\))?: +(?P<text>.*)")


@dataclass(frozen=True, slots=True)
class Docstring:
    """
    Attributes:
        summary: The first paragraph on one line.
        description: The paragraphs after it, without the sections.
        entries: By section, then by name; `Returns` and `Yields` have their whole text under the empty name.
    """

    summary: str = ""
    description: str = ""
    entries: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Summary and description as paragraphs."""
        return "\n\n".join(part for part in (self.summary, self.description) if part)


def parse(docstring: str | None) -> Docstring:
    """Read a docstring; nothing is an error."""
    if not docstring:
        return Docstring()
    prose: list[str] = []
    sections: dict[str, list[str]] = {}
    current = prose
    for line in map(str.rstrip, inspect.cleandoc(docstring).split("\n")):
        if matched := _SECTION.match(line):
            current = sections.setdefault(matched["name"], [])
        elif line and not line[0].isspace() and current is not prose:
            current = prose
            current.append(line)
        else:
            current.append(line)
    summary, _, description = "\n".join(prose).strip().partition("\n\n")
    entries = {name: dict(_entries(name, lines)) for name, lines in sections.items()}
    return Docstring(" ".join(summary.split()), description.strip(), entries)


def _entries(section: str, lines: list[str]) -> Iterator[tuple[str, str]]:
    block = inspect.cleandoc("\n" + "\n".join(lines))
    if section in ("Returns", "Yields"):
        yield "", " ".join(block.split())
        return
    for entry in re.split(r"\n(?=\S)", block):
        if matched := _ENTRY.match(" ".join(entry.split())):
            for name in matched["names"].split(", "):
                yield name, matched["text"]
