"""`apistar run`: what a person reads when it starts, fails to start, and ends."""

from __future__ import annotations

import inspect
import re
import signal
import socket
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from websockets.sync.client import connect

from apistar.cli import main
from apistar.cli.run import run as run_command
from apistar.server import run
from tests.cli.commands import INTERRUPTS, WAIT_S, running, serving

pytestmark = [pytest.mark.integration]

CHAT = """
from apistar import ASyncApp, Route, WebSocket

async def echo(ws: WebSocket):
    await ws.connect()
    async for message in ws:
        await ws.send(message)

def hello() -> str:
    return "hello"

app = ASyncApp([Route("/", handler=hello), Route("/echo", handler=echo)])

def make():
    return app
"""
STARLETTE = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

async def root(request):
    return PlainTextResponse(request.scope["root_path"])

app = Starlette(routes=[Route("/", root)])
"""
FAILS_ON_START = """
import contextlib
from apistar import ASyncApp

@contextlib.asynccontextmanager
async def lifespan(app):
    raise RuntimeError("no database")
    yield

app = ASyncApp(lifespan=lifespan)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "chat.py").write_text(CHAT)
    return tmp_path


# Starting and ending


@pytest.mark.parametrize("number", INTERRUPTS)
def test_run_says_where_it_is_and_ends_with_0(folder: Path, number: signal.Signals) -> None:
    with serving("chat:app", folder=folder) as (command, address):
        assert re.search(r"API Star is at http://127\.0\.0\.1:\d+/ \(ctrl-c stops it\)\n", command.output)
        assert httpx.get(f"http://{address}/", timeout=WAIT_S).text == "hello"
        with connect(f"ws://{address}/echo") as client:
            client.send("ping")
            assert client.recv(timeout=30) == "ping"
            assert command.end(number) == 0
    assert "Traceback" not in command.output


def test_run_says_its_address_once_for_all_workers(folder: Path) -> None:
    with serving("chat:app", "--workers", "2", folder=folder) as (command, address):
        assert httpx.get(f"http://{address}/", timeout=WAIT_S).text == "hello"
        assert command.end(signal.SIGTERM) == 0
    assert command.output.count("API Star is at") == 1
    assert "Traceback" not in command.output


def test_run_serves_any_asgi_application(folder: Path) -> None:
    (folder / "other.py").write_text(STARLETTE)
    with serving("other:app", "--root-path", "/mounted", folder=folder) as (_, address):
        assert httpx.get(f"http://{address}/", timeout=WAIT_S).text == "/mounted"


def test_run_calls_a_factory(folder: Path) -> None:
    with serving("chat:make", "--factory", folder=folder) as (_, address):
        assert httpx.get(f"http://{address}/", timeout=WAIT_S).text == "hello"


def test_run_imports_from_another_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with serving("chat:app", "--app-dir", str(folder), folder=elsewhere) as (_, address):
        assert httpx.get(f"http://{address}/", timeout=WAIT_S).text == "hello"


def test_run_listens_on_a_unix_socket(folder: Path) -> None:
    path = folder / "api.sock"
    with running("run", "chat:app", "--uds", str(path), folder=folder) as command:
        command.wait_for(re.escape(f"API Star is at unix:{path} (ctrl-c stops it)"))
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
            assert client.get("http://localhost/").text == "hello"
        assert command.end(signal.SIGTERM) == 0
    assert not path.exists()


def test_run_listens_on_a_socket_that_is_open_already(folder: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        with running("run", "chat:app", "--fd", str(listener.fileno()), folder=folder, fds=(listener.fileno(),)) as own:
            own.wait_for(f"API Star is at http://127.0.0.1:{port}/")
            assert httpx.get(f"http://127.0.0.1:{port}/", timeout=WAIT_S).text == "hello"


def test_run_names_an_address_to_click_when_it_listens_everywhere(folder: Path) -> None:
    with serving("chat:app", "--host", "0.0.0.0", folder=folder) as (command, _):
        command.wait_for(r"http://127\.0\.0\.1:\d+/ and every other address of this machine \(ctrl-c stops it\)")


def test_reload_tells_what_is_wrong_and_goes_on_when_it_is_mended(folder: Path) -> None:
    module = folder / "chat.py"
    module.write_text("1 / 0\n")
    with running("run", "chat:app", "--port", "0", "--reload", folder=folder) as command:
        command.wait_for("chat raised ZeroDivisionError while it was imported")
        assert "importlib" not in command.output
        for _ in range(15):  # a change before the watcher watches is not seen
            module.write_text(CHAT)
            if command.printed("API Star is at", within_s=4):
                break
        address = command.wait_for(r"API Star is at http://([\d.:]+)/")[1]
        assert httpx.get(f"http://{address}/", timeout=WAIT_S).text == "hello"
        assert command.end(signal.SIGTERM) == 0


def test_every_parameter_of_the_function_is_an_option() -> None:
    options = {parameter.name for parameter in run_command.params}
    assert options - {"env_file"} == set(inspect.signature(run).parameters) - {"limits"}


# Not starting


def test_application_whose_start_fails_ends_with_3(folder: Path) -> None:
    (folder / "bad.py").write_text(FAILS_ON_START)
    with running("run", "bad:app", "--port", "0", folder=folder) as command:
        assert command.end() == 3
    assert "RuntimeError: no database" in command.output
    assert "API Star is at" not in command.output


def test_port_in_use_ends_with_1(folder: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with running("run", "chat:app", "--port", str(port), folder=folder) as command:
            assert command.end() == 1
    assert command.output == (
        f"Error: port {port} of 127.0.0.1 is in use by another process; "
        "stop it, or choose another port (0 takes a free one)\n"
    )


def test_exception_of_the_module_shows_its_own_frames_only(folder: Path) -> None:
    (folder / "bad.py").write_text("1 / 0\n")
    with running("run", "bad:app", "--port", "0", "--workers", "2", folder=folder) as command:
        assert command.end() == 1
    where = (folder / "bad.py").resolve()
    lines = [line for line in command.output.splitlines() if set(line) - set(" ~^")]  # markers vary with Python
    assert lines == [
        "Traceback (most recent call last):",
        f'  File "{where}", line 1, in <module>',
        "    1 / 0",
        "ZeroDivisionError: division by zero",
        "Error: bad raised ZeroDivisionError while it was imported",
    ]


def test_env_file_is_set_before_the_module_is_imported(folder: Path) -> None:
    pytest.importorskip("dotenv", reason="needs python-dotenv: pip install 'apistar[env]'")
    (folder / "settings.env").write_text("GREETING='good day'\n")
    (folder / "greets.py").write_text(CHAT.replace('"hello"', '__import__("os").environ["GREETING"]'))
    with serving("greets:app", "--env-file", "settings.env", folder=folder) as (_, address):
        assert httpx.get(f"http://{address}/", timeout=WAIT_S).text == "good day"


def test_env_file_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dotenv", reason="needs python-dotenv: pip install 'apistar[env]'")
    result = CliRunner().invoke(main, ["run", "x:app", "--env-file", "absent.env"])
    assert result.stderr == "Error: absent.env cannot be read: No such file or directory\n"
    monkeypatch.setitem(sys.modules, "dotenv", None)
    result = CliRunner().invoke(main, ["run", "x:app", "--env-file", "absent.env"])
    assert result.stderr == "Error: --env-file needs python-dotenv: pip install 'apistar[env]'\n"


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["absent_module:app"], 1, "Error: no module is named 'absent_module' in "),
        (["./chat.py:app"], 1, "Error: './chat.py' is the path of a file, where a module is asked for"),
        (["x:app", "--ssl-certfile", "absent.pem"], 1, "Error: the certificate absent.pem cannot be read"),
        (["x:app", "--fd", "0", "--uds", "y"], 1, "Error: fd and uds exclude each other"),
        (["x:app", "--reload", "--workers", "2"], 1, "Error: reload and workers exclude each other"),
        (["x:app", "--drain", "-1"], 2, "Error: Invalid value for '--drain': -1.0 is not in the range x>=0."),
        (["x:app", "--log-level", "loud"], 2, "Error: Invalid value for '--log-level': 'loud' is not one of"),
        ([], 2, "Error: Missing argument 'MODULE:APP'."),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(arguments: list[str], status: int, sentence: str) -> None:
    result = CliRunner().invoke(main, ["run", "--port", "0", *arguments])
    assert result.exit_code == status
    assert sentence in result.output
    assert "Traceback" not in result.output
