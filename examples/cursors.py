"""
Everybody's cursor on one page: of a cursor only the newest place matters, so a slow client skips those before it.

    apistar run examples.cursors:app            look at http://127.0.0.1:8000 in two windows
"""

import os
from typing import Annotated
from uuid import uuid4

from msgspec import Meta, Struct

from apistar import ASyncApp, Limits, Route, WebSocket, http
from apistar.channels import Channel, MemberJoined, MemberLeft, Presence, conflate

Share = Annotated[float, Meta(ge=0, le=1)]


class Move(Struct):
    """Where the pointer is, as a share of the page."""

    x: Share
    y: Share


class Cursor(Struct, tag="cursor"):
    who: str
    x: float
    y: float


class Board(Channel[Cursor]):
    topic = "board:{board}"
    presence = Presence(grace_s=1)


async def point(ws: WebSocket[Move, Cursor | MemberJoined | MemberLeft], board: Board):
    await ws.connect()
    who = uuid4().hex[:6]
    async with board.join(ws, member=who, presence=True, policy=conflate("who")):
        async for move in ws:
            await board.publish(Cursor(who, move.x, move.y))


async def page() -> http.HTMLResponse:
    return http.HTMLResponse(PAGE)


PAGE = """<!doctype html><meta charset="utf-8"><title>Cursors</title>
<style>body { height: 100vh; margin: 0; overflow: hidden; font: 16px system-ui } p { margin: 2em }
i { position: absolute; width: 16px; height: 16px; border-radius: 50%; transition: all 40ms linear }</style>
<p>Move the pointer. Open this page in a second window.</p>
<script>
const dots = {};
const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/boards/main`);
socket.onmessage = ({data}) => {
  const {type, who, x, y, member} = JSON.parse(data);
  if (type === "member_left") { dots[member]?.remove(); delete dots[member]; }
  if (type !== "cursor") return;
  const dot = dots[who] ??= document.body.appendChild(document.createElement("i"));
  dot.style.cssText = `background: hsl(${parseInt(who, 16) % 360} 80% 50%); left: ${x * 100}%; top: ${y * 100}%`;
};
onpointermove = (event) => {
  if (socket.readyState === 1)
    socket.send(JSON.stringify({x: event.clientX / innerWidth, y: event.clientY / innerHeight}));
};
</script>"""

app = ASyncApp(
    routes=[
        Route("/", "GET", page),
        Route("/boards/{board}", handler=point, limits=Limits(message_rate=200)),
    ],
    broker=os.environ.get("BROKER", "memory://"),
)
