"""Where a server listens: what is bound, and every sentence about what cannot be."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from apistar.server.listeners import Taken, listeners_at, url_of


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def bound(stack: ExitStack, *where: object) -> list[socket.socket]:
    found = listeners_at(*where)  # type: ignore[arg-type]  # the table mixes kinds of arguments
    for listener in found:
        stack.enter_context(closing(listener))
    return found


def refusal(*where: object) -> str:
    with pytest.raises(Taken) as refused:
        listeners_at(*where)  # type: ignore[arg-type]  # the table mixes kinds of arguments
    return refused.value.detail


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:{}/"),
        ("0.0.0.0", "http://127.0.0.1:{}/"),
        ("localhost", "http://localhost:{}/"),
        ("", "http://127.0.0.1:{}/"),
    ],
)
def test_address_is_bound_to_a_free_port_and_has_a_url(opened: ExitStack, host: str, url: str) -> None:
    found = bound(opened, host, 0)
    ports = {listener.getsockname()[1] for listener in found}
    assert len(ports) == 1
    assert url_of(found[0], host, False) == url.format(ports.pop())


def test_url_of_tls_is_https(opened: ExitStack) -> None:
    (listener,) = bound(opened, "127.0.0.1", 0)
    assert url_of(listener, "127.0.0.1", True).startswith("https://")


def test_url_of_ipv6_has_brackets(opened: ExitStack) -> None:
    try:
        (listener,) = bound(opened, "::1", 0)
    except Taken:
        pytest.skip("this machine has no IPv6; a host with ::1 on its loopback has")
    assert url_of(listener, "::1", False) == f"http://[::1]:{listener.getsockname()[1]}/"
    assert url_of(listener, "::", False) == f"http://[::1]:{listener.getsockname()[1]}/"


def test_port_in_use_says_so(opened: ExitStack) -> None:
    (other,) = bound(opened, "127.0.0.1", 0)
    other.listen()
    port = other.getsockname()[1]
    assert refusal("127.0.0.1", port) == (
        f"port {port} of 127.0.0.1 is in use by another process; stop it, or choose another port (0 takes a free one)"
    )


def test_address_of_another_machine_says_so() -> None:
    assert refusal("192.0.2.1", 0) == (  # RFC 5737: nobody's
        "192.0.2.1 is no address of this machine; use one of its own, 127.0.0.1 for this machine alone or "
        "0.0.0.0 for all"
    )


def test_unknown_host_says_so() -> None:
    text = refusal("no.such.host.invalid", 0)
    assert text.startswith("host 'no.such.host.invalid' is not known (")
    assert text.endswith("); use an address of this machine, 127.0.0.1 for this machine alone or 0.0.0.0 for all")


def test_unix_socket_is_for_everybody_who_reaches_the_folder(opened: ExitStack, tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    (listener,) = bound(opened, "", 0, str(path))
    assert path.stat().st_mode & 0o777 == 0o666
    assert url_of(listener, "", False) == f"unix:{path}"


def test_unix_socket_of_a_killed_process_is_replaced(opened: ExitStack, tmp_path: Path) -> None:
    path = str(tmp_path / "api.sock")
    listeners_at("", 0, path)[0].close()
    assert os.path.exists(path)
    bound(opened, "", 0, path)[0].listen()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def test_unix_socket_in_use_says_so(opened: ExitStack, tmp_path: Path) -> None:
    path = str(tmp_path / "api.sock")
    bound(opened, "", 0, path)[0].listen()
    assert refusal("", 0, path) == f"{path} is in use by another process; stop it, or choose another path"


def test_file_in_the_place_of_a_unix_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    assert refusal("", 0, str(path)) == f"{path} exists and is no socket; choose another path, or remove it"
    assert path.read_text() == "mine"


def test_unix_socket_in_no_folder_says_so(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "api.sock"
    assert refusal("", 0, str(path)) == f"cannot listen on {path}: No such file or directory"


def test_inherited_socket_is_taken(opened: ExitStack) -> None:
    (first,) = bound(opened, "127.0.0.1", 0)
    (second,) = bound(opened, "", 0, None, first.fileno())
    assert second.getsockname() == first.getsockname()


def test_file_descriptor_that_is_no_socket_says_so(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        assert refusal("", 0, None, file.fileno()) == (
            f"file descriptor {file.fileno()} is no socket (Socket operation on non-socket); "
            "whoever starts this process must open it"
        )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        assert refusal("", 0, None, datagrams.fileno()) == (
            f"file descriptor {datagrams.fileno()} is a socket, but not one of TCP or a unix stream"
        )
