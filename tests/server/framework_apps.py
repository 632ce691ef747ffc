"""One application in each of the frameworks that our protocol class serves: an echo, a refusal, a close."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

import fastapi
import litestar
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

NOTED: list[Any] = []
"""How connections ended."""


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                NOTED.append([message["code"], message["reason"]])
                return
            if message.get("text") is not None:
                await websocket.send_text(message["text"])
            else:
                await websocket.send_bytes(message["bytes"])
    except WebSocketDisconnect:
        pass


async def json_echo(websocket: WebSocket) -> None:
    await websocket.accept("chat", [(b"x-one", b"1")])
    try:
        while True:
            await websocket.send_json(await websocket.receive_json())
    except WebSocketDisconnect as ended:
        NOTED.append([ended.code, ended.reason])


async def count(websocket: WebSocket) -> None:
    await websocket.accept()
    number = 0
    async for text in websocket.iter_text():
        number += len(text)
    NOTED.append(number)


async def late(websocket: WebSocket) -> None:
    """Sends after the client left."""
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        await websocket.receive_text()
    try:
        await websocket.send_text("late")
    except Exception as error:
        NOTED.append(type(error).__name__)


async def deny(websocket: WebSocket) -> None:
    await websocket.send_denial_response(PlainTextResponse("no", status_code=402))


async def refuse(websocket: WebSocket) -> None:
    await websocket.close(4403, "never seen")


async def close(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close(4100, "enough")


async def page(request: object) -> PlainTextResponse:
    return PlainTextResponse("page")


async def events(request: object) -> StreamingResponse:
    """Begins, and has nothing more to say."""

    async def pieces() -> AsyncIterator[str]:
        try:
            yield "data: hello\n\n"
            await asyncio.sleep(1000)
        finally:
            print("events closed", flush=True)

    return StreamingResponse(pieces(), media_type="text/event-stream")


async def noted(request: object) -> JSONResponse:
    return JSONResponse(NOTED)


HANDLERS = (echo, json_echo, count, late, deny, refuse, close)
starlette_app = Starlette(
    routes=[
        Route("/", page),
        Route("/noted", noted),
        Route("/events", events),
        *(WebSocketRoute(f"/{handler.__name__}", handler) for handler in HANDLERS),
    ]
)

fastapi_app = fastapi.FastAPI()
for handler in HANDLERS:
    fastapi_app.add_api_websocket_route(f"/{handler.__name__}", handler)


@fastapi_app.websocket("/typed/{room}")
async def typed(websocket: fastapi.WebSocket, room: int, token: Annotated[str, fastapi.Query()]) -> None:
    await websocket.accept()
    await websocket.send_json([room, token])


@fastapi_app.get("/")
async def fastapi_page() -> str:
    return "page"


@fastapi_app.get("/noted")
async def fastapi_noted() -> list[Any]:
    return NOTED


@litestar.websocket_listener("/echo")
async def litestar_echo(data: str) -> str:
    return data


@litestar.websocket("/close")
async def litestar_close(socket: litestar.WebSocket[Any, Any, Any]) -> None:
    await socket.accept(subprotocols="chat", headers={"x-one": "1"})
    await socket.close(4100, "enough")


@litestar.websocket("/refuse")
async def litestar_refuse(socket: litestar.WebSocket[Any, Any, Any]) -> None:
    raise litestar.exceptions.PermissionDeniedException


@litestar.get("/")
async def litestar_page() -> str:
    return "page"


litestar_app = litestar.Litestar([litestar_echo, litestar_close, litestar_refuse, litestar_page])
