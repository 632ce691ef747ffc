"""
Every example, served by `apistar run` and driven over the wire as its reader would drive it.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.integration.serving import chromium, serving

pytestmark = pytest.mark.integration


def told(ws: ClientConnection) -> Any:
    return json.loads(ws.recv(timeout=30))


def tell(ws: ClientConnection, value: object) -> None:
    ws.send(json.dumps(value))


def ending_of(ws: ClientConnection) -> tuple[int | None, str | None]:
    with pytest.raises(ConnectionClosed):
        while True:
            ws.recv(timeout=30)
    return ws.close_code, ws.close_reason


# chat.py


def test_chat_carries_what_is_said_to_everybody_in_the_room() -> None:
    with serving("examples.chat:app") as host:
        url = f"ws://{host}/chat"
        with connect(f"{url}/lobby?name=Ada") as ada:
            assert told(ada) == {"type": "here", "names": ["Ada"]}
            with connect(f"{url}/lobby?name=Grace") as grace, connect(f"{url}/attic?name=Edsger") as edsger:
                assert told(grace) == told(ada) == {"type": "here", "names": ["Ada", "Grace"]}
                assert told(edsger) == {"type": "here", "names": ["Edsger"]}
                tell(grace, {"type": "say", "text": "hello"})
                assert told(ada) == told(grace) == {"type": "said", "by": "Grace", "text": "hello"}
                tell(grace, {"type": "leave"})
                assert told(ada) == {"type": "here", "names": ["Ada"]}
                assert ending_of(grace) == (1000, "")
                tell(edsger, {"type": "say", "text": ""})
                assert ending_of(edsger) == (1007, "$.text: expected str of length >= 1")
        with pytest.raises(InvalidStatus) as refused, connect(f"{url}/lobby"):
            pass
        assert refused.value.response.status_code == 400


# dashboard.py


@pytest.mark.requires("chromium")
def test_dashboard_draws_what_the_server_tells() -> None:
    with serving("examples.dashboard:app") as host:
        with connect(f"ws://{host}/load?every_s=0.01") as ws:
            first, second = told(ws), told(ws)
            assert first["watchers"] == second["watchers"] == 1
            assert 0 <= first["cpu_percent"] <= 100
        with chromium() as driver:
            driver.get(f"http://{host}/")
            words = driver.find_element("id", "words")
            line = driver.find_element("id", "line")
            wait_until(driver, lambda: "1 watching" in words.text and line.get_attribute("points"))
        with pytest.raises(InvalidStatus) as refused, connect(f"ws://{host}/load?every_s=0"):
            pass
        assert refused.value.response.status_code == 400


def wait_until(driver: Any, condition: Any) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(driver, 15).until(lambda _: condition())


# proxy.py


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serving("examples.authentication:app") as upstream:
        monkeypatch.setenv("UPSTREAM", f"ws://{upstream}")
        with serving("examples.proxy:app") as host:
            yield f"ws://{host}"


def test_proxy_passes_messages_and_endings_both_ways(proxied: str) -> None:
    offered = [Subprotocol("greetings.v1")]
    with connect(f"{proxied}/greetings?token=ada-secret", subprotocols=offered) as ws:
        assert ws.subprotocol == "greetings.v1"
        assert ws.recv(timeout=30) == "hello, Ada"
        ws.send("good morning")
        assert ws.recv(timeout=30) == "Ada says good morning"
        ws.send(b"\x00")  # which the other server refuses
        assert ending_of(ws) == (1003, "$: expected a text message, got binary")


def test_proxy_says_502_where_the_other_server_refuses(proxied: str) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"{proxied}/greetings"):
        pass
    assert refused.value.response.status_code == 502


def test_proxy_says_502_where_no_other_server_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM", "ws://127.0.0.1:1")
    with serving("examples.proxy:app") as host:
        with pytest.raises(InvalidStatus) as refused, connect(f"ws://{host}/echo"):
            pass
        assert refused.value.response.status_code == 502


# upload.py


@pytest.mark.requires("chromium")
def test_upload_answers_each_chunk_with_its_progress(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    digest = hashlib.sha256(content).hexdigest()
    with serving("examples.upload:app") as host:
        with connect(f"ws://{host}/upload?size={len(content)}") as ws:
            for start in range(0, len(content), 100_000):
                ws.send(content[start : start + 100_000])
                progress = told(ws)
            assert progress == {"received": len(content), "sha256": digest}
            assert ending_of(ws) == (1000, "")
        with connect(f"ws://{host}/upload?size=10") as ws:
            ws.send(b"x" * 11)
            assert ending_of(ws) == (1008, "11 bytes came, 10 were announced")
        with connect(f"ws://{host}/upload?size=10") as ws:
            ws.send("text")
            assert ending_of(ws) == (1003, "$: expected a binary message, got text")
        with pytest.raises(InvalidStatus) as refused, connect(f"ws://{host}/upload?size=1000000000"):
            pass
        assert refused.value.response.status_code == 413
        file = tmp_path / "file"
        file.write_bytes(content)
        with chromium() as driver:
            driver.get(f"http://{host}/")
            driver.find_element("id", "file").send_keys(str(file))
            wait_until(driver, lambda: digest in driver.find_element("id", "words").text)


# authentication.py


def test_authentication_takes_a_token_from_four_places() -> None:
    with serving("examples.authentication:app") as host:
        url = f"ws://{host}/greetings"
        carriers: list[tuple[str, dict[str, Any]]] = [
            (url, {"additional_headers": {"Cookie": "token=ada-secret"}}),
            (url, {"additional_headers": {"Authorization": "Bearer ada-secret"}}),
            (f"{url}?token=ada-secret", {}),
            (url, {"subprotocols": ["greetings.v1", "bearer.ada-secret"]}),
        ]
        for address, options in carriers:
            with connect(address, **options) as ws:
                assert ws.recv(timeout=30) == "hello, Ada"
                assert ws.subprotocol == ("greetings.v1" if "subprotocols" in options else None)
                ws.send("hello")
                assert ws.recv(timeout=30) == "Ada says hello"
        for address in (url, f"{url}?token=wrong"):
            with pytest.raises(InvalidStatus) as refused, connect(address):
                pass
            response = refused.value.response
            assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
        schemes = httpx.get(f"http://{host}/schema/asyncapi", timeout=30).json()["components"]["securitySchemes"]
        assert set(schemes) == {"cookie", "header", "query"}


# notes.py


def test_notes_are_kept_in_sessions_of_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "notes.db"
    monkeypatch.setenv("NOTES", str(path))
    with serving("examples.notes:app") as host, connect(f"ws://{host}/notes") as ws:
        for number, text in enumerate(["buy tea", "drink tea", "buy milk"], start=1):
            tell(ws, {"type": "add", "text": text})
            assert told(ws) == {"type": "added", "note": {"id": number, "text": text}}
        tell(ws, {"type": "search", "word": "tea", "limit": 5})
        assert told(ws) == {
            "type": "found",
            "notes": [{"id": 2, "text": "drink tea"}, {"id": 1, "text": "buy tea"}],
        }
        # The socket is open, and holds no session: somebody else may lock the whole database.
        other = sqlite3.connect(path, timeout=0)
        other.execute("begin exclusive")
        assert other.execute("select count(*) from notes").fetchone() == (3,)
        other.rollback()
        other.close()
        tell(ws, {"type": "search", "word": "milk"})
        assert len(told(ws)["notes"]) == 1
