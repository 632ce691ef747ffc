"""Where connections come from: TLS, unix sockets and proxies, as uvicorn treats them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.processes import APISTAR, ASYNCIO, UVICORN, ServerProcess, make_certificate, serving
from tests.server.wire import BINARY, TEXT, close_frame, frame, is_closed, read_answer, read_close, read_frame, upgrade

BARE = "tests.server.apps:bare"
OURS: dict[str, dict[str, Any]] = {
    "apistar": {"program": APISTAR},
    "uvicorn": {"program": UVICORN, "http": "httptools", "ws": "apistar.server:WebSocketProtocol"},
    "uvicorn-h11": {"program": UVICORN, "http": "h11", "ws": "apistar.server:WebSocketProtocol"},
}


@pytest.fixture(params=[*OURS, "apistar-asyncio"])
def choice(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"program": ASYNCIO} if request.param == "apistar-asyncio" else OURS[request.param]


def scope_seen(process: ServerProcess, *lines: bytes, **options: Any) -> dict[str, Any]:
    with process.connect(**options) as client:
        upgrade(client, b"/scope-of", *lines)
        scope: dict[str, Any] = json.loads(read_frame(client)[1])
        return scope


@pytest.mark.requires("openssl")
def test_tls_is_wss(tmp_path: Path, choice: dict[str, Any]) -> None:
    certificate = make_certificate(tmp_path)
    with serving(tmp_path, BARE, **certificate.options, **choice) as process:
        tls = certificate.client()
        assert scope_seen(process, tls=tls)["scheme"] == "wss"
        with process.connect(tls) as client:
            upgrade(client)
            payload = bytes(range(256)) * 2000
            client.sendall(frame(BINARY, payload) + frame(TEXT, b"hi"))
            assert read_frame(client) == (BINARY, payload)
            assert read_frame(client) == (TEXT, b"hi")
            client.sendall(close_frame(1000))
            assert read_close(client)[0] == 1000
            assert is_closed(client)
        with process.connect(tls) as client:
            upgrade(client, b"/close")
            assert read_close(client) == (4100, b"enough")
            client.sendall(close_frame(4100))
            assert is_closed(client)
        with process.connect(tls) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
            assert read_answer(client).body == b"abc"
        with process.connect() as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")  # no TLS
            assert is_closed(client)
        assert "Traceback" not in process.log


def test_unix_socket_has_no_client(tmp_path: Path, choice: dict[str, Any]) -> None:
    path = tmp_path / "socket"
    with serving(tmp_path, BARE, uds=str(path), **choice) as process:
        scope = scope_seen(process)
        assert scope["client"] is None
        assert scope["server"] == [str(path), None]
        status, _ = process.terminate()
        assert ' - "WebSocket /scope-of" [accepted]' in process.log
    if choice["program"] != UVICORN:  # uvicorn ends by the signal's own hand, and leaves it
        assert status == 0
        assert not path.exists()


@pytest.fixture(scope="module", params=list(OURS))
def behind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("behind"), BARE, root_path="/root", **OURS[request.param]) as process:
        yield process


@pytest.mark.parametrize(
    ("lines", "client", "scheme"),
    [
        ((b"X-Forwarded-For: 1.2.3.4", b"X-Forwarded-Proto: https"), ["1.2.3.4", 0], "wss"),
        ((b"X-Forwarded-For: 9.9.9.9, 1.2.3.4, 127.0.0.1",), ["1.2.3.4", 0], "ws"),
        ((b"X-Forwarded-For: 2001:db8::1", b"X-Forwarded-Proto: wss"), ["2001:db8::1", 0], "wss"),
        ((b"X-Forwarded-Proto: gopher",), None, "ws"),
        ((), None, "ws"),
    ],
)
def test_proxy_on_this_machine_is_believed(
    behind: ServerProcess, lines: tuple[bytes, ...], client: list[Any] | None, scheme: str
) -> None:
    scope = scope_seen(behind, *lines)
    assert scope["scheme"] == scheme
    assert (scope["client"] == client) if client else scope["client"][0] == "127.0.0.1"
    assert (scope["root_path"], scope["path"], scope["raw_path"]) == ("/root", "/root/scope-of", "/root/scope-of")


@pytest.mark.parametrize("options", [{"forwarded_allow_ips": "10.0.0.1"}, {"proxy_headers": False}])
@pytest.mark.parametrize("server", ["apistar", "uvicorn"])
def test_others_are_not_believed(tmp_path: Path, server: str, options: dict[str, Any]) -> None:
    with serving(tmp_path, BARE, **options, **OURS[server]) as process:
        scope = scope_seen(process, b"X-Forwarded-For: 1.2.3.4", b"X-Forwarded-Proto: https")
        assert (scope["client"][0], scope["scheme"]) == ("127.0.0.1", "ws")
        assert "1.2.3.4" not in process.log
