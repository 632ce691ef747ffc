"""The registry of schemes: a URL leads to its broker, and imports nothing else."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from apistar.channels import Broker, MemoryBroker
from apistar.channels.schemes import SCHEMES, Technology
from apistar.exceptions import ConfigurationError

ROOT = Path(__file__).parents[2]
REMOTE = sorted({technology for technology in SCHEMES.values() if technology.needs}, key=lambda one: one.module)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_leads_to_a_broker(scheme: str) -> None:
    assert issubclass(SCHEMES[scheme].load(scheme), Broker)


def test_scheme_is_read_without_regard_to_case() -> None:
    assert isinstance(Broker.connect("MEMORY://"), MemoryBroker)


@pytest.mark.parametrize("technology", REMOTE)
def test_every_technology_has_an_extra_that_installs_it(technology: Technology) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    [requirement] = extras[technology.module]
    assert requirement.startswith(technology.needs)
    assert technology.module in extras["full"][0]


@pytest.mark.parametrize("technology", REMOTE)
def test_extra_that_is_not_installed_is_named(technology: Technology, monkeypatch: pytest.MonkeyPatch) -> None:
    _forget(monkeypatch, f"apistar.channels.{technology.module}")
    _forget(monkeypatch, technology.needs)
    monkeypatch.setitem(sys.modules, technology.needs, None)
    with pytest.raises(ConfigurationError, match=rf"needs {technology.needs}: .*apistar\[{technology.module}\]"):
        Broker.connect(technology.example)


@pytest.mark.parametrize("technology", REMOTE)
def test_import_that_fails_for_another_reason_is_not_taken_for_a_missing_extra(
    technology: Technology, monkeypatch: pytest.MonkeyPatch
) -> None:
    _forget(monkeypatch, f"apistar.channels.{technology.module}")
    monkeypatch.setitem(sys.modules, "apistar.channels.remote", None)
    with pytest.raises(ModuleNotFoundError, match="remote"):
        Broker.connect(technology.example)


def _forget(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Have it imported anew; nothing of compiled code, which does not bear that."""
    for name in list(sys.modules):
        if name == package or name.startswith((f"{package}.", f"{package}_")):
            monkeypatch.delitem(sys.modules, name)


def test_technologies_are_imported_when_their_url_is_used_and_not_before() -> None:
    needed = sorted({technology.needs for technology in REMOTE})
    code = (
        "import sys; from apistar.channels import Broker; Broker.connect('memory://'); "
        f"print([name for name in {needed!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "[]\n"
