"""Applications of other frameworks on our protocol class, seen by the client library `websockets`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.server.processes import APISTAR, UVICORN, ServerProcess, serving, wait_for


@pytest.fixture(scope="module", params=["starlette", "fastapi"])
def framework(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Starlette on `run()`, FastAPI on uvicorn's own HTTP class."""
    options: dict[str, dict[str, Any]] = {
        "starlette": {"program": APISTAR},
        "fastapi": {"program": UVICORN, "ws": "apistar.server:WebSocketProtocol"},
    }
    app = f"tests.server.framework_apps:{request.param}_app"
    with serving(tmp_path_factory.mktemp("framework"), app, **options[request.param]) as process:
        yield process


@pytest.fixture(scope="module")
def litestar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("litestar"), "tests.server.framework_apps:litestar_app") as process:
        yield process


def open_socket(process: ServerProcess, path: str, **options: Any) -> ClientConnection:
    opened: ClientConnection = connect(f"ws://127.0.0.1:{process.port}{path}", proxy=None, **options)
    return opened


def wait_for_note(process: ServerProcess, note: Any) -> None:
    url = f"http://127.0.0.1:{process.port}/noted"
    wait_for(lambda: note in httpx.get(url, timeout=30).json(), f"{note} among {httpx.get(url, timeout=30).json()}")


def test_text_and_bytes_are_echoed(framework: ServerProcess) -> None:
    with open_socket(framework, "/echo") as client:
        for message in ("Zoë", b"\0\xff", "", b"", "x" * 200_000):
            client.send(message)
            assert client.recv() == message
        client.close(4000, "done")
    wait_for_note(framework, [4000, "done"])


def test_json_headers_and_subprotocol(framework: ServerProcess) -> None:
    with open_socket(framework, "/json_echo", subprotocols=[Subprotocol("chat")]) as client:
        assert client.subprotocol == "chat"
        assert client.response is not None
        assert client.response.headers["x-one"] == "1"
        client.send(json.dumps({"a": [1, None]}))
        assert json.loads(client.recv()) == {"a": [1, None]}
    wait_for_note(framework, [1000, ""])


def test_fragments_are_one_message(framework: ServerProcess) -> None:
    with open_socket(framework, "/count") as client:
        client.send(["ab", "cd", "e"])
        client.send("f" * 12_340)
    wait_for_note(framework, 12_345)


def test_send_after_the_client_left_is_told(framework: ServerProcess) -> None:
    with open_socket(framework, "/late"):
        pass
    wait_for_note(framework, "WebSocketDisconnect")


@pytest.mark.parametrize(("path", "status", "body"), [("/deny", 402, b"no"), ("/refuse", 403, b"")])
def test_refusal_is_a_response(framework: ServerProcess, path: str, status: int, body: bytes) -> None:
    with pytest.raises(InvalidStatus) as refused:
        open_socket(framework, path)
    assert (refused.value.response.status_code, refused.value.response.body) == (status, body)


def test_unknown_path_is_403(framework: ServerProcess) -> None:
    with pytest.raises(InvalidStatus) as refused:
        open_socket(framework, "/nowhere")
    assert refused.value.response.status_code == 403


def test_close_has_code_and_reason(framework: ServerProcess) -> None:
    with open_socket(framework, "/close") as client:
        with pytest.raises(ConnectionClosed):
            client.recv()
        assert (client.close_code, client.close_reason) == (4100, "enough")


def test_quiet_stream_of_starlette_ends_with_its_client(tmp_path: Path) -> None:
    """At ASGI 2.4 it would stay until it has something to send."""
    with serving(tmp_path, "tests.server.framework_apps:starlette_app") as process:
        with httpx.stream("GET", f"http://127.0.0.1:{process.port}/events") as answer:
            assert next(answer.iter_text()) == "data: hello\n\n"
        process.wait_for_log("events closed")
        assert "Traceback" not in process.log


def test_parameters_reach_fastapi(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("typed"), "tests.server.framework_apps:fastapi_app") as process:
        with open_socket(process, "/typed/3?token=a%20b") as client:
            assert json.loads(client.recv()) == [3, "a b"]
        with pytest.raises(InvalidStatus) as refused:
            open_socket(process, "/typed/three?token=a")
        assert refused.value.response.status_code == 403


def test_http_is_served_beside(framework: ServerProcess) -> None:
    assert "page" in httpx.get(f"http://127.0.0.1:{framework.port}/", timeout=30).text


def test_litestar_is_served(litestar: ServerProcess) -> None:
    with open_socket(litestar, "/echo") as client:
        client.send("hi")
        assert client.recv() == "hi"
    with open_socket(litestar, "/close", subprotocols=[Subprotocol("chat")]) as client:
        assert client.subprotocol == "chat"
        with pytest.raises(ConnectionClosed):
            client.recv()
        assert (client.close_code, client.close_reason) == (4100, "enough")
    with pytest.raises(InvalidStatus) as refused:
        open_socket(litestar, "/refuse")
    assert refused.value.response.status_code == 403
    assert httpx.get(f"http://127.0.0.1:{litestar.port}/", timeout=30).text == "page"


def test_nothing_of_this_is_a_fault(framework: ServerProcess, litestar: ServerProcess) -> None:
    assert "Traceback" not in framework.log
    assert "ERROR" not in framework.log
    assert "Traceback" not in litestar.log
