"""FastAPI, with pydantic for what is typed."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Header, WebSocket, WebSocketDisconnect
from pydantic import BaseModel


class Say(BaseModel):
    room: str
    text: str
    number: int


@dataclass
class User:
    name: str


app = FastAPI()
SOCKETS: set[WebSocket] = set()


@app.websocket("/echo")
async def echo(ws: WebSocket) -> None:
    await ws.accept()
    async for message in ws.iter_bytes():
        await ws.send_bytes(message)


@app.websocket("/echo-text")
async def echo_text(ws: WebSocket) -> None:
    await ws.accept()
    async for message in ws.iter_text():
        await ws.send_text(message)


@app.websocket("/typed")
async def typed(ws: WebSocket) -> None:
    await ws.accept()
    try:
        while True:
            say = Say.model_validate_json(await ws.receive_text())
            await ws.send_text(say.model_dump_json())
    except WebSocketDisconnect:
        pass


@app.websocket("/fan")
async def fan(ws: WebSocket) -> None:
    await ws.accept()
    SOCKETS.add(ws)
    try:
        async for message in ws.iter_bytes():
            for other in list(SOCKETS):
                await other.send_bytes(message)
    finally:
        SOCKETS.discard(ws)


async def user_of(x_user: Annotated[str, Header()] = "nobody") -> User:
    return User(x_user)


@app.get("/orders/{number}")
async def order(number: int, user: Annotated[User, Depends(user_of)], page: int = 1) -> dict[str, int | str]:
    return {"number": number, "page": page, "user": user.name}
