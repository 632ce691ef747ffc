"""
The ASGI specification for WebSockets, seen by foreign applications on our protocol class.

Every test runs twice: on `run()`, and on uvicorn's own HTTP class with `--ws apistar.server:WebSocketProtocol`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apistar.transports.transport import NATIVE_EXTENSION
from tests.server.processes import APISTAR, UVICORN, ServerProcess, serving, wait_for
from tests.server.wire import (
    ACCEPT,
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    close_frame,
    frame,
    handshake,
    is_closed,
    read_answer,
    read_close,
    read_frame,
    read_head,
    read_to_end,
    upgrade,
)

OURS = {"ws": "apistar.server:WebSocketProtocol", "headers": [("x-server", "1")]}


@pytest.fixture(scope="module", params=["apistar", "uvicorn", "uvicorn-h11-asyncio"])
def asgi(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("asgi")
    choices: dict[str, dict[str, Any]] = {
        "apistar": {"program": APISTAR},
        "uvicorn": {"program": UVICORN, "http": "httptools", **OURS},
        "uvicorn-h11-asyncio": {"program": UVICORN, "http": "h11", "loop": "asyncio", **OURS},
    }
    with serving(folder, "tests.server.apps:bare", root_path="/root", **choices[request.param]) as process:
        yield process


def endings(server: ServerProcess) -> list[Any]:
    """What applications noted in the state of the lifespan."""
    with server.connect() as client:
        client.sendall(b"GET /endings HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        noted: list[Any] = json.loads(read_answer(client).body)
        return noted


def wait_for_ending(server: ServerProcess, ending: Any) -> None:
    wait_for(lambda: ending in endings(server), f"{ending} among {endings(server)}")


def test_handshake_is_answered_as_the_rfc_asks(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        answer = upgrade(client)
        assert answer.headers[b"upgrade"].lower() == b"websocket"
        assert answer.headers[b"connection"].lower() == b"upgrade"
        assert answer.headers[b"sec-websocket-accept"] == ACCEPT
        assert b"sec-websocket-protocol" not in answer.headers
        assert b"date" in answer.headers


def test_messages_keep_their_kind(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        upgrade(client)
        client.sendall(frame(TEXT, "Zoë".encode()) + frame(BINARY, b"\0\xff") + frame(TEXT) + frame(BINARY))
        assert [read_frame(client) for _ in range(4)] == [
            (TEXT, "Zoë".encode()),
            (BINARY, b"\0\xff"),
            (TEXT, b""),
            (BINARY, b""),
        ]


def test_messages_in_fragments_are_whole(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        upgrade(client)
        client.sendall(frame(TEXT, b"a", fin=False) + frame(PING, b"!") + frame(0, b"b", fin=False) + frame(0, b"c"))
        assert [read_frame(client) for _ in range(2)] == [(PONG, b"!"), (TEXT, b"abc")]


def test_scope_holds_what_the_specification_says(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        upgrade(client, b"/scope%2Dof?a=1&b=%20", b"X-A:  1 ", b"X-A: 2")
        scope = json.loads(read_frame(client)[1])
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.4"}
        assert scope["http_version"] == "1.1"
        assert scope["scheme"] == "ws"
        assert scope["path"] == "/root/scope-of"
        assert scope["raw_path"] == "/root/scope%2Dof"
        assert scope["root_path"] == "/root"
        assert scope["query_string"] == "a=1&b=%20"
        assert [value for name, value in scope["headers"] if name == "x-a"] == ["1", "2"]
        assert all(name == name.lower() for name, _ in scope["headers"])
        assert scope["client"] == list(client.getsockname())
        assert scope["server"] == ["127.0.0.1", asgi.port]
        assert scope["extensions"] == ["apistar.native", "websocket.http.response"]
        assert scope["state"] == 42


def test_application_may_choose_headers_and_subprotocol(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        client.sendall(handshake(b"/with-headers", b"Sec-WebSocket-Protocol: other, chat"))
        lines = read_head(client).lower().split(b"\r\n")
        assert b"sec-websocket-protocol: chat" in lines
        assert lines.count(b"x-one: 1") == 1
        assert [line for line in lines if line.startswith(b"set-cookie")] == [b"set-cookie: a=b", b"set-cookie: c=d"]


def test_close_before_accept_is_403(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        client.sendall(handshake(b"/refuse"))
        assert read_answer(client).status == 403
        assert is_closed(client)
    wait_for_ending(asgi, 1006)
    asgi.wait_for_log(r'"WebSocket /root/refuse" 403')


def test_denial_response_reaches_the_client(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        client.sendall(handshake(b"/deny"))
        head = read_head(client).lower().split(b"\r\n")
        assert head[0].startswith(b"http/1.1 451 ")
        assert {b"x-why: because", b"content-type: text/plain", b"connection: close"} < set(head)
        assert read_to_end(client) == b"4\r\nnot \r\n5\r\ntoday\r\n0\r\n\r\n"
    asgi.wait_for_log(r'"WebSocket /root/deny" 451')


@pytest.mark.parametrize("path", [b"/deny-101", b"/deny-nothing"])
def test_denial_that_cannot_be_sent_is_500(asgi: ServerProcess, path: bytes) -> None:
    with asgi.connect() as client:
        client.sendall(handshake(path))
        assert read_answer(client).status == 500


def test_application_closes_with_code_and_reason(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        upgrade(client, b"/close")
        assert read_close(client) == (4100, b"enough")
        client.sendall(close_frame(4100))
        assert is_closed(client)
    wait_for_ending(asgi, ["websocket.disconnect", 4100, "enough"])
    wait_for_ending(asgi, "Unexpected ASGI message 'websocket.send', after sending 'websocket.close'.")


@pytest.mark.parametrize(
    ("code", "reason"),
    [(1000, ""), (1001, "away"), (4999, "Zoë")],
)
def test_application_sees_the_code_of_the_peer(asgi: ServerProcess, code: int, reason: str) -> None:
    with asgi.connect() as client:
        upgrade(client)
        client.sendall(close_frame(code, reason.encode()))
        assert read_close(client)[0] == code
        assert is_closed(client)
    wait_for_ending(asgi, [code, reason])


def test_application_sees_1005_when_the_peer_gives_no_code(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        upgrade(client)
        client.sendall(frame(CLOSE))
        assert read_frame(client) == (CLOSE, b"")
    wait_for_ending(asgi, [1005, ""])


def test_application_sees_1006_when_the_peer_is_gone(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        upgrade(client)
    wait_for_ending(asgi, [1006, ""])


def test_send_to_a_client_that_left_raises_an_os_error(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        upgrade(client, b"/send-late")
        client.sendall(close_frame(1000))
    wait_for_ending(asgi, ["ClientDisconnected", "websocket.disconnect"])


def test_events_out_of_order_raise(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        upgrade(client, b"/wrong-order")
        early, twice, code, empty = json.loads(read_frame(client)[1])
        assert early == (
            "Expected ASGI message 'websocket.accept', 'websocket.close' "
            "or 'websocket.http.response.start' but got 'websocket.send'."
        )
        assert twice == "Expected ASGI message 'websocket.send' or 'websocket.close', but got 'websocket.accept'."
        assert "1006" in code
        assert "neither 'bytes' nor 'text'" in empty


def test_exception_before_accept_is_500_and_says_nothing(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        client.sendall(handshake(b"/fail-before"))
        answer = read_answer(client)
        assert (answer.status, answer.body) == (500, b"Internal Server Error")
    asgi.wait_for_log("ValueError: secret")


def test_exception_after_accept_is_1011_and_says_nothing(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        upgrade(client, b"/fail-after")
        assert read_close(client) == (1011, b"")


def test_application_that_returns_before_accept_is_500(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        client.sendall(handshake(b"/return-before"))
        assert read_answer(client).status == 500
    asgi.wait_for_log("returned without completing handshake")


def test_application_that_returns_after_accept_closes_with_1000(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        upgrade(client, b"/return-after")
        assert read_close(client) == (1000, b"")


def test_client_that_leaves_before_the_answer_is_a_disconnect(asgi: ServerProcess) -> None:
    with asgi.connect() as client:
        client.sendall(handshake(b"/never-answer"))
    wait_for_ending(asgi, ["websocket.disconnect", 1006])


def test_two_connections_share_no_state(asgi: ServerProcess) -> None:
    with asgi.connect() as first, asgi.connect() as second:
        upgrade(first)
        upgrade(second)
        first.sendall(frame(TEXT, b"first"))
        second.sendall(frame(TEXT, b"second"))
        assert (read_frame(second), read_frame(first)) == ((TEXT, b"second"), (TEXT, b"first"))


@pytest.mark.parametrize(
    ("option", "value", "sent", "code"),
    [("ws_max_size", 10, frame(TEXT, b"x" * 11), 1009)],
)
def test_options_of_uvicorn_are_limits(
    tmp_path_factory: pytest.TempPathFactory, option: str, value: int, sent: bytes, code: int
) -> None:
    folder = tmp_path_factory.mktemp("options")
    options: dict[str, Any] = {"ws": OURS["ws"], option: value}
    with serving(folder, "tests.server.apps:bare", UVICORN, **options) as process, process.connect() as client:
        upgrade(client)
        client.sendall(sent)
        assert read_close(client)[0] == code


def test_ping_options_of_uvicorn_are_limits(tmp_path_factory: pytest.TempPathFactory) -> None:
    options: dict[str, Any] = {"ws": OURS["ws"], "ws_ping_interval": 0.1, "ws_ping_timeout": 0.2}
    folder = tmp_path_factory.mktemp("pings")
    with serving(folder, "tests.server.apps:bare", UVICORN, **options) as process, process.connect() as client:
        upgrade(client)
        assert read_frame(client)[0] == PING
        assert read_close(client) == (1011, b"keepalive ping timeout")
        assert is_closed(client)
        wait_for_ending(process, [1006, ""])


def test_compression_of_uvicorn_is_negotiated(tmp_path_factory: pytest.TempPathFactory) -> None:
    offer = b"Sec-WebSocket-Extensions: permessage-deflate"
    for enabled in (True, False):
        options: dict[str, Any] = {"ws": OURS["ws"], "ws_per_message_deflate": enabled}
        folder = tmp_path_factory.mktemp("deflate")
        with serving(folder, "tests.server.apps:bare", UVICORN, **options) as process, process.connect() as client:
            answer = upgrade(client, b"/echo", offer)
            assert (b"sec-websocket-extensions" in answer.headers) is enabled


@pytest.mark.parametrize(
    ("ws", "ours"),
    [
        ("auto", True),
        ("apistar.server:WebSocketProtocol", True),
        ("wsproto", False),
        ("websockets", False),
        ("websockets-sansio", False),
        ("none", None),
    ],
)
def test_our_http_class_gives_upgrades_to_the_websocket_class_that_uvicorn_was_given(
    tmp_path: Path, ws: str, ours: bool | None
) -> None:
    options = {"http": "apistar.server:HTTPProtocol", "ws": ws}
    with serving(tmp_path, "tests.server.apps:bare", UVICORN, **options) as process, process.connect() as client:
        if ours is None:
            client.sendall(handshake(b"/echo"))
            assert read_answer(client).status != 101
            return
        upgrade(client, b"/scope-of?a=1")
        opcode, text = read_frame(client)
        seen = json.loads(text)
        assert (opcode, seen["query_string"]) == (TEXT, "a=1")
        assert (NATIVE_EXTENSION in seen["extensions"]) is ours
        client.sendall(close_frame(1000))
        assert read_close(client)[0] == 1000
        assert is_closed(client)
    assert "Traceback" not in process.log


def test_websocket_class_of_uvicorn_gets_no_handshake_that_is_none(tmp_path: Path) -> None:
    options = {"http": "apistar.server:HTTPProtocol", "ws": "wsproto"}
    with serving(tmp_path, "tests.server.apps:bare", UVICORN, **options) as process, process.connect() as client:
        client.sendall(handshake(b"/echo", b"Host: b"))
        assert read_answer(client).status == 400
        assert is_closed(client)
