"""Every example is driven as its reader would drive it; the demo has `integration/test_demo.py`."""

from __future__ import annotations

import importlib
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest

from apistar import TestClient
from apistar.exceptions import WebSocketDisconnect
from examples import hello, seed
from examples.demo import app as demo

EXAMPLES: Final = Path(__file__).parent.parent / "examples"
MODULES: Final = sorted(
    ".".join(path.relative_to(EXAMPLES.parent).with_suffix("").parts) for path in EXAMPLES.rglob("*.py")
)
MAX_LINES: Final = 79


@pytest.mark.parametrize("module", MODULES)
def test_example_can_be_imported(module: str) -> None:
    imported = importlib.import_module(module)
    assert imported.__doc__ or module == "examples.__init__"
    if module.count(".") == 1 and not module.endswith("__init__"):
        assert callable(imported.app), "apistar run finds nothing here"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_example_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


# hello.py


def test_hello_greets_and_echoes() -> None:
    client = TestClient(hello.app)
    assert client.get("/").json() == {"message": "hello, you"}
    assert client.get("/?name=Ada").json() == {"message": "hello, Ada"}
    with client.websocket("/echo") as ws:
        for message in ("text", b"binary", ""):
            ws.send(message)
            assert ws.receive() == message


# seed.py


@pytest.fixture
def client() -> TestClient:
    return TestClient(seed.app)


def test_seed_says_hello_a_hundred_times(client: TestClient) -> None:
    with client.websocket("/hello") as ws:
        assert list(ws) == ["Hello World!"] * 100
        assert ws.close_code == 1000


def test_seed_says_hello_in_json(client: TestClient) -> None:
    with client.websocket("/hello/json") as ws:
        for index in range(100):
            assert ws.receive_json() == {"index": index, "text": "Hello World!"}
        with pytest.raises(WebSocketDisconnect) as end:
            ws.receive()
        assert end.value.code == 1000


def test_seed_tells_the_time_until_the_client_leaves(client: TestClient) -> None:
    with client.websocket("/clock") as ws:
        first, second = (datetime.fromisoformat(ws.receive_json()["timestamp"]) for _ in range(2))
        assert second > first


def test_seed_answers_ping_with_pong(client: TestClient) -> None:
    with client.websocket("/pingpong") as ws:
        for _ in range(3):
            ws.send("ping")
            assert ws.receive() == "pong"


def test_seed_answers_ping_with_pong_in_json(client: TestClient) -> None:
    with client.websocket("/pingpong/json") as ws:
        ws.send_json({"paddle": "ping"})
        assert ws.receive_json() == {"paddle": "pong"}
        ws.send("ping")
        ws.wait_closed()
        assert ws.close_code == 1007


# demo/


def test_demo_shows_the_code_of_every_handler() -> None:
    client = TestClient(demo.app)
    for name, handler in demo.HANDLERS.items():
        assert f"async def {handler.__name__}(" in client.get(f"/source/{name}").text
    assert client.get("/source/nothing").status_code == 404


def test_demo_page_loads_nothing_from_elsewhere() -> None:
    client = TestClient(demo.app)
    page = client.get("/")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    for file in (demo.HERE / "static").iterdir():
        served = client.get(f"/static/{file.name}")
        assert served.status_code == 200
        assert "http://" not in served.text.replace("http://www.w3.org/", "")
        assert "https://" not in served.text
    assert " style=" not in page.text
    assert " onclick=" not in page.text
