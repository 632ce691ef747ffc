"""An API Star application whose observer raises whatever it is told."""

from __future__ import annotations

from typing import Any

from apistar import ASyncApp, Limits, Route, WebSocket
from apistar.channels import Channel
from apistar.exceptions import HTTPException
from apistar.observer import Observer


class Raising(Observer):
    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_"):
            return super().__getattribute__(name)

        def fail(*values: object) -> None:
            raise ValueError("not today")

        return fail


async def echo(ws: WebSocket, room: str) -> None:
    await ws.connect()
    async for message in ws:
        await ws.send(message)


async def refuse(ws: WebSocket) -> None:
    raise HTTPException(status_code=401)


async def flood(ws: WebSocket) -> None:
    """Sends at once what cannot be taken at once, and leaves the rest in the outbox."""
    await ws.connect()
    for _ in range(100):
        await ws.send(b"x" * 1_000_000)


class Room(Channel[str]):
    topic = "room:{room}"


async def chat(ws: WebSocket[str, str], room: Room) -> None:
    await ws.connect()
    async with room.join(ws):
        async for message in ws:
            await room.publish(message)


routes = [
    Route("/echo/{room}", handler=echo),
    Route("/refuse", handler=refuse),
    Route("/flood", handler=flood, limits=Limits(outbox_bytes=4_000_000)),
]
workers = ASyncApp(routes, limits=Limits(ping_interval_s=0.2))
routes.append(Route("/chat/{room}", handler=chat))
app = ASyncApp(routes, limits=Limits(ping_interval_s=0.2))
raising = ASyncApp(routes, limits=Limits(ping_interval_s=0.2), observer=Raising())
