"""
A chat over channels: history, who is here, and clients that come back where they were; one process or many.

    apistar run examples.rooms:app
    BROKER=redis://localhost:6379 apistar run examples.rooms:app --workers 4
    BROKER=postgresql://localhost:5432/rooms apistar run examples.rooms:app --workers 4
    apistar ws 'ws://127.0.0.1:8000/rooms/lobby?name=Ada'
    {"type": "enter"}
    {"type": "say", "text": "hello"}

Whoever comes back sends the position of what it has seen last: {"type": "enter", "since": {"epoch": "…", "offset": 7}}
"""

import os

from msgspec import Struct

from apistar import ASyncApp, Route, WebSocket, http
from apistar.channels import Channel, History, MemberJoined, MemberLeft, Position, Presence


class Enter(Struct, tag="enter"):
    since: Position | None = None


class Say(Struct, tag="say"):
    text: str


class Said(Struct, tag="said"):
    by: str
    text: str


class Entered(Struct, tag="entered"):
    """`recovered`: nothing since then is missing, and it was sent before this; else `recent` is where to begin."""

    position: Position
    recovered: bool
    members: list[str]
    recent: list[Said]


class Room(Channel[Said]):
    """One room; what is said in it is remembered for an hour."""

    topic = "room:{room}"
    history = History(size=200, ttl_s=3600)
    presence = Presence(grace_s=3)
    numbered = True


async def chat(ws: WebSocket[Enter | Say, Entered | MemberJoined | MemberLeft], room: Room, name: str):
    await ws.connect()
    first = await ws.receive()
    since = first.since if isinstance(first, Enter) else None
    async with room.join(ws, member=name, since=since, presence=True) as joined:
        recent = [] if joined.recovered else [one.data for one in await room.recent(50)]
        await ws.send(Entered(joined.position, joined.recovered, await room.members(), recent))
        async for message in ws:
            if isinstance(message, Say):
                await room.publish(Said(name, message.text))


async def remove(room: Room, name: http.QueryParam) -> dict[str, str]:
    """Close somebody's sockets in this room, in every process."""
    await room.disconnect(member=name, code=4003, reason="removed")
    return {"removed": name}


app = ASyncApp(
    routes=[
        Route("/rooms/{room}", handler=chat),
        Route("/rooms/{room}/members", "DELETE", remove),
    ],
    broker=os.environ.get("BROKER", "memory://"),
    ready_url="/ready",
    title="Rooms",
)
