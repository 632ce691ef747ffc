"""The application of `test_crowd.py`: sockets that join with `since`, publishers on sockets and over HTTP."""

from __future__ import annotations

import os

import msgspec

from apistar import ASyncApp, Provider, Route, WebSocket, http
from apistar.channels import Channel, History, Position


class Note(msgspec.Struct, frozen=True):
    """The `number`-th publication of a publisher."""

    publisher: str
    number: int


class Notes(Channel[Note]):
    topic = "notes:{name}"
    history = History(size=10_000, ttl_s=600)
    numbered = True


async def follow(ws: WebSocket, notes: Notes, epoch: str = "", offset: int = 0) -> None:
    await ws.connect()
    since = Position(epoch, offset) if epoch else None
    async with notes.join(ws, since=since) as joined:
        position = joined.position
        await ws.send_json({"recovered": joined.recovered, "position": position})
        async for message in ws:
            assert isinstance(message, str)
            note = msgspec.json.decode(message, type=Note)
            await ws.send_json({"published": note.number, "position": await notes.publish(note)})


async def publish(body: http.Body[Note], name: str, notes: Provider[Notes]) -> Position:
    async with notes(name=name) as topic:
        return await topic.publish(body)


app = ASyncApp(
    routes=[Route("/{name}", "POST", publish), Route("/{name}", handler=follow)],
    broker=os.environ.get("BROKER_URL", "memory://"),
)
