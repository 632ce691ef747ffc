"""
What Autobahn|Testsuite is run against: one echo as an API Star application, one as a bare ASGI application.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from apistar import ASyncApp, Limits, Route
from tests.handlers import echo

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Group 9 sends messages of this size."""


app = ASyncApp(
    routes=[Route("/", handler=echo)],
    limits=Limits(max_message_bytes=MAX_MESSAGE_BYTES, compression=True),
)


async def foreign(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Knows nothing of API Star."""
    assert scope["type"] == "websocket"
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})
