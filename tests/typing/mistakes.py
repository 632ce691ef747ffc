"""
What type checkers refuse: every line marked here is an error for mypy and for pyright alike.

A mark that is not needed is an error too, in both, so that nothing stands here that passes.
"""

from __future__ import annotations

from apistar import Provider, WebSocket, http
from tests.typing.revealed import Here, Leave, Room, Said, Say, Session


async def raw(ws: WebSocket) -> None:
    await ws.send(Said("a", "b"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ws.send(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    text: str = await ws.receive()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(text)


async def typed(ws: WebSocket[Say | Leave, Said]) -> None:
    await ws.send("text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ws.send(Say("x"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ws.send_nowait(Here([]))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    said: Said = await ws.receive()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(said)
    narrower: WebSocket[Say, Said] = ws  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    await narrower.receive()


async def sends_less(ws: WebSocket[Say, Said]) -> None:
    more: WebSocket[Say, Said | Here] = ws  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    await more.send(Here([]))


async def borrows(sessions: Provider[Session]) -> None:
    async with sessions() as session:
        session.find(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def order(body: http.Body[Said]) -> int:
    return body.text  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


async def publishes(room: Room) -> None:
    await room.publish(Say("x"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    nothing: None = await room.publish(Said("a", "b"))  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(nothing)
