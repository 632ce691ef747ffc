"""What a client can make grow by the names that it chooses: topics, members, positions. Row 29 of the threats."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc

import pytest

from apistar import ASyncApp, AsyncTestClient, Provider, Route, WebSocket
from apistar.channels import Channel, History, MemberJoined, MemberLeft, Position, Presence
from apistar.channels import memory as memory_module
from apistar.channels.memory import MemoryBroker
from tests.channels.engines import EVERY_ENGINE, SHARED

NOTHING = dict.fromkeys(("topics", "followers", "sockets", "members"), 0)


class Room(Channel[str]):
    topic = "room:{room}"
    history = History(size=5, ttl_s=60)
    presence = Presence(grace_s=0.0)


async def wanderer(ws: WebSocket, rooms: Provider[Room]) -> None:
    """Joins the room that each message names, says a word in it where the message ends in "!", and leaves."""
    await ws.connect()
    async for name in ws:
        assert isinstance(name, str)
        async with rooms(room=name) as room, room.join(ws, since=Position("", 1)):
            if name.endswith("!"):
                await room.publish("here")
        await ws.send("left")


async def named(ws: WebSocket[str, MemberJoined | MemberLeft | list[str]], rooms: Provider[Room]) -> None:
    """Joins as the member that the first message names."""
    await ws.connect()
    async with rooms(room="x") as room, room.join(ws, member=await ws.receive(), presence=True):
        await ws.send(await room.members())
        async for _ in ws:
            pass


def application(broker: str = "memory://") -> ASyncApp:
    return ASyncApp([Route("/wanderer", handler=wanderer), Route("/named", handler=named)], broker=broker)


async def test_client_that_joins_ten_thousand_topics_leaves_no_more_than_is_kept_of_empty_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory_module, "MAX_EMPTY", 50)
    app = application()
    async with AsyncTestClient(app) as client, client.websocket("/wanderer") as session:

        async def wander(numbers: range) -> None:
            for number in numbers:
                await session.send(f"{number:0200}")
                await session.receive()

        await wander(range(500))
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            await wander(range(500, 1500))
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        statistics = app.hub.statistics()
    assert {**statistics, "sockets": 0} == NOTHING
    assert after - before < 100_000, "a thousand topics of 200 bytes have left something"


async def test_topic_that_is_followed_or_was_published_to_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "MAX_EMPTY", 2)
    broker = MemoryBroker()
    history = History()

    async def look(topic: str) -> Position:
        return (await broker.read(topic, history)).position

    await broker.subscribe("followed")
    followed = await look("followed")
    published = await broker.publish("published", b"x", history)
    first = await look("empty 0")
    assert await look("empty 0") == first
    for number in range(1, 4):
        await look(f"empty {number}")
    assert await look("followed") == followed
    assert await look("published") == published
    assert (await look("empty 0")).epoch != first.epoch
    assert await broker.positions(["empty 1", "empty 2"]) == [None, None]
    await broker.unsubscribe("followed")
    assert await look("followed") == followed


NAMES = ("a:b", ":", "a\0b", "a\r\nb", '"],[', "{room}", "\u202egnp", "%25", "星" * 80, " ", "\U0001f600")


@pytest.mark.parametrize("carrier", ["memory", *EVERY_ENGINE])
async def test_member_is_called_what_it_calls_itself(carrier: str) -> None:
    url = "memory://"
    if carrier != "memory":
        engine = SHARED[carrier]()
        engine.flush()
        url = engine.url
    async with AsyncTestClient(application(url)) as client, client.websocket("/named") as witness:
        await witness.send("witness")
        assert await witness.receive_json() == ["witness"]
        for name in NAMES:
            async with client.websocket("/named") as session:
                await session.send(name)
                assert await session.receive_json() == sorted([name, "witness"])
                assert (await witness.receive_json())["member"] == name
            assert (await witness.receive_json())["member"] == name


async def test_member_that_cannot_be_sent_to_others_is_refused() -> None:
    async def handler(ws: WebSocket[str, MemberJoined | MemberLeft], rooms: Provider[Room]) -> None:
        await ws.connect()
        async with rooms(room="x") as room, room.join(ws, member="half \ud83d"):
            pass

    app = ASyncApp([Route("/", handler=handler)])
    async with AsyncTestClient(app) as client:
        async with client.websocket("/") as session:
            async with asyncio.timeout(10.0):
                await session.wait_closed()
        assert app.hub.statistics() == NOTHING
    assert (session.close_code, session.close_reason) == (
        1008,
        "member holds half a character, and cannot be sent",
    )
