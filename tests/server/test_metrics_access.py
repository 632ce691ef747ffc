"""Who may read `/metrics`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from apistar.exceptions import ConfigurationError
from apistar.server import run
from apistar.server.metrics_access import MetricsAccess
from apistar.types import Scope
from tests.server.processes import ServerProcess, serving
from tests.server.wire import Answer, read_answer


def scope_of(client: str | None, *headers: bytes) -> Scope:
    return {"client": None if client is None else (client, 5), "headers": [(name, b"x") for name in headers]}


@pytest.mark.parametrize(
    ("listed", "client", "allowed"),
    [
        (None, "127.0.0.1", True),
        (None, "127.8.9.1", True),
        (None, "::1", True),
        (None, "::ffff:127.0.0.1", True),
        (None, "10.0.0.7", False),
        (None, "128.0.0.1", False),
        (None, "::ffff:10.0.0.7", False),
        (None, "2001:db8::1", False),
        (None, "localhost", False),
        (None, None, False),
        ("10.0.0.7", "10.0.0.7", True),
        ("10.0.0.7", "10.0.0.8", False),
        ("10.0.0.7", "127.0.0.1", False),
        ("10.0.0.0/8, ::1", "10.255.0.1", True),
        ("10.0.0.0/8, ::1", "::1", True),
        ("10.0.0.0/8, ::1", "11.0.0.1", False),
        (["2001:db8::/32"], "2001:db8::1", True),
        (["2001:db8::/32"], "10.0.0.7", False),
        ("*", "203.0.113.9", True),
        ("*", None, True),
        ([], "127.0.0.1", False),
    ],
)
def test_listed_addresses_may_read(listed: Sequence[str] | str | None, client: str | None, allowed: bool) -> None:
    assert MetricsAccess(listed).allows(scope_of(client)) is allowed


@pytest.mark.parametrize("header", [b"x-forwarded-for", b"x-forwarded-proto", b"x-real-ip", b"forwarded", b"via"])
def test_nobody_reads_through_a_proxy(header: bytes) -> None:
    assert not MetricsAccess().allows(scope_of("127.0.0.1", b"host", header))
    assert MetricsAccess("*").allows(scope_of("127.0.0.1", b"host", header))


@pytest.mark.parametrize("wrong", ["localhost", "10.0.0.0/33", "10.0.0.7/8", "", "127.0.0.1;::1"])
def test_what_is_no_address_is_found_on_start_up(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"metrics_allow_ips: {wrong!r} is no address or network")):
        run("tests.server.apps:bare", metrics=True, metrics_allow_ips=wrong)


def test_addresses_without_metrics_are_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match="switch them on with metrics=True"):
        run("tests.server.apps:bare", metrics_allow_ips="*")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("access"), "tests.server.apps:bare", metrics=True) as process:
        yield process


def ask(process: ServerProcess, *lines: bytes) -> Answer:
    with process.connect() as client:
        client.sendall(b"\r\n".join((b"GET /metrics HTTP/1.1", b"Host: localhost", *lines, b"", b"")))
        return read_answer(client)


def test_machine_itself_reads_by_default(measured: ServerProcess) -> None:
    answer = ask(measured)
    assert answer.status == 200
    assert b"apistar_websocket_opened" in answer.body


@pytest.mark.parametrize(
    "line", [b"X-Forwarded-For: 203.0.113.9", b"X-Forwarded-For: 127.0.0.1", b"Via: 1.1 proxy", b"X-Real-IP: ::1"]
)
def test_request_of_a_proxy_on_this_machine_gets_403(measured: ServerProcess, line: bytes) -> None:
    answer = ask(measured, line)
    assert answer.status == 403
    assert answer.body == (b"metrics are for the addresses of --metrics-allow-ips, and for nobody through a proxy\n")


def test_other_machine_may_be_named(tmp_path: Path) -> None:
    with serving(tmp_path, "tests.server.apps:bare", metrics=True, metrics_allow_ips="10.0.0.0/8") as process:
        assert ask(process).status == 403
