"""
What is measured: each work's name, what one operation is, and the load generator's options for it.

The small messages of `echo-text` and `typed` are the same bytes, so their difference is the price of typing.
"""

from dataclasses import dataclass
from typing import Final

MESSAGE: Final = '{"room":"lobby","text":"hello, world","number":42}'
ORDER_PATH: Final = "/orders/42?page=3"
ORDER_USER: Final = "ada"


@dataclass(frozen=True, slots=True)
class Work:
    """One line of the table of works."""

    name: str
    title: str
    operation: str
    options: tuple[str, ...]
    memory: bool = False
    http: bool = False
    typed: bool = False
    channel: bool = False


def _echo(path: str, sockets: int, *more: str) -> tuple[str, ...]:
    return ("--mode", "echo", "--path", path, "--sockets", str(sockets), *more)


def _channel(path: str, *more: str) -> tuple[str, ...]:
    return ("--mode", "fan", "--path", path, "--sockets", "500", *more)


WORKS: Final = {
    work.name: work
    for work in (
        Work("echo", "echo, 64 bytes, 32 sockets", "message", _echo("/echo", 32)),
        Work("echo-text", "echo, text, 32 sockets", "message", _echo("/echo-text", 32, "--text", "--payload", MESSAGE)),
        Work(
            "typed",
            "typed JSON echo, 32 sockets",
            "message",
            _echo("/typed", 32, "--text", "--payload", MESSAGE),
            typed=True,
        ),
        Work("paced", "echo, 5,000 a second in all", "message", _echo("/echo", 32, "--rate", "5000")),
        Work("fan", "one message to 500 sockets", "delivery", ("--mode", "fan", "--path", "/fan", "--sockets", "500")),
        Work("channel", "one publication to 500 sockets", "delivery", _channel("/channel"), channel=True),
        Work(
            "channel-history",
            "the same with history and positions",
            "delivery",
            _channel("/channel-history"),
            channel=True,
        ),
        Work(
            "channel-burst",
            "bursts of 10 publications to 500 sockets",
            "delivery",
            _channel("/channel", "--depth", "10"),
            channel=True,
        ),
        Work(
            "churn",
            "connect, one echo, closing handshake",
            "cycle",
            ("--mode", "churn", "--path", "/echo", "--sockets", "16"),
        ),
        Work(
            "churn-reset",
            "connect, one echo, TCP reset",
            "cycle",
            ("--mode", "churn", "--close", "reset", "--path", "/echo", "--sockets", "16"),
        ),
        Work("large-binary", "echo, 1 MiB binary, 4 sockets", "message", _echo("/echo", 4, "--size", "1048576")),
        Work(
            "large-text", "echo, 64 KiB text, 4 sockets", "message", _echo("/echo-text", 4, "--text", "--size", "65536")
        ),
        Work(
            "http", "HTTP JSON route", "request", ("--path", ORDER_PATH, "--header", f"X-User: {ORDER_USER}"), http=True
        ),
        Work("memory", "idle connection", "connection", ("--mode", "hold", "--path", "/echo"), memory=True),
        Work(
            "memory-used",
            "idle connection after one echo",
            "connection",
            ("--mode", "hold", "--path", "/echo", "--touch"),
            memory=True,
        ),
    )
}
