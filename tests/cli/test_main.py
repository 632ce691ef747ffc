"""The group itself: what exists, how it helps, and its version."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from apistar import __version__
from apistar.cli import main


def test_version_is_the_packages() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"apistar, version {__version__}\n"


HELP = """\
Usage: apistar [OPTIONS] COMMAND [ARGS]...

  API Star: typed, real-time APIs in Python.

Options:
  -V, --version  Show the version and exit.
  -h, --help     Show this message and exit.

Commands:
  run     Serve an application.
  routes  List the routes of an application, or explain one.
  schema  Print the OpenAPI or AsyncAPI document, or compare it with a file.
  ws      Talk to a WebSocket.
"""


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_command(option: str) -> None:
    result = CliRunner().invoke(main, [option], prog_name="apistar")
    assert result.exit_code == 0
    assert result.output == HELP


@pytest.mark.parametrize("command", ["run", "routes", "schema", "ws"])
def test_help_of_a_command_fits_80_columns(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"], prog_name="apistar", terminal_width=80)
    assert result.output.startswith(f"Usage: apistar {command} [OPTIONS] ")
    assert max(map(len, result.output.splitlines())) <= 80


def test_module_is_the_command() -> None:
    ran = subprocess.run([sys.executable, "-m", "apistar", "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout == f"apistar, version {__version__}\n"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("rnu", "no command is named 'rnu'; did you mean run?"),
        ("serve", "no command is named 'serve'; there are run, routes, schema, ws"),
    ],
)
def test_command_that_does_not_exist_is_answered_with_those_that_do(typed: str, sentence: str) -> None:
    result = CliRunner().invoke(main, [typed, "chat:app"], prog_name="apistar")
    assert result.exit_code == 2
    assert result.stderr.endswith(f"Error: {sentence}\n")
