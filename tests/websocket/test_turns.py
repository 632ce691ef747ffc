"""A handler that only sends leaves others their turn, on every way of sending."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from starlette.requests import HTTPConnection

from apistar import WebSocket
from apistar.websocket.sending import TURN_MESSAGES

WAYS: dict[str, Callable[[WebSocket], Awaitable[None]]] = {
    "send": lambda ws: ws.send("x"),
    "send, long": lambda ws: ws.send(b"x" * 2000),
    "send_text": lambda ws: ws.send_text("x"),
    "send_bytes": lambda ws: ws.send_bytes(b"x"),
    "send_json": lambda ws: ws.send_json(1),
}


class Roomy:
    """A connection that always has room, and so never makes anybody wait."""

    def __init__(self, short: bool) -> None:
        self.sent = 0
        self.send_short = self._count if short else None

    async def accept(self, *arguments: Any) -> None: ...

    def send(self, data: object, text: bool) -> None:
        self.sent += 1

    def _count(self, opcode: int, data: object) -> None:
        self.sent += 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("short", [False, True])
async def test_handler_that_only_sends_leaves_others_their_turn(way: str, short: bool) -> None:
    connection = Roomy(short)
    scope = {"type": "websocket", "path": "/", "headers": []}
    ws: WebSocket = WebSocket(cast(Any, connection), HTTPConnection(scope))
    await ws.connect()
    turns: list[int] = []

    async def other() -> None:
        for _ in range(2):
            turns.append(connection.sent)
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    for _ in range(3 * TURN_MESSAGES):
        await WAYS[way](ws)
    await task
    assert turns == [TURN_MESSAGES + 1, 2 * (TURN_MESSAGES + 1)]
