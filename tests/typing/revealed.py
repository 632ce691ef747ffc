"""
What type checkers know, pinned: each `assert_type` fails the checker where it sees another type.

Nothing here runs. mypy reads it with the other tests; `test_typing.py` has pyright read it too, in strict mode.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import Enum
from typing import Any, assert_type
from uuid import UUID

import msgspec

from apistar import ASyncApp, AsyncTestClient, Component, Include, Limits, Provider, Route, TestClient, WebSocket, http
from apistar.channels import Broker, Channel, History, MemberJoined, MemberLeft, Position, Published
from apistar.exceptions import InvalidMessage, WebSocketDisconnect
from apistar.messages import JSON
from apistar.testing import AsyncWebSocketSession, WebSocketSession
from apistar.websocket import WebSocketState


class Say(msgspec.Struct, tag="say"):
    text: str


class Leave(msgspec.Struct, tag="leave"):
    pass


class Said(msgspec.Struct, tag="said"):
    by: str
    text: str


class Here(msgspec.Struct, tag="here"):
    names: list[str]


class Size(Enum):
    SMALL = "small"


class Session:
    def find(self, name: str) -> int:
        return len(name)


# Sockets


async def raw(ws: WebSocket) -> None:
    """`WebSocket` alone carries text and bytes."""
    assert_type(ws, WebSocket[str | bytes, str | bytes])
    assert_type(await ws.connect(), None)
    assert_type(await ws.receive(), str | bytes)
    assert_type(await ws.receive_text(), str)
    assert_type(await ws.receive_bytes(), bytes)
    assert_type(await ws.receive_json(), Any)
    async for message in ws:
        assert_type(message, str | bytes)
        assert_type(await ws.send(message), None)
    ws.send_nowait(b"bytes")
    await ws.send_text("text")
    await ws.send_bytes(memoryview(b"bytes"))
    await ws.send_json({"any": ["thing"]})
    assert_type(await ws.close(1000, "over"), None)
    assert_type(await ws.wait_closed(), None)


async def typed(ws: WebSocket[Say | Leave, Said]) -> None:
    """`WebSocket[In, Out]` gives `In` and takes `Out`."""
    assert_type(await ws.receive(), Say | Leave)
    async for message in ws:
        assert_type(message, Say | Leave)
        match message:
            case Say(text):
                assert_type(text, str)
                await ws.send(Said("somebody", text))
                ws.send_nowait(Said("somebody", text))
            case Leave():
                assert_type(message, Leave)


async def events(prompt: str) -> AsyncIterator[http.ServerSentEvent[Said | Here]]:
    """Fewer types may be yielded than were announced, and no data at all."""
    event = http.ServerSentEvent(Said("somebody", prompt), id="1")
    assert_type(event, http.ServerSentEvent[Said])
    yield event
    yield http.ServerSentEvent(Here([prompt]), event="here", retry_ms=500)
    yield http.ServerSentEvent(comment="nothing yet")


async def one_way(ws: WebSocket[Say]) -> None:
    """`WebSocket[In]` sends text and bytes."""
    assert_type(ws, WebSocket[Say, str | bytes])
    assert_type(await ws.receive(), Say)
    await ws.send("text")


async def builtins(ws: WebSocket[list[int], dict[str, float] | None]) -> None:
    assert_type(await ws.receive(), list[int])
    await ws.send({"sum": 1.5})
    await ws.send(None)


async def tell(ws: WebSocket[Any, Said]) -> None:
    await ws.send(Said("somebody", "something"))


async def hear(ws: WebSocket[Say | Leave, Here]) -> Say | Leave:
    return await ws.receive()


async def passes_on(ws: WebSocket[Say, Said | Here]) -> None:
    """Whoever sends less, or takes more, may be given this socket."""
    await tell(ws)
    assert_type(await hear(ws), Say | Leave)


async def facts(ws: WebSocket) -> None:
    assert_type(ws.state, WebSocketState)
    assert_type((ws.connecting, ws.connected, ws.closed), tuple[bool, bool, bool])
    assert_type(ws.subprotocol, str | None)
    assert_type(ws.close_code, int | None)
    assert_type(ws.close_reason, str | None)
    assert_type(ws.headers, http.Headers)
    assert_type(ws.query_params, http.QueryParams)
    assert_type(ws.url, http.URL)
    assert_type(ws.cookies, dict[str, str])
    assert_type(ws.path_params, dict[str, Any])


async def endings(ws: WebSocket[Say, Said]) -> None:
    try:
        await ws.receive()
    except InvalidMessage as fault:
        assert_type((fault.path, fault.expected, fault.got), tuple[str, str, str])
    except WebSocketDisconnect as end:
        assert_type((end.code, end.reason), tuple[int, str])


async def ticks(symbol: str) -> AsyncIterator[Said]:
    yield Said("exchange", symbol)


# What is injected


class SessionComponent(Component):
    async def resolve(self, name: http.QueryParam) -> AsyncIterator[Session]:
        assert_type(name, http.QueryParam)
        yield Session()


async def borrows(ws: WebSocket, sessions: Provider[Session]) -> None:
    async with sessions(name="ann") as session:
        assert_type(session, Session)
        assert_type(session.find("x"), int)


async def order(body: http.Body[Said], user_agent: http.Header, id: UUID, limit: int = 10) -> Said:
    assert_type(body, Said)
    assert_type(user_agent, str)
    return body


async def paged(
    x_page: http.Header[int], sid: http.Cookie, size: http.QueryParam[int] = 20, tag: http.Cookie = ""
) -> int:
    assert_type(x_page, int)
    assert_type(sid, str)
    assert_type(tag, str)
    assert_type(size, int)
    return x_page * size


async def page_of_some(x_page: http.Header[int] | None, sid: http.Cookie | None = None) -> None:
    assert_type(x_page, int | None)
    assert_type(sid, str | None)


async def upload(body: http.Body[bytes], size: Size | None = None) -> http.Response:
    assert_type(body, bytes)
    return http.JSONResponse({"bytes": len(body)}, status_code=201)


# Channels


class Room(Channel[Said]):
    topic = "room:{room}"
    history = History(size=100, ttl_s=300)
    presence = True


async def chat(ws: WebSocket[Say, Said], room: Room) -> None:
    await ws.connect()
    async with room.join(ws, member="ann") as joined:
        assert_type((joined.position, joined.recovered, joined.dropped), tuple[Position, bool, int])
        async for message in ws:
            assert_type(await room.publish(Said("ann", message.text)), Position)


async def announce(body: http.Body[Say], rooms: Provider[Room]) -> Position:
    async with rooms(room="lobby") as room:
        return await room.publish(Said("server", body.text))


async def follows(room: Room, since: Position) -> None:
    async with room.subscribe(since=since) as publications:
        async for publication in publications:
            assert_type(publication, Published[Said])
            assert_type((publication.data, publication.position), tuple[Said, Position | None])
    async with room.changes() as changes:
        async for change in changes:
            assert_type(change, MemberJoined | MemberLeft)
    assert_type(await room.members(), list[str])
    assert_type(await room.recent(5), list[Published[Said]])
    assert_type(await room.position(), Position)


async def script() -> None:
    async with Broker.connect("memory://") as broker:
        await Room(broker, room="7").publish(Said("cron", "hello"))


# The application


app = ASyncApp(
    routes=[
        Route("/", "GET", order),
        Route("/raw", handler=raw, name="raw", documented=False, limits=Limits(max_message_bytes=10)),
        Include("/v1", "v1", [Route("/typed", handler=typed, codecs=["json", "msgpack"])]),
    ],
    components=[SessionComponent()],
    limits=Limits(idle_timeout_s=60),
)
assert_type(app.reverse_url("raw"), str)


# Tests of an application


def test_client() -> None:
    with TestClient(app) as client, client.websocket("/raw", subprotocols=["v1"]) as ws:
        assert_type(ws, WebSocketSession)
        assert_type(ws.receive(), str | bytes)
        assert_type(ws.receive_json(), Any)
        assert_type(ws.close_code, int | None)


async def test_async_client() -> None:
    async with AsyncTestClient(app) as client, client.websocket("/raw") as ws:
        assert_type(ws, AsyncWebSocketSession)
        assert_type(await ws.receive(), str | bytes)


# Messages without a socket

assert_type(JSON.decoder(Said)(b"{}"), Said)
assert_type(JSON.encoder(Said)(Said("a", "b")), bytes)
