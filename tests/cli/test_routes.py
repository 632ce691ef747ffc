"""`apistar routes` and `apistar schema`: what an application says of itself."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from apistar.cli import main

CHAT = """
from collections.abc import AsyncIterator

import msgspec
from apistar import ASyncApp, Component, Include, Limits, Mount, Route, WebSocket, http


class Say(msgspec.Struct, tag="say"):
    text: str


class Leave(msgspec.Struct, tag="leave"):
    pass


class Said(msgspec.Struct, tag="said"):
    by: str
    text: str


class Session: ...


class User:
    name = "Ada"


class SessionComponent(Component):
    async def resolve(self) -> AsyncIterator[Session]:
        yield Session()


class UserComponent(Component):
    def resolve(self, session: Session, token: http.QueryParam) -> User:
        return User()


async def chat(ws: WebSocket[Say | Leave, Said], room: str, user: User):
    await ws.connect()


async def history(room: str, limit: int = 10) -> list[Said]:
    return []


async def ticks(symbol: str) -> AsyncIterator[Said]:
    yield Said("", "")


def old() -> str:
    return ""


async def echo(ws: WebSocket):
    await ws.connect()


async def legacy(scope, receive, send): ...


app = ASyncApp(
    [
        Route("/chat/{room}", handler=chat),
        Route("/chat/{room}", handler=history),
        Route("/ticks/{symbol}", handler=ticks, limits=Limits(max_message_bytes=100)),
        Include("/v1", "v1", [Route("/old", "POST", old), Route("/echo", handler=echo)]),
        Mount("/legacy", legacy),
    ],
    components=[SessionComponent(), UserComponent()],
)


def wrapped():
    from starlette.middleware.gzip import GZipMiddleware

    return GZipMiddleware(app)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chat.py").write_text(CHAT)
    before, path = set(sys.modules), list(sys.path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def apistar(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == status, result.output
    return result


# routes


def line_of(name: str, also: str = "") -> int:
    """Where a function stands."""
    return next(number for number, line in enumerate(CHAT.splitlines(), 1) if f"def {name}(" in line and also in line)


def test_routes_lists_method_url_handler_name_and_kind() -> None:
    result = apistar("routes", "chat:app")
    rows = [" ".join(row.split()) for row in result.stdout.splitlines()]
    assert rows == [
        "METHOD URL HANDLER NAME KIND",
        f"WebSocket /chat/{{room}} chat (chat.py:{line_of('chat')}) chat typed: Say | Leave → Said",
        f"GET /chat/{{room}} history (chat.py:{line_of('history')}) history HTTP",
        f"WebSocket /ticks/{{symbol}} ticks (chat.py:{line_of('ticks')}) ticks generator of Said",
        f"POST /v1/old old (chat.py:{line_of('old')}) v1:old HTTP, in a thread",
        f"WebSocket /v1/echo echo (chat.py:{line_of('echo')}) v1:echo raw",
        "any /legacy/… function mounted",
    ]
    assert re.search(r"\nnot listed: \d+ of the page and the schema documents; --all lists them\n$", result.stderr)


def test_routes_says_what_it_does_not_list(tmp_path: Path) -> None:
    (tmp_path / "quiet.py").write_text(
        "from apistar import ASyncApp, Route\n"
        "def health(): ...\n"
        "app = ASyncApp([Route('/health', handler=health, documented=False)], docs_url=None, schema_url=None)\n"
    )
    result = apistar("routes", "quiet:app", "--app-dir", str(tmp_path))
    assert result.stderr.endswith("not listed: 1 with documented=False; --all lists them\n")


def test_routes_all_lists_the_documents_too() -> None:
    assert "/schema/" in apistar("routes", "chat:app", "--all").stdout


def test_routes_looks_through_middleware_and_factories() -> None:
    assert "/chat/{room}" in apistar("routes", "chat:wrapped", "--factory").stdout


def test_routes_of_a_foreign_application_says_whose_it_is(folder: Path) -> None:
    (folder / "other.py").write_text("from starlette.applications import Starlette\napp = Starlette()\n")
    assert apistar("routes", "other:app", status=1).stderr == (
        "Error: other:app is of starlette.applications.Starlette; only an ASyncApp or an App can tell its routes "
        "(`apistar run` serves any ASGI application)\n"
    )


HANDLER = f"""\
  handler
    1. WebSocket[Say | Leave, Said]
    2. path parameter room: str
    3. Session (async, cleaned up)  chat.py:{line_of("resolve")}
    4. query parameter token: str
    5. User  chat.py:{line_of("resolve", "-> User")}
    6. call chat  chat.py:{line_of("chat")}
    7. clean up Session
  messages
    client sends  Say | Leave
    server sends  Said
    codecs        json
"""


@pytest.mark.parametrize("path", ["/chat/{room}", "/chat/lobby", "/chat/lobby?token=x"])
def test_explain_shows_the_plan_of_both_routes_of_a_url(path: str) -> None:
    output = apistar("routes", "chat:app", "--explain", path).stdout
    assert f"WebSocket /chat/{{room}}  chat (chat.py:{line_of('chat')})\n" in output
    assert HANDLER in output
    assert f"GET /chat/{{room}}  history (chat.py:{line_of('history')})\n" in output
    assert "query parameter limit: int" in output
    assert ("matches with room = 'lobby'" in output) is ("lobby" in path)


def test_explain_takes_the_name_of_a_route() -> None:
    output = apistar("routes", "chat:app", "--explain", "ticks").stdout
    assert output.startswith(f"WebSocket /ticks/{{symbol}}  ticks (chat.py:{line_of('ticks')})\n")
    assert "  limits that are not the defaults\n    max_message_bytes = 100\n" in output


def test_explain_names_what_there_is_where_nothing_matches() -> None:
    assert apistar("routes", "chat:app", "--explain", "/zzz", status=1).stderr == (
        "Error: nothing is at /zzz; there are /chat/{room}, /ticks/{symbol}, /v1/old, /v1/echo\n"
    )


def test_explain_says_that_a_mounted_application_answers() -> None:
    assert apistar("routes", "chat:app", "--explain", "/legacy/x", status=1).stderr == (
        "Error: /legacy/x is answered by the application mounted at /legacy, a function\n"
    )


# schema


def test_schema_prints_either_document_in_either_format() -> None:
    assert apistar("schema", "chat:app").stdout.startswith('{\n  "openapi": "3.1')
    assert apistar("schema", "chat:app", "--openapi", "--format", "yaml").stdout.startswith("openapi: ")
    assert apistar("schema", "chat:app", "--asyncapi").stdout.startswith('{\n  "asyncapi": "3.0')


@pytest.mark.parametrize("kind", ["--openapi", "--asyncapi"])
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_check_passes_what_schema_wrote(folder: Path, kind: str, form: str) -> None:
    (folder / "written").write_text(apistar("schema", "chat:app", kind, "--format", form).stdout)
    assert apistar("schema", "chat:app", "--check", "written").output == "written is up to date\n"


def test_check_tells_what_breaks_clients(folder: Path) -> None:
    (folder / "written.json").write_text(apistar("schema", "chat:app", "--asyncapi").stdout)
    changed = CHAT.replace("Say | Leave", "Say").replace("    by: str\n", "    by: str\n    at: float\n")
    (folder / "later.py").write_text(changed)
    result = apistar("schema", "later:app", "--check", "written.json", status=1)
    assert result.stdout.splitlines() == [
        "breaking    /chat/{room}, clients send: Leave was removed",
        "compatible  Said.at: was added",
    ]
    assert result.stderr == (
        "Error: written.json is not up to date: 2 differences, 1 change breaks clients; "
        "if they are meant, write it anew with apistar schema\n"
    )


def test_check_of_what_is_no_document_says_so(folder: Path) -> None:
    (folder / "empty.json").write_text("{}")
    assert apistar("schema", "chat:app", "--check", "empty.json", status=1).stderr == (
        "Error: empty.json: the document is neither OpenAPI nor AsyncAPI: it has no `openapi` and no `asyncapi`\n"
    )
    assert apistar("schema", "chat:app", "--check", "absent.json", status=1).stderr == (
        "Error: absent.json cannot be read: No such file or directory\n"
    )
