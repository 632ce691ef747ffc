"""
A typed chat with rooms: what may be said is written down as types, and checked in both directions.

    apistar run examples.chat:app
    apistar ws 'ws://127.0.0.1:8000/chat/lobby?name=Ada'
    {"type": "say", "text": "hello"}
"""

from contextlib import suppress
from typing import Annotated
from weakref import WeakValueDictionary

from msgspec import Meta, Struct

from apistar import ASyncApp, Component, Route, WebSocket
from apistar.exceptions import OutboxFull, WebSocketDisconnect

Name = Annotated[str, Meta(min_length=1, max_length=24)]


class Say(Struct, tag="say"):
    text: Annotated[str, Meta(min_length=1, max_length=500, examples=["hello"])]


class Leave(Struct, tag="leave"):
    pass


class Said(Struct, tag="said"):
    by: str
    text: str


class Here(Struct, tag="here"):
    names: list[str]


ChatSocket = WebSocket[Say | Leave, Said | Here]


class Room:
    def __init__(self) -> None:
        self.people: dict[ChatSocket, str] = {}

    def tell(self, news: Said | Here) -> None:
        """Queue the news for everybody; whoever reads too slowly misses it, and nobody waits."""
        for ws in self.people:
            with suppress(OutboxFull, WebSocketDisconnect):
                ws.send_nowait(news)

    def tell_who_is_here(self) -> None:
        self.tell(Here(sorted(self.people.values())))


class RoomComponent(Component):
    rooms: WeakValueDictionary[str, Room] = WeakValueDictionary()  # a room is there while somebody is in it

    def resolve(self, room: Name) -> Room:
        return self.rooms.setdefault(room, Room())


async def chat(ws: ChatSocket, room: Room, name: Name) -> None:
    """Talk with everybody in a room."""
    await ws.connect()
    room.people[ws] = name
    room.tell_who_is_here()
    try:
        async for message in ws:
            match message:
                case Say(text):
                    room.tell(Said(name, text))
                case Leave():
                    break
    finally:
        del room.people[ws]
        room.tell_who_is_here()


app = ASyncApp(routes=[Route("/chat/{room}", handler=chat)], components=[RoomComponent()], title="Chat")
