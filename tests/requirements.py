"""
What some tests need from the machine, and how to get it.

`@pytest.mark.requires("chromium")` skips a test where that is missing and says how to get it. Under CI=true the same
test fails instead, so that nothing goes unchecked in silence; `scripts/install` gets all of it there.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

NODE_FOLDER: Final = Path(__file__).parent / "integration" / "node"
"""Where `scripts/install` puts the npm packages that tests use."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """
    One thing that a machine may lack.

    Attributes:
        present: Looks for it.
        remedy: How to get it, as a sentence's end.
    """

    present: Callable[[], bool]
    remedy: str


def _program(*names: str) -> Callable[[], bool]:
    return lambda: all(shutil.which(name) is not None for name in names)


def _network_namespaces() -> bool:
    if sys.platform != "linux" or shutil.which("ip") is None or os.geteuid() != 0:
        return False
    name = f"apistar-probe-{os.getpid()}"
    added = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    return added.returncode == 0


def _chromedriver() -> bool:
    return shutil.which("chromedriver") is not None and shutil.which("chromium") is not None


def postgresql_programs() -> Path | None:
    """The folder of PostgreSQL's own programs, which Debian keeps out of the way; the newest version's."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in versions), key=lambda path: int(path.parent.name), default=None)


def _postgresql() -> bool:
    there = postgresql_programs() is not None and importlib.util.find_spec("asyncpg") is not None
    return sys.platform == "linux" and there


REQUIREMENTS: Final = {
    "chromium": Requirement(_chromedriver, "apt-get install chromium chromium-driver"),
    "curl": Requirement(_program("curl"), "apt-get install curl"),
    "gcc": Requirement(_program("gcc"), "apt-get install gcc libc6-dev"),
    "netns": Requirement(_network_namespaces, "run as root on Linux, with apt-get install iproute2"),
    "node": Requirement(_program("node", "npm"), "apt-get install nodejs npm"),
    "node-pyright": Requirement(
        lambda: shutil.which("node") is not None and (NODE_FOLDER / "node_modules" / "pyright").is_dir(),
        "apt-get install nodejs npm, then scripts/install",
    ),
    "node-ws": Requirement(
        lambda: shutil.which("node") is not None and (NODE_FOLDER / "node_modules" / "ws").is_dir(),
        "apt-get install nodejs npm, then scripts/install",
    ),
    "node-asyncapi": Requirement(
        lambda: shutil.which("node") is not None and (NODE_FOLDER / "node_modules" / "@asyncapi" / "parser").is_dir(),
        "apt-get install nodejs npm, then scripts/install",
    ),
    "openssl": Requirement(_program("openssl"), "apt-get install openssl"),
    "axe": Requirement(
        lambda: (NODE_FOLDER / "node_modules" / "axe-core" / "axe.min.js").is_file(),
        "apt-get install nodejs npm, then scripts/install",
    ),
    "postgresql": Requirement(_postgresql, "apt-get install postgresql, and scripts/install"),
    "redis": Requirement(_program("redis-server"), "apt-get install redis-server"),
}


@cache
def missing(name: str) -> str | None:
    """
    Say what is missing and how to get it, or nothing where it is there.

    Raises:
        LookupError: If REQUIREMENTS has no such name.
    """
    requirement = REQUIREMENTS.get(name)
    if requirement is None:
        known = ", ".join(sorted(REQUIREMENTS))
        raise LookupError(f"no requirement {name!r} in tests/requirements.py; known: {known}")
    return None if requirement.present() else f"needs {name}, which is not here; to get it: {requirement.remedy}"


def skips_are_failures() -> bool:
    """Whether a missing requirement fails its test, as on the machine that decides."""
    return os.environ.get("CI", "").lower() in ("true", "1")
