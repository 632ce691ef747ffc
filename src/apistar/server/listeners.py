"""
The sockets that a server listens on: of an address, of a unix socket, or one that somebody else has opened.

They are bound before the application is imported, so that a port that is not to be had is known at once; they listen
when the application has started.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from typing import Any, Final

from ..exceptions import ConfigurationError

UNIX_SOCKET_MODE: Final = 0o666
"""As uvicorn's: whoever reaches the folder may connect."""
PROBE_TIMEOUT_S: Final = 1.0
EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})
FIRST_FREE_FOR_ALL: Final = 1024
"""Ports below are the system's (RFC 6335 §6)."""


class Taken(ConfigurationError):
    """The address cannot be listened on now."""


def listeners_at(host: str, port: int, uds: str | None = None, fd: int | None = None) -> list[socket.socket]:
    """
    Bind; a host name may stand for several addresses.

    Raises:
        Taken: If it cannot be had, with the reason and what to do.
    """
    if fd is not None:
        bound = [_inherited(fd)]
    elif uds is not None:
        bound = [_unix(uds)]
    else:
        bound = _addresses(host, port)
    for listener in bound:
        listener.set_inheritable(True)
    return bound


def url_of(listener: socket.socket, host: str, secure: bool) -> str:
    """Where a person can go."""
    name = listener.getsockname()
    if listener.family == getattr(socket, "AF_UNIX", None):
        return f"unix:{os.fsdecode(name)}"
    address = host if host and host not in EVERYWHERE else "[::1]" if host == "::" else "127.0.0.1"
    shown = f"[{address}]" if ":" in address and not address.startswith("[") else address
    return f"http{'s' if secure else ''}://{shown}:{name[1]}/"


def _addresses(host: str, port: int) -> list[socket.socket]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise Taken(
            f"host {host!r} is not known ({error}); use an address of this machine, 127.0.0.1 for this machine alone "
            "or 0.0.0.0 for all"
        ) from None
    bound: list[socket.socket] = []
    several = len(found) > 1
    for family, kind, protocol, _, address in dict.fromkeys(found):
        if port == 0 and bound:
            address = (address[0], bound[0].getsockname()[1], *address[2:])  # one port for all of them
        try:
            bound.append(_bound(family, kind, protocol, address, several))
        except OSError as error:
            if bound and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                continue  # `localhost` where there is no IPv6
            for listener in bound:
                listener.close()
            raise Taken(_refusal(error, host, port)) from None
    return bound


def _bound(family: int, kind: int, protocol: int, address: tuple[Any, ...], several: bool) -> socket.socket:
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if several and family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def _refusal(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"port {port} of {host or 'this machine'} is in use by another process; stop it, or choose another "
                "port (0 takes a free one)"
            )
        case errno.EACCES if port < FIRST_FREE_FOR_ALL:
            return f"port {port} may not be used by this user; choose one from {FIRST_FREE_FOR_ALL} on"
        case errno.EADDRNOTAVAIL:
            return (
                f"{host} is no address of this machine; use one of its own, 127.0.0.1 for this machine alone or "
                "0.0.0.0 for all"
            )
    return f"cannot listen on port {port} of {host or 'this machine'}: {error.strerror or error}"


def _unix(path: str) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise Taken(f"{path} exists and is no socket; choose another path, or remove it")
        if _answers(path):
            raise Taken(f"{path} is in use by another process; stop it, or choose another path")
        os.remove(path)  # left behind by a process that was killed
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(path)
        os.chmod(path, UNIX_SOCKET_MODE)
    except OSError as error:
        listener.close()
        raise Taken(f"cannot listen on {path}: {error.strerror or error}") from None
    return listener


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PROBE_TIMEOUT_S)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return False
        except OSError:
            return True
    return True


def _inherited(fd: int) -> socket.socket:
    try:
        listener = socket.socket(fileno=os.dup(fd))
    except OSError as error:
        raise Taken(
            f"file descriptor {fd} is no socket ({error.strerror or error}); whoever starts this process must open it"
        ) from None
    if listener.type != socket.SOCK_STREAM:
        listener.close()
        raise Taken(f"file descriptor {fd} is a socket, but not one of TCP or a unix stream")
    return listener
