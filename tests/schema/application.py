"""
An application with one of everything that the documents describe.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

import msgspec
import pydantic
from typing_extensions import deprecated

from apistar import ASyncApp, Component, Include, Limits, Provider, Route, WebSocket, http
from apistar.exceptions import Conflict, Forbidden, HTTPException, NotFound, Unauthorized, WebSocketProtocolError


class Say(msgspec.Struct, tag="say"):
    """
    Say something.

    Everybody in the room hears it.

    Attributes:
        text: What to say.
    """

    text: Annotated[str, msgspec.Meta(max_length=500, examples=["hello"])]


class Leave(msgspec.Struct, tag="leave"):
    """Go away."""


class Said(msgspec.Struct, tag="said"):
    by: str
    text: str
    reply: Said | None = None


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Order(msgspec.Struct):
    id: UUID
    items: list[tuple[str, int]]
    colour: Colour = Colour.RED


class Profile(pydantic.BaseModel):
    """Who somebody is."""

    kind: Literal["profile"] = "profile"
    name: str = pydantic.Field(min_length=1, description="As shown to others.")


class User:
    name = "ann"


class UserComponent(Component):
    security = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "token": {"type": "apiKey", "in": "query", "name": "token"},
    }

    def resolve(self, authorization: http.Header, x_trace: http.Header | None) -> User:
        """
        Find out who asks.

        Args:
            x_trace: For the logs.

        Raises:
            Forbidden: If the account is closed.
        """
        if not authorization:
            raise Unauthorized("say who you are")
        return User()


class Session:
    pass


class SessionComponent(Component):
    def resolve(self, tenant: str) -> Session:
        return Session()


async def chat(ws: WebSocket[Say | Leave, Said], room: Colour, user: User, since: int = 0) -> None:
    """
    Talk in a room.

    Whoever comes late gets what was said before.

    Args:
        room: Where to talk.
        since: Number of the first message to get.

    Raises:
        WebSocketProtocolError: If a message makes no sense.
    """
    if room is Colour.BLUE:
        raise NotFound("no such room")
    await ws.connect()
    if since < 0:
        raise Forbidden(f"{since} is before the beginning")
    await ws.close(4000 + 1, "kicked")


async def echo(ws: WebSocket) -> None:
    if not ws.subprotocols:
        await ws.reject(status=400)
    await ws.connect(subprotocol="v2.chat")


async def ticks(symbol: str, sessions: Provider[Session]) -> AsyncIterator[Said]:
    yield Said("exchange", symbol)


async def profiles(ws: WebSocket[Profile, list[Profile]]) -> None:
    await ws.connect()
    raise WebSocketProtocolError("too much", code=4242)


async def place(
    order: http.Body[Order],
    id: UUID,
    sessions: Provider[Session],
    dry: bool = False,
    tags: list[str] | None = None,
    limit: Annotated[int, msgspec.Meta(ge=1, description="How many at most.")] = 10,
) -> Order | None:
    """
    Place an order.

    Returns:
        The order as it was placed.

    Raises:
        HTTPException: Never seen, it has no status of its own.
    """
    if dry:
        raise HTTPException("out of stock", status_code=423)
    raise Conflict(f"order {id} is already placed")


@deprecated("use /v1/orders/{id}")
def orders() -> list[Order]:
    """List the orders."""
    return []


async def profile() -> Profile:
    return Profile(name="ann")


def page() -> str:
    return ""


def nothing() -> None:
    pass


async def upload(rest: str, body: http.Body[bytes]) -> http.Response:
    return http.Response(body)


def move() -> http.RedirectResponse:
    return http.RedirectResponse("/")


def hidden() -> str:
    return ""


def build() -> ASyncApp:
    return ASyncApp(
        routes=[
            Route("/", handler=page),
            Route("/nothing", "DELETE", nothing),
            Route("/moved", handler=move),
            Route("/profile", handler=profile),
            Route("/hidden", handler=hidden, documented=False),
            Route("/files/{+rest}", "POST", upload),
            Route("/chat/{room}", handler=chat, codecs=("json", "msgpack"), limits=Limits(message_rate=5)),
            Route("/profiles", handler=profiles),
            Include(
                "/v1",
                "v1",
                [
                    Route("/echo", handler=echo),
                    Route("/ticks/{symbol}", handler=ticks),
                    Route("/orders/{id}", "PUT", place),
                    Route("/orders", "GET", orders),
                ],
            ),
        ],
        components=[UserComponent(), SessionComponent()],
    )
