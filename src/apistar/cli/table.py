"""
Rows of a table as lines: in columns where they fit, else each row as a paragraph, so that no cell is cut off.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

import click

GAP: Final = "  "
LEAD: Final = 2
"""Cells that stand in the first line of a paragraph."""


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    """
    Lay out rows of as many cells as there are titles.

    Args:
        width: Columns of the terminal; `None` where there is none, and lines stay whole for grep.
    """
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    if width is not None and sum(widths) + len(GAP) * (len(widths) - 1) > width:
        for row in rows:
            yield from _paragraph(titles, row, width)
        return
    yield click.style(_padded(titles, widths), bold=True)
    for row in rows:
        yield _padded(row, widths)


def _padded(cells: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _paragraph(titles: Sequence[str], cells: Sequence[str], width: int) -> Iterator[str]:
    yield click.style(" ".join(cells[:LEAD]), bold=True)
    said = zip(titles[LEAD:], cells[LEAD:], strict=True)
    text = ", ".join(f"{title.lower()} {cell}" for title, cell in said if cell)
    yield from textwrap.wrap(
        text,
        width,
        initial_indent=GAP,
        subsequent_indent=GAP * 2,
        break_long_words=False,
        break_on_hyphens=False,
    )
