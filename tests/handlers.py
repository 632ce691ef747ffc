"""
Handlers of raw WebSockets that the applications of several tests have.
"""

from __future__ import annotations

from apistar import WebSocket


async def echo(ws: WebSocket) -> None:
    await ws.connect()
    async for message in ws:
        await ws.send(message)


async def deaf(ws: WebSocket) -> None:
    """Never asks for a message."""
    await ws.connect()
    await ws.wait_closed()


async def push(ws: WebSocket) -> None:
    """Sends without end, to whoever may not read."""
    await ws.connect()
    while True:
        await ws.send_bytes(b"x" * 65536)


async def never_answer(ws: WebSocket) -> None:
    await ws.wait_closed()
