"""
Whether an HTTP request is an opening handshake that we take, and nothing else.

`check_handshake` reads a request that was parsed once; no other file reads handshake headers. It knows no socket.
What it lets through may be given to an application; everything else is a `Refused`, after which the connection closes,
so that bytes behind a refused upgrade are never taken for a request (RFC 9110 §7.8).

Sources: RFC 6455 §4.2.1 (the client's handshake) and §4.4 (versions), RFC 9112 §3.2 (Host) and §6.3 (message body),
RFC 9110 §5.5 (field values) and §7.2 (Host); THREAT_MODEL.md, rows 10, 11, 12, 23.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from ..limits import Limits
from ..transports.opening import Handshake
from ..transports.transport import HeaderList

MAX_SUBPROTOCOLS: Final = 64
"""Offers of one client. Registered applications offer one to five; a thousand is an attack on whoever compares."""

SHORT_HOST_BYTES: Final = 64
"""Of a host whose check is remembered; a server has few names, and each request says one of them."""

Headers: TypeAlias = "list[tuple[bytes, bytes]]"


class Refused(Exception):
    """
    A request that is answered here and goes no further.

    Attributes:
        status: Of the response.
        detail: The response's text; names what was wrong and never repeats the client's bytes.
        headers: Sent with it.
    """

    def __init__(self, status: int, detail: str, headers: HeaderList = ()) -> None:
        self.status = status
        self.detail = detail
        self.headers = headers
        super().__init__(f"{status} {detail}")


def too_large(limits: Limits) -> Refused:
    """The answer to a request whose head is larger than it may be."""
    return Refused(
        431,
        f"the head of a request may have {limits.max_handshake_bytes} bytes and {limits.max_handshake_headers} headers",
    )


def is_host(value: bytes) -> bool:
    """Whether a Host field value has the form of RFC 9110 §7.2: a name or an address, and perhaps a port."""
    return _is_short_host(value) if len(value) <= SHORT_HOST_BYTES else _HOST.fullmatch(value) is not None


@lru_cache(maxsize=64)
def _is_short_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def wants_websocket(headers: Headers) -> bool:
    """Whether a request that asks for an upgrade asks for `websocket` (RFC 6455 §4.2.1, item 3)."""
    return any(name == b"upgrade" and b"websocket" in _tokens(value) for name, value in headers)


def check_handshake(
    method: bytes, target: bytes, http_version: str, headers: Headers, default_headers: HeaderList
) -> Handshake:
    """
    Check a request that asks for an upgrade to `websocket`.

    Args:
        method, target, http_version: Of the request line.
        headers: Names in lower case.
        default_headers: Of the server, for every answer.

    Raises:
        Refused: With 400, or 426 for another version of the protocol.
    """
    if method != b"GET":
        raise Refused(400, "a WebSocket opens with GET")
    if http_version != "1.1":
        raise Refused(400, "a WebSocket opens with HTTP/1.1")
    if _TARGET.fullmatch(target) is None:
        raise Refused(400, "the request target of a WebSocket is a path and a query in visible ASCII")
    key = version = host = origin = None
    subprotocols: list[str] = []
    extensions: list[bytes] = []
    for name, value in headers:
        if not value.isascii():
            _check_text(name, value)
        if name not in _WATCHED:
            continue
        if name == b"sec-websocket-key":
            key = _once(name, key, value)
        elif name == b"host":
            host = _once(name, host, value)
        elif name == b"sec-websocket-version":
            version = _once(name, version, value)
        elif name == b"origin":
            origin = _once(name, origin, value)
        elif name == b"sec-websocket-extensions":
            extensions.append(value)
        elif name == b"sec-websocket-protocol":
            _add_subprotocols(subprotocols, value)
        elif name == b"transfer-encoding" or value != b"0":
            raise Refused(400, "the handshake of a WebSocket has no body")
    if not host or not is_host(host):
        raise Refused(400, "header 'host' is missing, or is no host with an optional port")
    if version != b"13":
        raise Refused(426, "this server speaks version 13 of the WebSocket protocol", _VERSIONS)
    if key is None or _KEY.fullmatch(key) is None:
        raise Refused(400, "header 'sec-websocket-key' is missing, or is not 16 bytes in base64")
    return Handshake(key, subprotocols, extensions, default_headers)


_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[0-9A-Za-z\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::[0-9]{0,5})?")
_TARGET: Final = re.compile(rb"/[!\"$-~]*")
_KEY: Final = re.compile(rb"[0-9A-Za-z+/]{21}[AQgw]==")
_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_VERSIONS: Final = ((b"upgrade", b"websocket"), (b"sec-websocket-version", b"13"))
_WATCHED: Final = frozenset(
    {
        b"host",
        b"origin",
        b"content-length",
        b"transfer-encoding",
        b"sec-websocket-key",
        b"sec-websocket-version",
        b"sec-websocket-protocol",
        b"sec-websocket-extensions",
    }
)


def _once(name: bytes, before: bytes | None, value: bytes) -> bytes:
    if before is not None:
        raise Refused(400, f"header {name.decode()!r} comes twice")
    return value


def _check_text(name: bytes, value: bytes) -> None:
    """Text beyond ASCII is UTF-8 without control characters: U+0085 and its like are line breaks to some readers."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\x80"
    if _CONTROL.search(text) is not None or name.startswith(b"sec-websocket-"):
        raise Refused(400, f"header {name.decode()!r} holds characters that a handshake may not")


def _add_subprotocols(subprotocols: list[str], value: bytes) -> None:
    for item in value.split(b",", MAX_SUBPROTOCOLS):
        token = item.strip(b" \t")
        if _TOKEN.fullmatch(token) is None:
            raise Refused(400, "header 'sec-websocket-protocol' is not a list of tokens")
        subprotocol = token.decode()
        if subprotocol in subprotocols:
            raise Refused(400, "header 'sec-websocket-protocol' names a subprotocol twice")
        subprotocols.append(subprotocol)
    if len(subprotocols) > MAX_SUBPROTOCOLS:
        raise Refused(400, f"header 'sec-websocket-protocol' names more than {MAX_SUBPROTOCOLS} subprotocols")


def _tokens(value: bytes) -> Sequence[bytes]:
    return [token.strip(b" \t") for token in value.lower().split(b",")]
