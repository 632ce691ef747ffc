"""Tables for terminals of any width: what is listed is all there, in columns or as paragraphs."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from apistar.cli import main
from apistar.cli.table import table

TITLES = ("METHOD", "URL", "HANDLER", "NAME", "KIND")
ROWS = [
    ("WebSocket", "/rooms/{room}", "chat (examples/rooms.py:53)", "chat", "typed: Enter | Say → Entered | Said"),
    ("GET", "/a/" + "long/" * 20, "read (examples/rooms.py:70)", "", "HTTP"),
]


def lines(width: int | None) -> list[str]:
    return [click.unstyle(line) for line in table(TITLES, ROWS, width)]


def test_columns_stand_below_each_other_without_spaces_at_the_end() -> None:
    head, *rows = lines(None)
    assert head.split() == list(TITLES)
    for row, cells in zip(rows, ROWS, strict=True):
        assert row == row.rstrip()
        for title, cell in zip(TITLES, cells, strict=True):
            assert row[head.index(title) :].startswith(cell)
    assert len(rows) == len(ROWS)


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_narrow_terminal_loses_no_cell(width: int) -> None:
    text = re.sub(r"\s+", " ", " ".join(lines(width)))
    for cells in ROWS:
        for cell in cells:
            assert cell in text
    assert "name chat," in text
    assert "name ," not in text
    wrapped = [line for line in lines(width) if line.startswith(" ")]
    longest = max(len(word) for row in ROWS for cell in row for word in cell.split(" "))
    assert all(len(line) <= max(width, longest + 5) for line in wrapped)


def test_columns_are_used_where_they_just_fit() -> None:
    width = max(map(len, lines(None)))
    assert lines(width) == lines(None)
    assert lines(width - 1) != lines(None)


@pytest.mark.parametrize("unwanted", ["", "1"])
@pytest.mark.parametrize("command", [["routes", "examples.rooms:app"], ["run", "there_is_none:app"]])
def test_colours_are_left_out_where_they_are_not_wanted(
    monkeypatch: pytest.MonkeyPatch, unwanted: str, command: list[str]
) -> None:
    monkeypatch.setenv("NO_COLOR", unwanted)
    result = CliRunner().invoke(main, command, color=True)
    assert ("\x1b[" in result.output) is not bool(unwanted)


def test_application_without_routes_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no_routes.py").write_text(
        "from apistar import ASyncApp\napp = ASyncApp(docs_url=None, schema_url=None)\n"
    )
    result = CliRunner().invoke(main, ["routes", "no_routes:app"])
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "there are no routes\n")
