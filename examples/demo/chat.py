"""A chat of one process: everybody who is connected gets what anybody says."""

from typing import Annotated

from msgspec import Meta, Struct

from apistar import WebSocket
from apistar.exceptions import OutboxFull, WebSocketDisconnect


class Say(Struct, tag="say"):
    text: Annotated[str, Meta(min_length=1, max_length=500)]


class Said(Struct, tag="said"):
    by: str
    text: str


class Here(Struct, tag="here"):
    names: list[str]


Name = Annotated[str, Meta(min_length=1, max_length=24)]
ChatSocket = WebSocket[Say, Said | Here]

people: dict[ChatSocket, str] = {}


async def chat(ws: ChatSocket, name: Name):
    """Say something to everybody who is here."""
    await ws.connect()
    people[ws] = name
    tell_everybody(Here(sorted(people.values())))
    try:
        async for message in ws:
            tell_everybody(Said(name, message.text))
    finally:
        del people[ws]
        tell_everybody(Here(sorted(people.values())))


def tell_everybody(news: Said | Here) -> None:
    """Queue the news for each socket; whoever reads too slowly misses it, and nobody else waits."""
    for ws in people:
        try:
            ws.send_nowait(news)
        except (OutboxFull, WebSocketDisconnect):
            continue
