"""
Who is measured: each server's name, what it is called in a table, and how it is started.

Equal treatment: every Python server runs on uvloop, without an access log, with its defaults otherwise. On "bare"
uvicorn it runs as `pip install uvicorn` leaves it, on asyncio's own loop and h11: uvicorn's defaults, and what those
get who do not ask for `uvicorn[standard]`. API Star always brings uvloop and httptools. Both are shown, since they
differ by up to a factor of two.
"""

import sys
from dataclasses import dataclass
from typing import Final

from benchmarks.programs import program


@dataclass(frozen=True, slots=True)
class Server:
    """One line of the roster; `command` may contain `{port}`."""

    name: str
    title: str
    command: tuple[str, ...]
    packages: tuple[str, ...]
    http: bool = True
    typed: bool = True
    channels: bool = False
    works: tuple[str, ...] = ()  # all, where nothing is said

    def argv(self) -> list[str]:
        """Give the words of the command line, with the C program compiled if it is one."""
        head, *rest = self.command
        return [program(head), *rest] if head == "wsecho" else [sys.executable, "-m", head, *rest]


def _bare(name: str, title: str, file: str, *options: str, channels: bool = False) -> Server:
    command = _uvicorn(file, *BARE, *options)
    return Server(name, title, command, (file, "uvicorn", "h11"), channels=channels, works=BARE_WORKS)


def _uvicorn(file: str, *options: str) -> tuple[str, ...]:
    quiet = ("--log-level", "warning", "--no-access-log")
    return ("uvicorn", f"benchmarks.servers.{file}:app", "--port", "{port}", *quiet, *options)


BARE: Final = ("--loop", "asyncio", "--http", "h11")
BARE_WORKS: Final = ("echo", "typed", "fan", "channel", "churn", "churn-reset")
OURS: Final = ("--ws", "apistar.server:WebSocketProtocol")
RUN: Final = ("apistar", "run", "benchmarks.servers.apistar:app", "--port", "{port}", "--log-level", "warning")

SERVERS: Final = {
    server.name: server
    for server in (
        Server("apistar", "API Star", RUN, ("apistar", "uvicorn", "picows"), channels=True),
        Server(
            "apistar-uvicorn", "API Star on plain uvicorn", _uvicorn("apistar"), ("apistar", "uvicorn", "websockets")
        ),
        Server("starlette", "Starlette", _uvicorn("starlette"), ("starlette", "uvicorn", "websockets"), channels=True),
        Server("starlette-ours", "Starlette on our protocol", _uvicorn("starlette", *OURS), ("starlette", "picows")),
        Server("fastapi", "FastAPI", _uvicorn("fastapi"), ("fastapi", "pydantic", "uvicorn")),
        Server("litestar", "Litestar", _uvicorn("litestar"), ("litestar", "msgspec", "uvicorn"), channels=True),
        Server("asgi", "bare ASGI callable", _uvicorn("asgi"), ("uvicorn", "websockets")),
        Server("asgi-ours", "bare ASGI on our protocol", _uvicorn("asgi", *OURS), ("uvicorn", "picows")),
        Server("aiohttp", "aiohttp", ("benchmarks.servers.aiohttp", "{port}"), ("aiohttp", "uvloop")),
        Server("websockets", "websockets", ("benchmarks.servers.websockets", "{port}"), ("websockets",), http=False),
        Server("picows", "picows alone", ("benchmarks.servers.picows", "{port}"), ("picows", "uvloop"), http=False),
        _bare("starlette-bare", "Starlette, bare uvicorn", "starlette", channels=True),
        _bare("starlette-bare-ours", "Starlette on our protocol, bare uvicorn", "starlette", *OURS),
        _bare("fastapi-bare", "FastAPI, bare uvicorn", "fastapi"),
        _bare("litestar-bare", "Litestar, bare uvicorn", "litestar", channels=True),
        Server("c", "minimal C server", ("wsecho", "{port}"), (), http=False, typed=False, channels=True),
    )
}
