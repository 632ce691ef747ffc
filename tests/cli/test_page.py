"""What `docs/cli.md` shows is what the command prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from apistar.cli.main import COMMANDS
from apistar.cli.slash_commands import HELP
from apistar.cli.ws import ws
from tests.cli.commands import serving
from tests.code_blocks import CodeBlock, code_blocks

pytestmark = [pytest.mark.integration]

PAGE: Final = Path(__file__).parent.parent.parent / "docs" / "cli.md"
TIME: Final = re.compile(r"\d\d:\d\d:\d\d\.\d\d\d")
SHELL: Final = f"""\
apistar() {{ {sys.executable} -m apistar "$@"; }}
"""


def exchanges(block: CodeBlock) -> Iterator[tuple[str, list[str]]]:
    """Each command of a block with the lines below it."""
    for part in re.split(r"^\$ ", block.source, flags=re.MULTILINE)[1:]:
        command, *output = part.rstrip("\n").split("\n")
        yield command, output


def printed(command: str, folder: Path) -> list[str]:
    ran = subprocess.run(
        ["bash", "-c", SHELL + command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"},
    )
    text = ran.stdout.decode().replace(f"{folder}/", "").replace(str(folder), ".")
    return [TIME.sub("12:00:01.123", line.rstrip()) for line in text.splitlines()]


def test_page_shows_what_the_command_prints(tmp_path: Path) -> None:
    source = next(code_blocks(PAGE)).source
    (tmp_path / "chat.py").write_text(source)
    compared = 0
    with serving("chat:app", folder=tmp_path) as (server, address):
        port = address.rpartition(":")[2]
        for block in code_blocks(PAGE, "console"):
            if block.remark == "changed":
                (tmp_path / "chat.py").write_text(source.replace("    text: str\n", "    text: str\n    to: str\n", 1))
            for command, output in exchanges(block):
                if command == "apistar run chat:app":
                    assert output[0].replace(":8000/", f":{port}/") in server.output
                    continue
                written = command.replace("ws '/", f"ws ':{port}/")
                lines = [line.replace(f":{port}/", ":8000/") for line in printed(written, tmp_path)]
                assert [line for line in lines if not line.endswith("--all lists them") and line] == output, command
                compared += 1
    assert compared >= 10


def test_page_names_every_option_of_ws_and_every_command() -> None:
    page = PAGE.read_text()
    assert [name for name in COMMANDS if f"`apistar {name} " not in page] == []
    options = [option for parameter in ws.params for option in parameter.opts if option.startswith("--")]
    shorts = {"--header": "-H", "--subprotocol": "-s", "--insecure": "-k"}
    missing = [option for option in options if shorts.get(option, option) not in page]
    assert missing == []


@pytest.mark.parametrize("typed", re.findall(r"^  (/\w+)", HELP, re.MULTILINE))
def test_page_names_every_typed_command(typed: str) -> None:
    assert typed == "/help" or f"`{typed}" in PAGE.read_text()
