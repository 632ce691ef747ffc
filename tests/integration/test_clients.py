"""
Other people's clients on other people's servers, and on ours: one process of each server, many clients.

What a server cannot do stands in TRAITS; everything else holds on all of them.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import httpx
import pytest
from selenium import webdriver
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.integration.servers import COMMANDS, Server, running
from tests.integration.serving import chromium
from tests.requirements import NODE_FOLDER
from tests.server.processes import wait_for

pytestmark = [pytest.mark.integration]

WAIT_S: Final = 30.0
OTHER: Final = Subprotocol("other")
CLOSE_WITHOUT_CODE: Final = b"\x88\x80\0\0\0\0"


@dataclass(frozen=True)
class Traits:
    """
    What a server tells an application, and a client.

    Attributes:
        headers: Whether headers that come with the acceptance are sent.
        code, reason: Whether the application learns the code and the reason of the client's Close.
        no_code: What it learns for a Close without code.
        lost: What it learns of a connection that ended without a Close.
    """

    headers: bool = True
    code: bool = True
    reason: bool = True
    no_code: int = 1005
    lost: int = 1006


TRAITS: Final = {
    "uvicorn": Traits(),
    "hypercorn": Traits(code=False, reason=False, no_code=1006),
    "granian": Traits(headers=False, reason=False, lost=1005),
    "apistar": Traits(),
}


@pytest.fixture(scope="module", params=COMMANDS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with running(request.param) as server:
        yield server


def traits(server: Server) -> Traits:
    return TRAITS[server.name]


def url(server: Server, path: str) -> str:
    return f"ws://{server.address}/ws{path}"


def noted(server: Server, name: str, count: int) -> list[list[Any]]:
    """What the handler noted under a name, as soon as it is so many lines."""
    found: list[list[Any]] = []

    def enough() -> bool:
        found[:] = httpx.get(f"http://{server.address}/noted/{name}", timeout=WAIT_S).json()
        return len(found) >= count

    wait_for(enough, f"{count} notes of {name}, there are {found}; the log:\n{server.log}")
    return found


def as_learnt(server: Server, code: int, reason: str) -> list[Any]:
    """A Close of the client as the application learns it."""
    known = traits(server)
    return [code if known.code else 1006, reason if known.reason else ""]


# HTTP


def test_http_is_served(server: Server) -> None:
    with httpx.Client(base_url=f"http://{server.address}", timeout=WAIT_S) as client:
        assert client.get("/hello?name=tom").json() == {"hello": "tom"}
        assert client.get("/hello/Zo%C3%AB").json() == {"hello": "Zoë"}
        assert client.post("/order", json={"type": "say", "text": "tea"}).json() == {"type": "say", "text": "tea"}
        assert client.head("/hello").headers["content-length"] == "15"
        assert client.options("/order").headers["allow"] == "OPTIONS, POST"
        assert client.get("/ws/echo").status_code == 426


def test_addresses_have_their_ports_as_numbers(server: Server) -> None:
    with httpx.Client(base_url=f"http://{server.address}", timeout=WAIT_S) as client:
        ends = client.get("/addresses").json()
    assert ends["server"] == ["127.0.0.1", server.port]
    assert ends["client"] == ["127.0.0.1", ends["client"][1]]
    assert type(ends["client"][1]) is int


# Python's `websockets`


def ended(client: ClientConnection) -> tuple[int, str]:
    """The code and reason of the server's Close."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            client.recv(timeout=WAIT_S)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


def test_websockets_exchanges_text_binary_and_large_messages(server: Server) -> None:
    with connect(url(server, "/echo")) as client:
        for message in ("Zoë", b"\0\xff", "", b"", "x" * 300_000, b"y" * 300_000):
            client.send(message)
            assert client.recv(timeout=WAIT_S) == message
        for number in range(200):
            client.send(str(number))
        assert [client.recv(timeout=WAIT_S) for _ in range(200)] == [str(number) for number in range(200)]
        client.send(["frag", "men", "ted"])
        assert client.recv(timeout=WAIT_S) == "fragmented"
        assert client.ping().wait(WAIT_S)


def test_websockets_exchanges_json_and_typed_messages(server: Server) -> None:
    with connect(url(server, "/json")) as client:
        client.send('{"a": [1, null]}')
        assert json.loads(client.recv(timeout=WAIT_S)) == {"got": {"a": [1, None]}}
    with connect(url(server, "/typed")) as client:
        client.send('{"type": "say", "text": "hi"}')
        assert json.loads(client.recv(timeout=WAIT_S)) == {"type": "said", "text": "hi"}


def test_websockets_agrees_on_a_subprotocol(server: Server) -> None:
    with connect(url(server, "/echo"), subprotocols=[OTHER, Subprotocol("chat.v2")]) as client:
        assert client.subprotocol == "chat.v2"
        assert client.response is not None
        assert client.response.headers.get("x-server") == ("apistar" if traits(server).headers else None)
    with connect(url(server, "/echo"), subprotocols=[OTHER]) as client:
        assert client.subprotocol is None


def test_handler_sees_the_handshake(server: Server) -> None:
    headers = {"Cookie": "a=b; c=d", "X-Token": "t"}
    with connect(url(server, "/handshake/Zo%C3%AB/3?q=%C3%A4"), additional_headers=headers) as client:
        seen = json.loads(client.recv(timeout=WAIT_S))
        host, port = seen.pop("client")
        assert (host, type(port)) == ("127.0.0.1", int)
        assert seen == {
            "room": "Zoë",
            "number": 3,
            "query": {"q": "ä"},
            "cookies": {"a": "b", "c": "d"},
            "x-token": "t",
            "origin": None,
            "offered": [],
            "denial": True,
        }


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/deny", 401, {"why": "no token"}),
        ("/forbid", 403, {"title": "Forbidden", "status": 403, "detail": "not you"}),
        ("/returns-before", 403, {"title": "Forbidden", "status": 403, "detail": "Forbidden"}),
        ("/refuses", 403, None),
        ("/blames-before", 400, {"title": "Bad Request", "status": 400, "detail": "not like this"}),
        ("/speaks-too-early", 500, None),
        ("/fails-before", 500, {"title": "Internal Server Error", "status": 500, "detail": "Internal Server Error"}),
        ("/nothing", 404, {"title": "Not Found", "status": 404, "detail": "no WebSocket is at /ws/nothing"}),
        ("/handshake/lobby/x", 404, None),
    ],
)
def test_denial_shows_status_and_body(server: Server, path: str, status: int, body: Any) -> None:
    with pytest.raises(InvalidStatus) as denied, connect(url(server, path)):
        pass
    response = denied.value.response
    assert response.status_code == status
    if body is not None:
        assert json.loads(response.body or b"") == body
    assert response.headers.get("www-authenticate") == ("Bearer" if path == "/deny" else None)


def test_browser_of_another_site_is_denied(server: Server) -> None:
    with connect(url(server, "/echo"), origin=Origin(f"http://{server.address}")):
        pass
    with pytest.raises(InvalidStatus) as denied, connect(url(server, "/echo"), origin=Origin("https://evil.test")):
        pass
    assert denied.value.response.status_code == 403


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1008, 1011, 1012, 1013, 3000, 4000, 4999])
def test_client_learns_the_servers_code_and_reason(server: Server, code: int) -> None:
    with connect(url(server, f"/close/{code}?reason=Zo%C3%AB")) as client:
        assert ended(client) == (code, "Zoë")


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [
        ("/returns", 1000, ""),
        ("/fails", 1011, ""),
        ("/forbids-after", 4403, "Forbidden"),
        ("/blames", 4001, "ü" * 61),  # 123 bytes, cut on a character boundary
    ],
)
def test_client_sees_how_the_handler_ended(server: Server, path: str, code: int, reason: str) -> None:
    with connect(url(server, path)) as client:
        assert ended(client) == (code, reason)


def test_second_task_in_receive_is_refused_and_the_first_gets_the_message(server: Server) -> None:
    with connect(url(server, "/receives-twice")) as client:
        assert client.recv(timeout=WAIT_S) == "refused"
        client.send("message")
        assert client.recv(timeout=WAIT_S) == "message"


HANDLERS = pytest.mark.parametrize("handler", ["receives", "sends", "waits"])
NAMES: Final = {"receives": "receive", "sends": "send", "waits": "wait_closed"}


@HANDLERS
@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "navigated"), (4001, "Zoë")])
def test_handler_learns_the_clients_code(server: Server, handler: str, code: int, reason: str) -> None:
    name = f"{handler}-{code}"
    with connect(url(server, f"/{handler}/{name}")) as client:
        client.close(code, reason)
    assert noted(server, name, 2) == [[NAMES[handler], *as_learnt(server, code, reason)], ["cleaned up"]]


def kill(sock: socket.socket) -> None:
    """End the connection as a killed process does: without a Close, with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.shutdown(socket.SHUT_RD)
    sock.close()


@HANDLERS
@pytest.mark.parametrize(
    ("leave", "code"),
    [
        (lambda sock: sock.sendall(CLOSE_WITHOUT_CODE), "no_code"),
        (lambda sock: sock.shutdown(socket.SHUT_WR), "lost"),
        (kill, "lost"),
    ],
    ids=["close without code", "end of file", "killed"],
)
def test_handler_learns_of_a_client_that_left_otherwise(
    server: Server, handler: str, leave: Callable[[socket.socket], None], code: str, request: pytest.FixtureRequest
) -> None:
    name = f"{handler}-{request.node.callspec.id.rpartition('-')[0].replace(' ', '-')}-left"
    sock = upgraded(server, f"/{handler}/{name}")
    try:
        leave(sock)
        assert noted(server, name, 2) == [[NAMES[handler], getattr(traits(server), code), ""], ["cleaned up"]]
    finally:
        sock.close()


def upgraded(server: Server, path: str) -> socket.socket:
    """A socket that has been upgraded, without a client behind it."""
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S)
    sock.sendall(
        f"GET /ws{path} HTTP/1.1\r\nHost: {server.address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        more = sock.recv(1024)
        assert more, head
        head += more
    assert head.startswith(b"HTTP/1.1 101"), head
    return sock


def test_work_ends_with_the_socket_and_the_handler_runs_on(server: Server) -> None:
    name = "works"
    with connect(url(server, f"/works-on/{name}")) as client:
        assert client.recv(timeout=WAIT_S) == "working"
    assert noted(server, name, 2) == [["task cancelled"], ["ran to its end"]]


# aiohttp


async def test_aiohttp_exchanges_messages_and_closes(server: Server) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(
            url(server, "/echo"), protocols=["chat.v1"], origin=f"http://{server.address}", headers={"Cookie": "a=b"}
        ) as ws:
            assert ws.protocol == "chat.v1"
            await ws.send_str("Zoë")
            await ws.send_bytes(b"\0\xff")
            await ws.send_json({"a": 1})
            assert await ws.receive_str(timeout=WAIT_S) == "Zoë"
            assert await ws.receive_bytes(timeout=WAIT_S) == b"\0\xff"
            assert await ws.receive_json(timeout=WAIT_S) == {"a": 1}
        async with session.ws_connect(url(server, "/close/4001?reason=enough")) as ws:
            message = await ws.receive(timeout=WAIT_S)
            assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4001, "enough")
        async with session.ws_connect(url(server, "/receives/aiohttp")) as ws:
            await ws.close(code=4002, message=b"tired")
        with pytest.raises(aiohttp.WSServerHandshakeError) as denied:
            await session.ws_connect(url(server, "/deny"))
        assert denied.value.status == 401
    learnt = await asyncio.to_thread(noted, server, "aiohttp", 2)
    assert learnt == [["receive", *as_learnt(server, 4002, "tired")], ["cleaned up"]]


async def test_aiohttp_holds_a_hundred_sockets_at_once(server: Server) -> None:
    async def talk(session: aiohttp.ClientSession, number: int) -> str:
        async with session.ws_connect(url(server, "/echo")) as ws:
            await ws.send_str(str(number))
            return await ws.receive_str(timeout=WAIT_S)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        answers = await asyncio.gather(*(talk(session, number) for number in range(100)))
    assert answers == [str(number) for number in range(100)]


# npm's `ws`


@pytest.mark.requires("node-ws")
def test_node_ws_plays_every_scenario(server: Server) -> None:
    played = subprocess.run(
        ["node", "client.mjs", server.address], cwd=NODE_FOLDER, capture_output=True, text=True, timeout=150, check=True
    )
    assert json.loads(played.stdout) == {
        "messages": ["Zoë", [0, 255], 100000, "chat.v2", [1000, ""]],
        "handshake": ["lobby", 3, {"q": "1"}, {"a": "b", "c": "d"}, "t", f"http://{server.address}"],
        "json": [{"got": {"a": [1, None]}}, 1007],
        "denied": [401, "Bearer", {"why": "no token"}],
        "foreign": 403,
        "closed": [4001, "enough"],
        "closes": 4002,
        "killed": 1006,
    }
    assert noted(server, "node-closes", 2)[0] == ["receive", *as_learnt(server, 4002, "tired")]
    assert noted(server, "node-killed", 2)[0] == ["receive", traits(server).lost, ""]


# Chromium


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with chromium() as driver:
        driver.set_script_timeout(WAIT_S)
        yield driver


PLAY: Final = """
const [url, protocols, sent, done] = arguments;
const socket = new WebSocket(url, protocols);
socket.binaryType = "arraybuffer";
const got = [];
socket.onopen = () => {
  for (const message of sent) socket.send(Array.isArray(message) ? new Uint8Array(message) : message);
  if (!sent.length && url.includes("/receives/")) socket.close(4002, "tired");
};
socket.onmessage = ({ data }) => {
  got.push(typeof data === "string" ? data : [...new Uint8Array(data)]);
  if (sent.length && got.length === sent.length) socket.close();
};
socket.onclose = ({ code, reason, wasClean }) => done({ got, code, reason, wasClean, protocol: socket.protocol });
"""
"""Open, send, collect, close when everything came back; answers with how it ended."""


def play(
    driver: webdriver.Chrome, address: str, path: str, sent: list[Any] | None = None, protocols: list[str] | None = None
) -> dict[str, Any]:
    url = f"ws://{address}/ws{path}"
    played: dict[str, Any] = driver.execute_async_script(PLAY, url, protocols or [], sent or [])
    return played


@pytest.mark.requires("chromium")
def test_chromium_talks_and_sees_how_it_ended(server: Server, driver: webdriver.Chrome) -> None:
    driver.get(f"http://{server.address}/")
    driver.add_cookie({"name": "a", "value": "b"})
    assert play(driver, server.address, "/echo", ["Zoë", [0, 255]], ["chat.v2"]) == {
        "got": ["Zoë", [0, 255]], "code": 1005, "reason": "", "wasClean": True, "protocol": "chat.v2",
    }  # fmt: skip
    shown = json.loads(play(driver, server.address, "/handshake/lobby/3")["got"][0])
    assert (shown["cookies"], shown["origin"]) == ({"a": "b"}, f"http://{server.address}")
    closed = play(driver, server.address, "/close/4001?reason=enough")
    assert (closed["code"], closed["reason"]) == (4001, "enough")
    assert closed["wasClean"] or server.name == "granian"  # which may drop TCP before the client has answered the Close
    assert play(driver, server.address, "/deny")["code"] == 1006
    assert play(driver, server.address, "/receives/chromium")["code"] == 4002
    assert noted(server, "chromium", 2) == [["receive", *as_learnt(server, 4002, "tired")], ["cleaned up"]]


@pytest.mark.requires("chromium")
def test_chromium_leaves_a_page_and_the_handler_learns_it(server: Server, driver: webdriver.Chrome) -> None:
    driver.get(f"http://{server.address}/")
    driver.execute_async_script(
        "const done = arguments[1]; const socket = new WebSocket(arguments[0]); socket.onmessage = () => done();",
        url(server, "/sends/chromium-leaves"),
    )
    driver.get("about:blank")
    assert noted(server, "chromium-leaves", 2)[0] == ["send", *as_learnt(server, 1001, "")]


@pytest.mark.requires("chromium")
def test_chromium_on_another_site_may_not_open_a_socket(server: Server, driver: webdriver.Chrome) -> None:
    driver.get(f"http://localhost:{server.port}/")
    assert play(driver, server.address, "/echo", ["x"])["code"] == 1006
