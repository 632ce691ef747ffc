"""API Star: the same file runs on `apistar run` and on plain uvicorn."""

import os
from dataclasses import dataclass

import msgspec

from apistar import ASyncApp, Component, Route, WebSocket, http
from apistar.channels import Channel, History, Seat, drop_oldest


class Say(msgspec.Struct):
    room: str
    text: str
    number: int


@dataclass
class User:
    name: str


class UserComponent(Component):
    def resolve(self, x_user: http.Header | None) -> User:
        return User(x_user or "nobody")


SOCKETS: set[WebSocket] = set()


async def echo(ws: WebSocket) -> None:
    await ws.connect()
    async for message in ws:
        await ws.send(message)


async def typed(ws: WebSocket[Say, Say]) -> None:
    await ws.connect()
    async for say in ws:
        await ws.send(say)


async def fan(ws: WebSocket) -> None:
    await ws.connect()
    SOCKETS.add(ws)
    try:
        async for message in ws:
            for other in list(SOCKETS):
                await other.send(message)
    finally:
        SOCKETS.discard(ws)


class Fan(Channel[bytes]):
    topic = "fan"


class Remembered(Channel[bytes]):
    topic = "remembered"
    history = History()


async def channel(ws: WebSocket, fan: Fan) -> None:
    await ws.connect()
    async with fan.join(ws):
        async for message in ws:
            await fan.publish(message)  # type: ignore[arg-type]  # a client of this route sends bytes


async def channel_history(ws: WebSocket, remembered: Remembered) -> None:
    await ws.connect()
    async with remembered.join(ws):
        async for message in ws:
            await remembered.publish(message)  # type: ignore[arg-type]  # a client of this route sends bytes


LAGGING: set[Seat] = set()


async def lagging(ws: WebSocket, fan: Fan) -> None:
    """For a client that does not read, and stays."""
    await ws.connect()
    async with fan.join(ws, policy=drop_oldest) as joined:
        LAGGING.add(joined)
        await ws.wait_closed()
    LAGGING.discard(joined)


async def dropped() -> int:
    return sum(joined.dropped for joined in LAGGING)


async def order(number: int, user: User, page: int = 1) -> dict[str, int | str]:
    return {"number": number, "page": page, "user": user.name}


app = ASyncApp(
    routes=[
        Route("/orders/{number}", method="GET", handler=order),
        Route("/echo", handler=echo),
        Route("/echo-text", handler=echo),
        Route("/typed", handler=typed),
        Route("/fan", handler=fan),
        Route("/channel", handler=channel),
        Route("/channel-history", handler=channel_history),
        Route("/lagging", handler=lagging),
        Route("/dropped", handler=dropped),
    ],
    components=[UserComponent()],
    broker=os.environ.get("BROKER_URL", "memory://"),
)
