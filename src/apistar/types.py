"""
Names for the shapes that pass between rooms: ASGI's three callables and the bytes-like types.

Source: the ASGI specification 3.0 (https://asgi.readthedocs.io), sections "HTTP & WebSocket" and "Lifespan".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, Protocol, TypeAlias, cast

Scope: TypeAlias = MutableMapping[str, Any]
Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

Data: TypeAlias = "str | bytes"
"""One message as it comes: text or binary (RFC 6455 §5.6)."""

BytesLike: TypeAlias = "bytes | bytearray | memoryview"

TESTING_EXTENSION: Final = "apistar.testing"
"""The key in a scope's `extensions` under which a test client leaves a list for the faults of a connection."""

BODY_CLOCK_EXTENSION: Final = "apistar.body_clock"
"""The key in an HTTP scope's `extensions` under which our server offers the `BodyClock` of the request's body; `None`
for a request without one."""


ANSWER_CLOCK_EXTENSION: Final = "apistar.answer_clock"
"""The key in an HTTP scope's `extensions` under which our server offers the `AnswerClock` of the request's answer."""


class AnswerClock(Protocol):
    """The deadline of a client that takes nothing of an answer, kept by the server."""

    def limit_answer(self, limit_s: float) -> None:
        """Set the seconds for this answer."""


class BodyClock(Protocol):
    """The deadline of a body, kept by the server."""

    def limit(self, limit_s: float | None) -> None:
        """Set the seconds from the end of the head to the last byte; `None` for no deadline."""


class WSGIFace(Protocol):
    """An application that serves WSGI and has the same as ASGI at hand: `App`."""

    @property
    def asgi(self) -> ASGIApp: ...


def asgi_of(app: ASGIApp | WSGIFace) -> ASGIApp:
    """The ASGI application that is meant."""
    inner: ASGIApp | None = getattr(app, "asgi", None)
    return cast("ASGIApp", app) if inner is None else inner
