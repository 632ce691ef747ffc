"""`apistar ws`: as a script uses it, and in a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from apistar.cli import main
from tests.cli.commands import peak_bytes

pytestmark = [pytest.mark.integration]

WAIT_S: Final = 60.0
MIB: Final = 1 << 20
TIME: Final = re.compile(r"^\d\d:\d\d:\d\d\.\d\d\d ", re.MULTILINE)


@contextmanager
def server(
    handler: Callable[[ServerConnection], None],
    process_request: Callable[[ServerConnection, Request], Response | None] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """Somebody else's server on a free port, for as long as the block lasts; its address."""
    with serve(
        handler,
        "127.0.0.1",
        0,
        subprotocols=None,
        process_request=process_request,
        ssl=tls,
        select_subprotocol=lambda connection, offered: offered[-1] if offered else None,
    ) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"{'ws' if tls is None else 'wss'}://127.0.0.1:{running.socket.getsockname()[1]}/"
        finally:
            running.shutdown()
            thread.join()


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


@dataclass(frozen=True, slots=True)
class Told:
    """What a command that ended has said; times are taken out of `output`."""

    status: int
    output: str
    notes: str


def talk(url: str, *options: str, typed: str | bytes = "") -> Told:
    """Run the command with piped input to its end."""
    ran = subprocess.run(
        [sys.executable, "-m", "apistar", "ws", url, *options],
        input=typed.encode() if isinstance(typed, str) else typed,
        capture_output=True,
        timeout=WAIT_S,
        env={**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    return Told(ran.returncode, TIME.sub("", ran.stdout.decode()), ran.stderr.decode())


# From a script


def test_lines_are_sent_and_answers_are_printed_with_their_kind() -> None:
    with server(echo) as url:
        told = talk(url, typed='hello\n{"a": [1, 2]}\n/json  {"b" : 1}\n/binary 00 ff 41\n//slash\n')
    assert told.output == (
        "◂ text    hello\n"
        '◂ json    {"a":[1,2]}\n'
        '◂ json    {"b":1}\n'
        "◂ binary  3 bytes\n"
        f"{'':23}00000000  00 ff 41{'':42}|..A|\n"
        "◂ text    /slash\n"
    )
    assert told.notes == f"connected to {url}\nclosed by this client with 1000 (normal closure)\n"
    assert told.status == 0


def test_plain_prints_payloads_to_the_letter() -> None:
    with server(echo) as url:
        told = talk(url, "--plain", typed="\x1b[31mred\n/binary 68 69\n")
    assert told.output == "\x1b[31mred\nhi\n"


def test_control_characters_of_the_peer_are_escaped() -> None:
    with server(echo) as url:
        told = talk(url, typed="\x1b]0;title\x07 \u202eback \x9b2J\n")
    assert told.output == "◂ text    \\x1b]0;title\\x07 \\u202eback \\x9b2J\n"


def test_reason_and_refusal_are_escaped_too() -> None:
    def close(connection: ServerConnection) -> None:
        connection.close(4000, "\x1b[2J")

    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(HTTPStatus.FORBIDDEN, "go \x1b[2J away\n")

    with server(close) as url:
        assert talk(url, "--wait", "inf").notes.endswith(
            "closed by the server with 4000 (the application's own): \\x1b[2J\n"
        )
    with server(echo, refuse) as url:
        assert "  go \\x1b[2J away\n" in talk(url).notes


def test_file_is_sent_as_bytes_or_as_text(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("two\nlines")
    with server(echo) as url:
        told = talk(url, typed=f"/file {tmp_path}/words.txt\n/textfile {tmp_path}/words.txt\n")
    assert "◂ binary  9 bytes\n" in told.output
    assert told.output.endswith(f"◂ text    two\n{'':23}lines\n")


def test_ping_shows_its_round_trip() -> None:
    with server(echo) as url:
        told = talk(url, typed="/ping are you there\n")
    assert re.fullmatch(r"▸ ping    are you there\n◂ pong    \d+\.\d ms\n", told.output)


@pytest.mark.parametrize(
    ("code", "reason", "status", "sentence"),
    [
        (1000, "", 0, "closed by the server with 1000 (normal closure)"),
        (1001, "bye", 0, "closed by the server with 1001 (going away): bye"),
        (1011, "", 5, "closed by the server with 1011 (error in the server)"),
        (4404, "Not Found", 5, "closed by the server with 4404 (as HTTP 404 Not Found): Not Found"),
        (3333, "", 5, "closed by the server with 3333 (registered by a library)"),
    ],
)
def test_exit_code_tells_how_the_server_closed(code: int, reason: str, status: int, sentence: str) -> None:
    def close(connection: ServerConnection) -> None:
        connection.close(code, reason)

    with server(close) as url:
        told = talk(url, "--wait", "inf")
    assert told.notes.splitlines()[-1] == sentence, told.notes
    assert told.status == status


def test_lost_connection_is_told_and_is_5() -> None:
    def vanish(connection: ServerConnection) -> None:
        connection.socket.shutdown(socket.SHUT_RDWR)

    with server(vanish) as url:
        told = talk(url, "--wait", "inf")
    assert told.notes.splitlines()[-1] == "lost without a Close (1006, connection lost)"
    assert told.status == 5


def test_close_that_was_typed_is_0() -> None:
    with server(echo) as url:
        told = talk(url, typed="/close 4001 that is all\nnot sent any more\n")
    assert told.notes.splitlines()[-1] == "closed by this client with 4001 (the application's own): that is all"
    assert (told.status, told.output) == (0, "")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("/foo", "/foo is no command; /help lists them, and //foo… sends it as a text"),
        ("/binary 0", "not sent: /binary takes pairs of hexadecimal digits, as in /binary 00 ff 41"),
        ("/file absent", "not sent: absent cannot be read: No such file or directory"),
        ("/close 1006", "a client may close with 1000 to 1003, 1007 to 1011, and 3000 to 4999 (RFC 6455 §7.4)"),
        ("/close 4000 " + "x" * 124, "a close reason holds 123 bytes, not 124"),
        ("/ping " + "x" * 126, "a ping holds 125 bytes, not 126"),
    ],
)
def test_piped_line_that_cannot_be_sent_ends_with_1(line: str, sentence: str) -> None:
    with server(echo) as url:
        told = talk(url, typed=f"{line}\nafter\n")
    assert told.notes.splitlines()[1] == sentence
    assert (told.status, told.output) == (1, "")


def test_line_that_is_not_utf_8_is_not_sent() -> None:
    with server(echo) as url:
        told = talk(url, typed=b"\xff\n")
    assert told.notes.splitlines()[1] == "not sent: the line is not UTF-8; /file sends bytes"
    assert told.status == 1


def test_handshake_carries_what_was_asked_for() -> None:
    def tell(connection: ServerConnection) -> None:
        assert connection.request is not None
        names = ("Origin", "Cookie", "X-Token", "Sec-WebSocket-Protocol")
        connection.send("; ".join(f"{name}={connection.request.headers[name]}" for name in names))

    with server(tell) as url:
        options = ("--origin", "https://a.test", "--cookie", "a=1", "--cookie", "b=2", "-H", "X-Token: t")
        told = talk(url, *options, "-s", "one", "-s", "two", "--plain")
    assert told.output == "Origin=https://a.test; Cookie=a=1; b=2; X-Token=t; Sec-WebSocket-Protocol=one, two\n"
    assert told.notes.startswith(f"connected to {url}, subprotocol two\n")


def test_refusal_shows_status_headers_and_body_and_is_4() -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        response = connection.respond(HTTPStatus.UNAUTHORIZED, "who are you?\n")
        response.headers["WWW-Authenticate"] = "Bearer"
        return response

    with server(echo, refuse) as url:
        told = talk(url)
    lines = told.notes.splitlines()
    assert lines[0] == "refused with 401 Unauthorized"
    assert "  WWW-Authenticate: Bearer" in lines
    assert lines[-2:] == ["", "  who are you?"]
    assert told.status == 4


def test_long_messages_are_folded_unless_asked_for() -> None:
    with server(echo) as url:
        told = talk(url, typed="x" * 9000 + "\n/binary " + "00" * 600 + "\n/json " + str([list(range(99))]) + "\n")
        full = talk(url, "--full", typed="x" * 9000 + "\n")
    assert "… 1,000 more characters; --full shows all\n" in told.output
    assert "… 88 more bytes; --full shows all\n" in told.output
    assert "… 63 more lines; --full shows all\n" in told.output
    assert full.output == "◂ text    " + "x" * 9000 + "\n"


# Not connecting


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["ws://nobody.invalid/"], 1, "Error: no host is known as nobody.invalid\n"),
        (["ftp://127.0.0.1/"], 1, "Error: ftp://127.0.0.1/ is no address of a WebSocket: "),
        (
            ["ws://[::1"],
            1,
            "Error: ws://[::1 is no address of a WebSocket: Invalid IPv6 URL; write ws://HOST:PORT/PATH",
        ),
        (["ws://a:99999/"], 1, "Error: ws://a:99999/ is no address of a WebSocket: Port out of range 0-65535; "),
        (["ws://a..b/"], 1, "Error: ws://a..b/ is no address of a WebSocket: "),
        (["ws://a/\x1b[2J"], 1, "Error: ws://a/\\x1b[2J is no address of a WebSocket: it has control characters; "),
        (["/x", "-s", "a b"], 2, "Error: --subprotocol 'a b' is none; letters, digits and "),
        (["/x", "--origin", "a\r\nB: c"], 2, "is none; write scheme://host:port\n"),
        (["/x", "--timeout", "-1"], 2, "-1.0 is not in the range"),
        (["/x", "-H", "nonsense"], 2, "Error: --header 'nonsense' is no header; write 'Name: value'\n"),
        (["/x", "-H", "A: b\r\nC: d"], 2, "is no header; write 'Name: value'\n"),
        (["/x", "--cookie", "nonsense"], 2, "Error: --cookie 'nonsense' is no cookie; write name=value\n"),
    ],
)
def test_what_cannot_be_connected_is_told_in_a_sentence(arguments: list[str], status: int, sentence: str) -> None:
    result = CliRunner().invoke(main, ["ws", *arguments])
    assert result.exit_code == status
    assert sentence in result.stderr


def test_port_where_nothing_listens_says_so() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    result = CliRunner().invoke(main, ["ws", f":{port}/chat"])
    assert result.stderr == (
        f"Error: nothing listens at 127.0.0.1:{port}; is the server running, and is this its port?\n"
    )


def test_tls_where_there_is_none_says_so() -> None:
    with server(echo) as url:
        result = CliRunner().invoke(main, ["ws", url.replace("ws://", "wss://")])
    assert re.search(
        r"^Error: 127\.0\.0\.1:\d+ does not speak TLS here \(.+\); if it speaks none, write ws://\n", result.stderr
    )


def test_silence_is_given_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        told = talk(f":{port}/", "--timeout", "0.2")
    assert told.notes == f"Error: no answer from 127.0.0.1:{port} within 0.2 s; --timeout gives it longer\n"
    assert told.status == 1


@pytest.mark.requires("openssl")
def test_certificate_that_nobody_signed_is_refused_unless_asked_for(tmp_path: Path) -> None:
    for command in (
        "ecparam -name prime256v1 -genkey -noout -out key.pem",
        "req -x509 -new -key key.pem -out cert.pem -subj /CN=localhost",
    ):
        subprocess.run(["openssl", *command.split()], cwd=tmp_path, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with server(echo, tls=tls) as url:
        refused = talk(url)
        insecure = talk(url, "--insecure", "--plain", typed="hello\n")
    assert re.fullmatch(
        r"Error: the certificate of 127\.0\.0\.1:\d+ is not to be trusted: self.signed certificate; "
        r"--insecure takes any\n",
        refused.notes,
    )
    assert (refused.status, insecure.status, insecure.output) == (1, 0, "hello\n")


# In a terminal


class Terminal:
    """The command in a pseudo-terminal; `screen` is everything that it wrote."""

    def __init__(self, url: str) -> None:
        self.screen = ""
        self._child, self._terminal = pty.fork()
        if self._child == 0:
            os.environ.update(TERM="xterm", COLUMNS="80", LINES="24", PROMPT_TOOLKIT_NO_CPR="1")
            os.execv(sys.executable, [sys.executable, "-m", "apistar", "ws", url])

    def wait_for(self, pattern: str, since: int = 0) -> int:
        """Wait until a pattern was written; where it ends."""
        deadline = time.monotonic() + WAIT_S
        while (found := re.search(pattern, self.text[since:])) is None:
            assert time.monotonic() < deadline, f"waited {WAIT_S} s for {pattern!r}:\n{self.text}"
            if select.select([self._terminal], [], [], 0.1)[0]:
                try:
                    self.screen += os.read(self._terminal, 65536).decode(errors="replace")
                except OSError:
                    assert re.search(pattern, self.text[since:]), f"it ended without {pattern!r}:\n{self.text}"
        return since + found.end()

    @property
    def text(self) -> str:
        """Without the sequences that move the cursor and colour."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.screen)

    def read(self, least_bytes: int) -> bytes:
        """What it writes next, until there is so much of it, or it has ended."""
        written = bytearray()
        with contextlib.suppress(OSError):
            while len(written) < least_bytes:
                written += os.read(self._terminal, 4096)
        return bytes(written)

    def peak_bytes(self) -> int:
        """The most memory that it had so far."""
        return peak_bytes(self._child)

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def end(self) -> int:
        status = os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])
        os.close(self._terminal)
        return status


def test_typed_line_survives_what_comes_meanwhile() -> None:
    typed, got = threading.Event(), []

    def interrupt(connection: ServerConnection) -> None:
        typed.wait(WAIT_S)
        connection.send("an interruption")
        got.append(connection.recv(WAIT_S))
        connection.close(1000, "thank you")

    with server(interrupt) as url:
        terminal = Terminal(url)
        seen = terminal.wait_for("/help lists commands, ctrl-d ends")
        terminal.type("half a ")
        seen = terminal.wait_for("half a ", seen)
        typed.set()
        seen = terminal.wait_for("◂ text    an interruption", seen)
        seen = terminal.wait_for("▸ half a", seen)  # drawn again, below
        terminal.type("line\r")
        seen = terminal.wait_for("▸ text    half a line", seen)
        terminal.wait_for(r"closed by the server with 1000 \(normal closure\): thank you", seen)
        assert terminal.end() == 0
    assert got == ["half a line"]


@pytest.mark.parametrize("key", ["\x04", "\x03"])
def test_ctrl_d_and_ctrl_c_close_normally(key: str) -> None:
    with server(echo) as url:
        terminal = Terminal(url)
        seen = terminal.wait_for("ctrl-d ends")
        terminal.wait_for("▸", seen)
        terminal.type(key)
        terminal.wait_for(r"closed by this client with 1000 \(normal closure\)", seen)
        assert terminal.end() == 0


def test_mistyped_command_is_told_and_the_connection_goes_on() -> None:
    with server(echo) as url:
        terminal = Terminal(url)
        seen = terminal.wait_for("ctrl-d ends")
        terminal.type("/helo\r")
        seen = terminal.wait_for("/helo is no command; /help lists them", seen)
        terminal.type("hello\r")
        seen = terminal.wait_for(r"◂ text    hello\s+▸", seen)
        terminal.type("\x04")
        terminal.wait_for("closed by this client", seen)
        assert terminal.end() == 0


def test_flood_waits_until_the_terminal_has_shown_it() -> None:
    ended = threading.Event()

    def flood(connection: ServerConnection) -> None:
        connection.recv(WAIT_S)
        with contextlib.suppress(ConnectionClosed, OSError):
            while not ended.is_set():
                connection.send(os.urandom(500).hex())

    with server(flood) as url:
        terminal = Terminal(url)
        seen = terminal.wait_for("ctrl-d ends")
        terminal.type("begin\r")
        terminal.wait_for(r"◂ text    \w{1000}\s", seen)
        before = terminal.peak_bytes()
        shown = terminal.read(8 * MIB)
        grown = terminal.peak_bytes() - before
        ended.set()
        terminal.read(sys.maxsize)
        terminal.end()
    assert shown.count(b"text") > 5000
    assert grown < 5 * MIB, f"{grown / MIB:.1f} MiB"
