"""
The tutorial, walked as it is written: each step's `chat.py` is saved, served and talked to; then its tests run.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.integration.serving import serving
from tests.server.processes import ROOT

pytestmark = pytest.mark.integration

PAGE: Final = (ROOT / "docs" / "tutorial.md").read_text()
STEPS: Final = re.findall(r'^```python title="chat\.py"\n(.*?)^```$', PAGE, re.DOTALL | re.MULTILINE)
TESTS: Final = re.findall(r'^```python title="test_chat\.py"\n(.*?)^```$', PAGE, re.DOTALL | re.MULTILINE)


def say(ws: ClientConnection, text: Any) -> None:
    ws.send(json.dumps({"type": "say", "text": text}))


def told(ws: ClientConnection) -> Any:
    return json.loads(ws.recv(timeout=30))


def echoes(host: str) -> None:
    with connect(f"ws://{host}/echo") as ws:
        ws.send("hello")
        assert ws.recv(timeout=30) == "hello"


def has_a_language(host: str) -> None:
    with connect(f"ws://{host}/chat") as ws:
        say(ws, "hello")
        assert told(ws) == {"type": "said", "by": "somebody", "text": "hello"}
        say(ws, 7)
        with pytest.raises(ConnectionClosed):
            ws.recv(timeout=30)
        assert (ws.close_code, ws.close_reason) == (1007, "$.text: expected str, got int")


def knows_who_speaks(host: str) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://{host}/chat/lobby"):
        pass
    assert refused.value.response.status_code == 401
    with connect(f"ws://{host}/chat/lobby?name=Ada") as ws:
        say(ws, "hello")
        assert told(ws) == {"type": "said", "by": "Ada", "text": "hello"}


def carries_to_everybody(host: str) -> None:
    with connect(f"ws://{host}/chat/lobby?name=Ada") as ada, connect(f"ws://{host}/chat/lobby?name=Grace") as grace:
        say(ada, "hello")
        assert told(ada) == told(grace) == {"type": "said", "by": "Ada", "text": "hello"}


WALKS: Final = (echoes, has_a_language, knows_who_speaks, carries_to_everybody)


def test_tutorial_has_the_steps_that_are_walked() -> None:
    assert (len(STEPS), len(TESTS)) == (len(WALKS), 1)


@pytest.mark.parametrize("step", range(len(WALKS)), ids=lambda step: WALKS[step].__name__)
def test_step_of_the_tutorial_does_what_it_says(step: int, tmp_path: Path) -> None:
    (tmp_path / "chat.py").write_text(STEPS[step])
    with serving("chat:app", "--app-dir", str(tmp_path)) as host:
        WALKS[step](host)


def test_tests_of_the_tutorial_pass(tmp_path: Path) -> None:
    (tmp_path / "chat.py").write_text(STEPS[-1])
    (tmp_path / "test_chat.py").write_text(TESTS[0])
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "3 passed" in run.stdout
