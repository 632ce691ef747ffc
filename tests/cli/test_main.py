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


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_command(option: str) -> None:
    result = CliRunner().invoke(main, [option])
    assert result.exit_code == 0
    assert "run     Serve an application." in result.output


def test_module_is_the_command() -> None:
    ran = subprocess.run([sys.executable, "-m", "apistar", "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout == f"apistar, version {__version__}\n"
