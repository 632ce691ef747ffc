"""An application of the longest names and of types that stand in themselves, and a socket that nobody opens."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from apistar import ASyncApp, Route, WebSocket, http

LONG: Final = "AWordThatIsLongerThanWhatAnyScreenHasRoomForAndThatNoBrowserBreaksByItself"


class Add(msgspec.Struct, tag="add"):
    left: Add | Number | Multiply
    right: Add | Number | Multiply


class Number(msgspec.Struct, tag="number"):
    value: float


class Multiply(msgspec.Struct, tag="multiply"):
    left: Add | Number | Multiply
    right: Add | Number | Multiply


class Endless(msgspec.Struct):
    """No value of it ends."""

    next: Endless


class Node(msgspec.Struct):
    parent: Node | None


Long = msgspec.defstruct(LONG, [(LONG, str)], tag=LONG)


async def calculate(ws: WebSocket[Add | Number | Multiply, list[float]]) -> None:
    """Calculate."""
    await ws.connect()
    async for _ in ws:
        await ws.send([1.0])


async def endless(ws: WebSocket[Endless, Endless]) -> None:
    """Say what cannot be said."""
    await ws.connect()


async def long(ws: WebSocket[Long, Long], a: str) -> None:  # type: ignore[valid-type]  # made by a function
    await ws.connect()


async def multiply(body: http.Body[Multiply]) -> Node:
    return Node(None)


async def waiting(ws: WebSocket) -> None:
    """Let clients wait."""
    await asyncio.sleep(60)


long.__doc__ = f"{LONG} {'and more of it ' * 20}"

app = ASyncApp(
    routes=[
        Route("/calculate", handler=calculate),
        Route("/endless", handler=endless),
        Route(f"/{LONG}/{{a}}/{LONG}", handler=long),
        Route("/multiply", "POST", multiply),
        Route("/waiting", handler=waiting),
    ],
    title=LONG,
)
