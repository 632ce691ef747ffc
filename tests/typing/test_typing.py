"""
mypy and pyright know what a socket carries: both read `revealed.py` and `mistakes.py` without a complaint.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from mypy import api as mypy

from tests.requirements import NODE_FOLDER

ROOT: Final = Path(__file__).parents[2]
FILES: Final = ("tests/typing/revealed.py", "tests/typing/mistakes.py")


def pyright(*arguments: str) -> list[str]:
    """What pyright complains of."""
    program = NODE_FOLDER / "node_modules" / "pyright" / "index.js"
    result = subprocess.run(
        ["node", str(program), "--outputjson", "--pythonpath", sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    found = json.loads(result.stdout)
    assert found["summary"]["filesAnalyzed"] > 0
    return [
        f"{Path(one['file']).name}:{one['range']['start']['line'] + 1}: {one['message']}"
        for one in found["generalDiagnostics"]
    ]


@pytest.mark.requires("node-pyright")
def test_pyright_knows_every_type() -> None:
    assert pyright("--project", "tests/typing") == []


@pytest.mark.slow
def test_mypy_knows_every_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    report, complaints, status = mypy.run([*FILES])
    assert (status, complaints) == (0, ""), report


@pytest.mark.requires("node-pyright")
def test_pyright_finds_a_type_that_is_pinned_wrongly(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(
        "from typing import assert_type\nfrom apistar import WebSocket\n"
        "async def f(ws: WebSocket) -> None:\n    assert_type(await ws.receive(), str)\n"
    )
    [complaint] = pyright(str(file))
    assert '"assert_type" mismatch: expected "str" but received "str | bytes"' in complaint
