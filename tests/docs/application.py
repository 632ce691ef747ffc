"""
An application for the page's tests: each way in which a socket may talk and end, and HTTP beside it.
"""

from __future__ import annotations

import asyncio
import enum
import itertools
from collections.abc import AsyncIterator
from typing import Annotated, Any, TypedDict

import msgspec

from apistar import ASyncApp, Component, Include, Mount, Route, WebSocket, http
from apistar.channels import Channel, History
from apistar.exceptions import Conflict, Forbidden, NotFound, Unauthorized


class Mood(enum.Enum):
    CALM = "calm"
    LOUD = "loud"


class Say(msgspec.Struct, tag="say"):
    """
    Say something to everybody in the room.

    Attributes:
        text: What to say; `code` may stand in it.
        mood: How it is said.
        reply: The number of the message that this one answers.
    """

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=120, examples=["hello"])]
    mood: Mood = Mood.CALM
    reply: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Draw(msgspec.Struct, tag="draw"):
    """Draw a line on the board."""

    points: Annotated[list[tuple[float, float]], msgspec.Meta(min_length=1)]
    colour: str = "ink"


class Leave(msgspec.Struct, tag="leave"):
    """Leave the room."""


class Person(msgspec.Struct):
    """
    Who somebody is.

    Attributes:
        name: As others see it.
        friends: Whom they know.
    """

    name: str
    friends: list[Person] = []


class Said(msgspec.Struct, tag="said"):
    """Somebody said something."""

    by: Person
    text: str
    mood: Mood
    number: int


class Drawn(msgspec.Struct, tag="drawn"):
    by: Person
    points: list[tuple[float, float]]


class Order(msgspec.Struct):
    """
    What somebody wants.

    Attributes:
        item: Its name in the catalogue.
        count: How many.
    """

    item: str
    count: Annotated[int, msgspec.Meta(ge=1, le=99)] = 1


class User(msgspec.Struct):
    name: str


class UserComponent(Component):
    security = {"key": {"type": "apiKey", "in": "query", "name": "key", "description": "Ask the cook."}}

    def resolve(self, query: http.QueryParams) -> User:
        """
        Raises:
            Unauthorized: If the key is wrong.
        """
        if query.get("key") != "salt":
            raise Unauthorized("the key is wrong")
        return User("cook")


async def chat(ws: WebSocket[Say | Draw | Leave, Said | Drawn], room: str, name: str = "Ada") -> None:
    """
    Talk and draw in a room.

    Whoever says `leave` is let go; whoever says nothing is not.

    Args:
        room: Where to talk.
        name: As others see you.

    Raises:
        NotFound: If there is no such room.
    """
    if room == "cellar":
        raise NotFound("the cellar is closed")
    await ws.connect()
    number = 0
    async for message in ws:
        number += 1
        match message:
            case Say(text, mood):
                await ws.send(Said(Person(name), text, mood, number))
            case Draw(points):
                await ws.send(Drawn(Person(name, [Person("Grace")]), points))
            case Leave():
                break


class Called(msgspec.Struct, tag="called"):
    text: str


class Calls(Channel[Called]):
    """What the kitchen calls out to a table."""

    topic = "calls:{table}"
    history = History(size=10, ttl_s=60)
    presence = True


async def calls(ws: WebSocket[Say, Called], table: int, calls: Calls, name: str = "Ada") -> None:
    """Hear what is called out to a table, and call."""
    await ws.connect()
    async with calls.join(ws, member=name):
        async for message in ws:
            await calls.publish(Called(message.text))


async def echo(ws: WebSocket) -> None:
    """Give back what comes, text and bytes."""
    await ws.connect("echo.v1" if "echo.v1" in ws.subprotocols else None)
    async for message in ws:
        await ws.send(message)


async def ending(ws: WebSocket, code: int, reason: str = "") -> None:
    """Close at once, with the code that one asks for."""
    await ws.connect()
    await ws.close(code, reason)


async def flood(count: int = 10_000, per_second: int = 1000) -> AsyncIterator[Said]:
    """Tell more than anybody can read."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(count):
        yield Said(Person("flood"), "x" * 40, Mood.LOUD, number)
        ahead = began + (number + 1) / per_second - loop.time()
        if ahead > 0.01:
            await asyncio.sleep(ahead)


async def kitchen(ws: WebSocket, user: User) -> None:
    """For cooks alone."""
    await ws.connect()
    await ws.send(user.name)


async def barred(ws: WebSocket) -> None:
    """For nobody."""
    raise Forbidden("nobody may enter here")


async def packed(ws: WebSocket[Say, Said], authorization: http.Header | None = None) -> None:
    """Talk in JSON or msgpack."""
    await ws.connect()
    async for message in ws:
        await ws.send(Said(Person("packed"), message.text, message.mood, 1))


def welcome(name: str = "you") -> dict[str, str]:
    """
    Say hello.

    Args:
        name: Whom to greet.
    """
    return {"message": f"hello, {name}"}


async def place(order: http.Body[Order], table: int, notes: list[str] | None = None) -> Order:
    """
    Order something.

    Raises:
        Conflict: If it is out of stock.
    """
    if order.item == "fish":
        raise Conflict("fish is out of stock")
    return order


class Photo(TypedDict):
    title: str
    picture: http.UploadFile


async def photograph(photo: http.Body[Photo]) -> dict[str, Any]:
    """Hang a photograph on the wall."""
    return {"title": photo["title"], "bytes": len(await photo["picture"].read())}


async def sign(form: http.FormData) -> dict[str, str]:
    """Sign the guest book."""
    return {name: str(value) for name, value in form.items()}


async def news() -> AsyncIterator[http.ServerSentEvent[int | Person]]:
    """Tell the news as it comes."""
    for number in itertools.count():
        yield http.ServerSentEvent(number)
        await asyncio.sleep(0.05)


async def hidden(ws: WebSocket) -> None:
    await ws.connect()


def secret() -> str:
    return "secret"


def build(**options: Any) -> ASyncApp:
    """The application; `options` are those of `ASyncApp`."""
    return ASyncApp(
        routes=[
            Route("/", handler=welcome),
            Route("/chat/{room}", handler=chat),
            Route("/calls/{table}", handler=calls),
            Route("/echo", handler=echo),
            Route("/ending/{code}", handler=ending),
            Route("/flood", handler=flood),
            Route("/barred", handler=barred),
            Route("/packed", handler=packed, codecs=("json", "msgpack")),
            Route("/photographs", "POST", photograph),
            Route("/guests", "POST", sign),
            Route("/news", handler=news),
            Route("/hidden", handler=hidden, documented=False),
            Route("/secret", handler=secret, documented=False),
            Include(
                "/kitchen",
                "kitchen",
                [Route("/door", handler=kitchen), Route("/tables/{table}", "POST", handler=place)],
            ),
        ],
        components=[UserComponent()],
        **{"title": "Kitchen", "version": "2.1.0", "description": "Orders, and talk about them.", **options},
    )


app = build()

empty = ASyncApp(routes=[])
"""One that has nothing to show yet."""

mounted = ASyncApp(routes=[Mount("/below/here", build())], docs_url=None, schema_url=None)
"""The same one, behind a mount."""


def many() -> ASyncApp:
    """Two hundred routes, each with types and parameters."""

    async def socket(ws: WebSocket[Say | Draw | Leave, Said | Drawn], room: str, since: int = 0) -> None:
        """Talk in one of many rooms."""

    async def listing(page: int = 1) -> list[Order]:
        """List what was ordered."""
        return []

    routes = [Route(f"/rooms{number}/{{room}}", handler=socket, name=f"room{number}") for number in range(100)]
    routes += [Route(f"/orders{number}", handler=listing, name=f"orders{number}") for number in range(100)]
    return ASyncApp(routes)
