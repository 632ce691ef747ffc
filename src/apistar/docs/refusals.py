"""
How handshakes of the console were refused, since no browser tells a page: its WebSocket API says 1006 and no more.

The page gives its browser a cookie with a ticket, 128 random bits. If a handshake that carries a ticket is refused,
status, title and detail of that very answer are kept for whoever has the ticket, and given once. Nothing is asked
twice, no handler runs again, and nobody learns what was not sent to him: the answer went to the same client.

Bounded: so many tickets, so many refusals of each, so many characters of each, for so many seconds.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote

import msgspec

from ..transports.transport import Capability
from ..types import Scope

if TYPE_CHECKING:
    from ..transports.transport import HeaderList, Transport

COOKIE: Final = "apistar-console"
TICKET_CHARACTERS: Final = 32
_PREFIX: Final = f"{COOKIE}=".encode()
KEPT_TICKETS: Final = 64
KEPT_REFUSALS: Final = 16
"""Of one ticket: as many sockets as somebody opens side by side."""
KEPT_S: Final = 30.0
DETAIL_CHARACTERS: Final = 1000
URL_CHARACTERS: Final = 2000
"""Longer ones are not remembered; the page then says what the browser says."""


class Refusal(msgspec.Struct, frozen=True):
    """
    One answer to a handshake.

    Attributes:
        status: Its HTTP status.
        title: The status in words.
        detail: What the body says, if it is a text or a problem document (RFC 9457).
    """

    status: int
    title: str
    detail: str


class Refusals:
    """What one process remembers."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, deque[tuple[float, str, Refusal]]] = OrderedDict()

    def keep(self, ticket: str, url: str, refusal: Refusal) -> None:
        """Remember how a handshake for `url` (path and query) was answered."""
        if len(url) > URL_CHARACTERS:
            return
        kept = self._kept.setdefault(ticket, deque(maxlen=KEPT_REFUSALS))
        self._kept.move_to_end(ticket)
        kept.append((self._clock() + KEPT_S, url, refusal))
        if len(self._kept) > KEPT_TICKETS:
            self._kept.popitem(last=False)

    def take(self, ticket: str, url: str) -> Refusal | None:
        """Give the oldest refusal of `url` that the owner of the ticket has not seen, and forget it."""
        now = self._clock()
        kept = self._kept.get(ticket, ())
        found = next((entry for entry in kept if entry[1] == url and entry[0] >= now), None)
        if found is None:
            return None
        self._kept[ticket].remove(found)
        if not self._kept[ticket]:
            del self._kept[ticket]
        return found[2]


class Witness:
    """
    A transport that remembers how it refused; everything else is the transport's own.

    It stands only before the handshakes of a console.
    """

    def __init__(self, transport: Transport, keep: Callable[[Refusal], None]) -> None:
        self._transport = transport
        self._keep = keep

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    async def reject(self, status: int, headers: HeaderList, body: bytes) -> None:
        if Capability.DENIAL_RESPONSE in self._transport.capabilities:
            self._keep(_refusal(status, body))
        else:
            self._keep(_refusal(403, b""))  # all that such a server sends
        await self._transport.reject(status, headers, body)


def witnessed(transport: Transport, scope: Scope, path: str, refusals: Refusals) -> Transport:
    """
    The transport itself, unless the handshake carries a ticket.

    Args:
        path: Below `root_path`, as the router sees it: a proxy may have shown the browser another one.
    """
    ticket = ticket_of(scope)
    if not ticket:
        return transport
    url = _url(path, scope.get("query_string", b"").decode("latin-1"))
    return cast("Transport", Witness(transport, lambda refusal: refusals.keep(ticket, url, refusal)))


def asked_for(target: str) -> str:
    """The URL of a handshake as it is remembered, from what the browser asked for: `/chat/a%20b?name=c`."""
    path, _, query = target.partition("?")
    return _url(unquote(path), query)


def ticket_of(scope: Scope) -> str:
    """The ticket among the cookies of a request; empty where there is none."""
    for name, value in scope["headers"]:
        if name == b"cookie" and (start := value.find(_PREFIX)) >= 0:
            start += len(_PREFIX)
            ticket = value[start : start + TICKET_CHARACTERS].decode("latin-1")
            return ticket if len(ticket) == TICKET_CHARACTERS and ticket.isalnum() else ""
    return ""


def _url(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def _refusal(status: int, body: bytes) -> Refusal:
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = ""
    detail = ""
    try:
        problem = msgspec.json.decode(body)
        if isinstance(problem, dict):
            title = str(problem.get("title") or title)
            detail = str(problem.get("detail") or "")
    except (msgspec.DecodeError, RecursionError):
        detail = body[: 4 * DETAIL_CHARACTERS].decode("utf-8", "replace")
    return Refusal(status, title[:DETAIL_CHARACTERS], detail[:DETAIL_CHARACTERS])
