"""Litestar, with its own msgspec support for what is typed."""

import contextlib
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from litestar import Litestar, WebSocket, get, websocket, websocket_listener
from litestar.channels import ChannelsPlugin
from litestar.channels.backends.memory import MemoryChannelsBackend
from litestar.di import Provide
from litestar.exceptions import WebSocketDisconnect
from litestar.params import Parameter


class Say(msgspec.Struct):
    room: str
    text: str
    number: int


@dataclass
class User:
    name: str


Socket = WebSocket[Any, Any, Any]
SOCKETS: set[Socket] = set()


@websocket("/echo")
async def echo(socket: Socket) -> None:
    await socket.accept()
    async for message in socket.iter_data(mode="binary"):
        await socket.send_bytes(message)


@websocket("/echo-text")
async def echo_text(socket: Socket) -> None:
    await socket.accept()
    async for message in socket.iter_data(mode="text"):
        await socket.send_text(message)


@websocket_listener("/typed")
async def typed(data: Say) -> Say:
    return data


@websocket("/fan")
async def fan(socket: Socket) -> None:
    await socket.accept()
    SOCKETS.add(socket)
    try:
        while True:
            message = await socket.receive_bytes()
            for other in list(SOCKETS):
                await other.send_bytes(message)
    except WebSocketDisconnect:
        pass
    finally:
        SOCKETS.discard(socket)


@websocket("/channel")
async def channel(socket: Socket, channels: ChannelsPlugin) -> None:
    await socket.accept()
    async with channels.start_subscription(["fan"]) as subscriber, subscriber.run_in_background(socket.send_bytes):
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                channels.publish(await socket.receive_bytes(), "fan")


async def user_of(x_user: Annotated[str, Parameter(header="X-User")] = "nobody") -> User:
    return User(x_user)


@get("/orders/{number:int}", dependencies={"user": Provide(user_of)})
async def order(number: int, user: User, page: int = 1) -> dict[str, int | str]:
    return {"number": number, "page": page, "user": user.name}


app = Litestar(
    route_handlers=[echo, echo_text, typed, fan, channel, order],
    plugins=[ChannelsPlugin(backend=MemoryChannelsBackend(), channels=["fan"])],
    openapi_config=None,
)
