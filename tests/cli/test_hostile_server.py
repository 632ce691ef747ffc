"""`apistar ws` and a server that means it ill: bounded, told in a sentence, with the right exit code."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import hashlib
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Final

import pytest

from apistar.cli.lines import piped_lines
from tests.cli.commands import peak_bytes

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        tuple(map(int, version("websockets").split(".")[:2])) < (17, 4),
        reason="says other sentences of a hostile server, and waits for one that sends fragments without end",
    ),
]

WAIT_S: Final = 60.0
MIB: Final = 1 << 20
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


def frame(opcode: int, payload: bytes = b"", *, final: bool = True, compressed: bool = False) -> bytes:
    """RFC 6455 §5.2, as a server sends it."""
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size) if size < 65536 else b""
    return bytes([final << 7 | compressed << 6 | opcode]) + (length or b"\x7f" + struct.pack(">Q", size)) + payload


NORMAL: Final = frame(CLOSE, struct.pack(">H", 1000))


class Talk:
    """The client that runs, and the server's end of its connection."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port
        self.requests: list[bytes] = []

    def peak_bytes(self) -> int:
        """The most memory that the client had so far."""
        return peak_bytes(self.process.pid)

    def head(self, connection: socket.socket) -> bytes:
        received = b""
        while b"\r\n\r\n" not in received and (chunk := connection.recv(65536)):
            received += chunk
        self.requests.append(received)
        return received

    def upgrade(self, connection: socket.socket, headers: bytes = b"") -> None:
        key = re.findall(rb"Sec-WebSocket-Key: (\S+)", self.head(connection))[0]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n" + headers + b"\r\n"
        )

    def wait(self, connection: socket.socket) -> None:
        """Read until the client is gone, and answer nothing."""
        while connection.recv(65536):
            pass


Serve = Callable[[Talk, socket.socket], None]


def talk(serve: Serve, *options: str, typed: str = "") -> tuple[int, str, str, Talk]:
    """Run the command against a server to its end: exit status, output, notes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", "apistar", "ws", f"ws://127.0.0.1:{port}/", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"},
        )
        told = Talk(process, port)
        faults: list[BaseException] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        serve(told, connection)
                    except OSError:
                        pass  # the client has had enough
                    except BaseException as error:
                        faults.append(error)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            output, notes = process.communicate(typed.encode(), WAIT_S)
        finally:
            process.kill()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
    assert faults == []
    assert b"Traceback" not in notes
    return process.returncode, output.decode(), notes.decode(), told


def answers(answer: bytes) -> Serve:
    def serve(told: Talk, connection: socket.socket) -> None:
        told.head(connection)
        connection.sendall(answer.replace(b"PORT", str(told.port).encode()))
        told.wait(connection)

    return serve


def sends(*frames: bytes, headers: bytes = b"") -> Serve:
    def serve(told: Talk, connection: socket.socket) -> None:
        told.upgrade(connection, headers)
        for one in frames:
            connection.sendall(one)
        told.wait(connection)

    return serve


# The handshake


def endless(begin: bytes, more: bytes) -> Serve:
    def serve(told: Talk, connection: socket.socket) -> None:
        told.head(connection)
        connection.sendall(begin)
        while True:
            connection.sendall(more)

    return serve


@pytest.mark.parametrize(
    ("begin", "more", "why"),
    [
        (b"", b"x" * 65536, "(no more than 8192 bytes|line too long)"),
        (b"HTTP/1.1 101 Go\r\nA: ", b"x" * 65536, "(no more than 8192 bytes|line too long)"),
        (b"HTTP/1.1 101 Go\r\n", b"A: b\r\n" * 1000, "(no more than 128|too many HTTP) headers"),
        (b"HTTP/1.1 403 No\r\n\r\n", b"x" * 65536, "(no more than|over) 1048576 bytes"),
    ],
    ids=["status line", "header", "headers", "body"],
)
def test_answer_without_end_is_given_up_on_at_once(begin: bytes, more: bytes, why: str) -> None:
    status, _, notes, told = talk(endless(begin, more), "--timeout", "60")
    assert status == 1
    assert re.fullmatch(rf"Error: 127.0.0.1:\d+ (answered|gave no answer of HTTP/1.1).*{why}.*\n", notes), notes
    assert len(told.requests) == 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"\x16\x03\x01\x00\n", "gave no answer of HTTP/1.1"),
        (b"HTTP/1.0 200 OK\r\n\r\n", "unsupported protocol; expected HTTP/1.1: HTTP/1.0 200 OK"),
        (b"HTTP/1.1 403 No\r\nContent-Length: -5\r\n\r\n", "invalid content length: -5"),
        (
            b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \x9b2J\r\n\r\n",
            "answered, but not as a WebSocket: invalid Sec-WebSocket-Accept header: \\x9b2J\n",
        ),
    ],
    ids=["TLS", "HTTP/1.0", "length", "accept key"],
)
def test_answer_that_is_none_is_told_in_a_sentence(answer: bytes, sentence: str) -> None:
    status, _, notes, _ = talk(answers(answer))
    assert status == 1
    assert notes.startswith("Error: 127.0.0.1:"), notes
    assert sentence in notes
    assert notes.isascii()


def test_body_of_a_refusal_is_folded_and_escaped() -> None:
    body = b"\x1b[2J\xe2\x80\xaedrow\x0b\x1cone\x85\r\n" + b"x\n" * 100
    answer = b"HTTP/1.1 403 N\x9bo\r\nX-A: \x9b\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    status, output, notes, _ = talk(answers(answer))
    lines = notes.splitlines()
    assert (status, output) == (4, "")
    assert lines[:2] == ["refused with 403 N\\x9bo", "  X-A: \\x9b"]
    assert lines[4] == "  \\x1b[2J\\u202edrow\\x0b\\x1cone\ufffd"
    assert lines[-1] == "  … 61 more lines; --full shows all"


@pytest.mark.parametrize(
    "location",
    [b"ws://localhost:PORT/", b"http://127.0.0.1:1/", b"javascript:x", b"ws://[::1", b"//\x9b/", b"a\r\nLocation: b"],
)
def test_redirect_to_elsewhere_is_shown_and_not_followed(location: bytes) -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
    status, _, notes, told = talk(answers(answer), "-H", "X-Token: secret")
    assert (status, len(told.requests)) == (4, 1)
    assert notes.startswith("refused with 302 Found\n  Location: ")
    assert notes.endswith("it sends elsewhere, and nothing was sent there; connect to that address if you trust it\n")
    assert "\x9b" not in notes


def test_redirect_within_the_server_is_followed_whatever_scheme_it_names() -> None:
    def serve(told: Talk, connection: socket.socket) -> None:
        if told.requests:
            told.upgrade(connection)
            connection.sendall(NORMAL)
        else:
            told.head(connection)
            place = b"http://127.0.0.1:%d/there" % told.port
            connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: " + place + b"\r\nContent-Length: 0\r\n\r\n")

    status, _, notes, told = talk(serve)
    assert status == 0, notes
    assert [request.split()[1] for request in told.requests] == [b"/", b"/there"]


def test_redirects_in_a_circle_are_given_up_on() -> None:
    def serve(told: Talk, connection: socket.socket) -> None:
        told.head(connection)
        connection.sendall(b"HTTP/1.1 307 Again\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")

    status, _, notes, told = talk(serve)
    assert status == 1
    assert notes.endswith("answered, but not as a WebSocket: more than 10 redirects\n")
    assert len(told.requests) == 10


# Messages


def deflated(size: int) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflate.compress(bytes(size)) + deflate.flush(zlib.Z_SYNC_FLUSH)[:-4]


@pytest.mark.parametrize(
    ("serve", "sentence"),
    [
        (sends(frame(TEXT, b"\xff")), "1007 (invalid data)"),
        (sends(frame(CLOSE, b"\x03\xe8\xff")), "1007 (invalid data)"),
        (sends(b"\xff\xff"), "1002 (protocol error)"),
        (sends(b"\x82\x7f" + struct.pack(">Q", 100 * MIB)), "1009 (message too big)"),
        (
            sends(
                frame(BINARY, deflated(65 * MIB), compressed=True),
                headers=b"Sec-WebSocket-Extensions: permessage-deflate\r\n",
            ),
            "1009 (message too big)",
        ),
        (sends(frame(TEXT, b"", final=False), frame(0, b"", final=False) * 200_000), "1009 (message too big)"),
    ],
    ids=["text", "reason", "frame", "100 MiB", "bomb", "fragments"],
)
def test_server_that_breaks_the_rules_is_told_so_and_left(serve: Serve, sentence: str) -> None:
    status, _, notes, _ = talk(serve, "--wait", "inf")
    assert status == 5
    assert f"\nclosed by this client with {sentence}" in notes


def test_reason_makes_no_line_of_its_own() -> None:
    reason = "\x1b[2J\u202e\nclosed by the server with 1000".encode()
    status, _, notes, _ = talk(sends(frame(CLOSE, struct.pack(">H", 4000) + reason)), "--wait", "inf")
    assert status == 5
    assert notes.splitlines()[1:] == [
        "closed by the server with 4000 (the application's own): \\x1b[2J\\u202e\\nclosed by the server with 1000"
    ]


def test_json_of_many_small_values_is_not_built() -> None:
    grown: list[int] = []

    def serve(told: Talk, connection: socket.socket) -> None:
        told.upgrade(connection)
        before = told.peak_bytes()
        connection.sendall(frame(TEXT, b"[" + b"[]," * (4 * MIB) + b"0]"))
        connection.sendall(frame(PING, b"read"))
        connection.recv(65536)
        grown.append(told.peak_bytes() - before)
        connection.sendall(NORMAL)
        told.wait(connection)

    status, output, _, _ = talk(serve, "--wait", "inf")
    assert status == 0
    assert "more characters; --full shows all" in output
    assert grown[0] < 120 * MIB, "a few copies of 12 MiB, and none of its four million lists"


def test_deep_json_is_shown_as_text() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    status, output, _, _ = talk(sends(frame(TEXT, deep), NORMAL), "--wait", "inf")
    assert status == 0
    assert " text    [[[[" in output


def test_pings_whose_pongs_are_never_read_cost_little() -> None:
    grown: list[int] = []

    def serve(told: Talk, connection: socket.socket) -> None:
        told.upgrade(connection)
        before = told.peak_bytes()
        pings = frame(PING, b"x" * 125) * 8192
        for _ in range(32):  # 32 MiB, were the pongs kept
            connection.sendall(pings)
        grown.append(told.peak_bytes() - before)
        connection.sendall(NORMAL)
        told.wait(connection)

    status, _, notes, _ = talk(serve, "--wait", "inf")
    assert notes.endswith("closed by the server with 1000 (normal closure)\n")
    assert status == 0
    assert grown[0] < 24 * MIB


# The end


def test_close_that_is_never_answered_is_told() -> None:
    status, _, notes, _ = talk(sends(frame(TEXT, b"on and on")), typed="/close\n")
    assert status == 0
    assert notes.endswith("closed by this client with 1000 (normal closure); the server sent no Close back\n")


def test_close_that_is_answered_with_messages_ends_all_the_same() -> None:
    messages = frame(TEXT, b"x") * 16

    def serve(told: Talk, connection: socket.socket) -> None:
        told.upgrade(connection)
        connection.recv(65536)  # the Close
        while True:
            connection.sendall(messages)

    status, _, notes, _ = talk(serve, "--plain", typed="/close\n")
    assert status == 0
    assert notes.endswith("closed by this client with 1000 (normal closure); the server sent no Close back\n")


@contextlib.contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    try:
        yield read, write
    finally:
        os.close(read)


def test_input_that_comes_when_all_is_over_is_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda fault: said.append(fault.exc_value))
    monkeypatch.setattr(threading, "excepthook", lambda fault: said.append(fault.exc_value))

    async def begin(descriptor: int) -> None:
        lines = aiter(piped_lines(descriptor))
        first = asyncio.ensure_future(anext(lines))
        await asyncio.sleep(0)  # it runs until it waits for the thread
        first.cancel()
        await asyncio.wait([first])

    with pipe() as (read, write):
        asyncio.run(begin(read))
        [thread] = [one for one in threading.enumerate() if "standard input" in one.name]
        os.write(write, b"too late\n")
        os.close(write)
        thread.join(WAIT_S)
    gc.collect()
    assert not thread.is_alive()
    assert said == []
