"""
Autobahn|Testsuite against our server, and its verdicts against those that are kept in `autobahn-verdicts.json`.

`scripts/conformance` runs it; a verdict that differs from the kept one fails, in either direction. The suite needs a
Python 2.7, which few machines still have (`PY27` names one): it is installed once into `.cache/autobahn`, from PyPI.
There are two targets: an API Star application on `apistar run`, and a foreign one on uvicorn with our protocol class.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from tests.server.processes import ROOT, free_port, wait_for
from tests.turns import turn

SUITE: Final = "autobahntestsuite==25.10.1"
VIRTUALENV: Final = "virtualenv==20.21.1"
"""The last that can make an environment for Python 2.7."""
CACHE: Final = ROOT / ".cache" / "autobahn"
KEPT: Final = Path(__file__).parent / "autobahn-verdicts.json"

COMMANDS: Final = {
    "apistar run": [
        *(sys.executable, "-m", "apistar", "run", "tests.conformance.targets:app"),
        *("--no-access-log", "--log-level", "warning"),
    ],
    "uvicorn --ws apistar.server:WebSocketProtocol": [
        *(sys.executable, "-m", "uvicorn", "tests.conformance.targets:foreign"),
        *("--ws", "apistar.server:WebSocketProtocol", "--ws-per-message-deflate", "true"),
        *("--no-access-log", "--log-level", "warning"),
    ],
}

EVERYTHING: Final = ("*",)
SAMPLE: Final = (
    *("1.*", "2.*", "3.*", "4.*", "5.*", "6.1.*", "6.2.*", "6.3.*", "6.6.*", "7.*", "10.*"),
    *("12.1.1", "13.3.1"),
)
SLOW: Final = ("5.19", "5.20")
"""They wait for a second."""

Verdicts: TypeAlias = "dict[str, str]"
"""By case: how it behaved and how it closed, as `OK/OK`."""


class Unavailable(Exception):
    """The suite cannot be had here; the text says why."""


def installed() -> Path:
    """
    The suite's program, installed if it is not, by one process at a time.

    Raises:
        Unavailable: If there is no Python 2.7, or PyPI does not give what is needed.
    """
    CACHE.parent.mkdir(exist_ok=True)
    with turn(CACHE.parent, alone=True):
        return _installed()


def _installed() -> Path:
    wstest = CACHE / "suite" / "bin" / "wstest"
    if wstest.exists():
        return wstest
    python = _python_2_7()
    if python is None:
        raise Unavailable("Autobahn|Testsuite needs a Python 2.7, and none is here; PY27 names one")
    print(f"installing {SUITE} for {python}", file=sys.stderr)
    shutil.rmtree(CACHE, ignore_errors=True)
    steps: list[list[str | Path]] = [
        [sys.executable, "-m", "venv", CACHE / "tools"],
        [CACHE / "tools" / "bin" / "pip", "-q", "install", VIRTUALENV],
        [CACHE / "tools" / "bin" / "virtualenv", "-q", "-p", python, CACHE / "suite"],
        [CACHE / "suite" / "bin" / "pip", "-q", "install", SUITE],
    ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(CACHE, ignore_errors=True)
            raise Unavailable(f"Autobahn|Testsuite cannot be installed: {done.stderr[-500:]}")
    return wstest


def _python_2_7() -> str | None:
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for name in (os.environ.get("PY27"), *map(str, sorted(root.glob("versions/2.7*/bin/python"))), "python2.7"):
        if name and shutil.which(name):
            version = subprocess.run([name, "--version"], capture_output=True, text=True, check=False)
            if "2.7" in version.stderr + version.stdout:  # a shim may be there without what it stands for
                return name
    return None


def verdicts_of(target: str, cases: Sequence[str], exclude: Sequence[str] = (), timeout_s: float = 1800.0) -> Verdicts:
    """Run cases against one target."""
    wstest = installed()
    with tempfile.TemporaryDirectory(prefix="autobahn-") as name, serving(target) as port:
        folder = Path(name)
        spec = {
            "outdir": name,
            "servers": [{"agent": "server", "url": f"ws://127.0.0.1:{port}/"}],
            "cases": list(cases),
            "exclude-cases": list(exclude),
            "exclude-agent-cases": {},
        }
        (folder / "spec.json").write_text(json.dumps(spec))
        command: list[str | Path] = [wstest, "-m", "fuzzingclient", "-s", folder / "spec.json"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=name, timeout=timeout_s)
        index = folder / "index.json"
        if ran.returncode or not index.exists():
            raise RuntimeError(f"the suite ended with {ran.returncode}:\n{(ran.stdout + ran.stderr)[-2000:]}")
        given = json.loads(index.read_text())["server"]
    return {case: f"{given[case]['behavior']}/{given[case]['behaviorClose']}" for case in sorted(given, key=_number)}


@contextlib.contextmanager
def serving(target: str) -> Iterator[int]:
    """A target on a free port."""
    port = free_port()
    with subprocess.Popen([*COMMANDS[target], "--port", str(port)], cwd=ROOT) as process:
        try:
            wait_for(lambda: _accepts(port, process), f"{target} to listen", 30.0)
            yield port
        finally:
            process.terminate()


def _accepts(port: int, process: subprocess.Popen[bytes]) -> bool:
    import socket

    assert process.poll() is None, f"the server ended with {process.returncode}"
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def kept() -> dict[str, Verdicts]:
    """The verdicts of the file, by target."""
    verdicts: dict[str, Verdicts] = json.loads(KEPT.read_text())
    return verdicts


def changes(target: str, verdicts: Verdicts) -> list[str]:
    """What differs from the file, a line for each case."""
    before = kept()[target]
    return [
        f"{target}: case {case} was {before.get(case, 'not run')}, is {verdict}"
        for case, verdict in verdicts.items()
        if before.get(case) != verdict
    ]


def _number(case: str) -> list[int]:
    return [int(part) for part in case.split(".")]


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument(
        "cases", nargs="*", default=EVERYTHING, help="as the suite writes them: 6.*, 12.1.3; default all"
    )
    parser.add_argument("--target", choices=list(COMMANDS), help="only this one")
    parser.add_argument("--accept", action="store_true", help="keep the verdicts of this run")
    options = parser.parse_args()
    try:
        installed()
    except Unavailable as reason:
        print(f"not run: {reason}", file=sys.stderr)
        return 2
    changed: list[str] = []
    known = kept() if KEPT.exists() else {}
    for target in [options.target] if options.target else COMMANDS:
        begin = time.monotonic()
        verdicts = verdicts_of(target, options.cases)
        counts = ", ".join(f"{count} {verdict}" for verdict, count in Counter(verdicts.values()).most_common())
        print(f"{target}: {len(verdicts)} cases in {time.monotonic() - begin:.0f} s: {counts}")
        if options.accept:
            merged = {**known.get(target, {}), **verdicts}
            known[target] = {case: merged[case] for case in sorted(merged, key=_number)}
            KEPT.write_text(json.dumps(known, indent=1) + "\n")
        else:
            changed += changes(target, verdicts)
    print("\n".join(changed) or "every verdict is the one that is kept")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
