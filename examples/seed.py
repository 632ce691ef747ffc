"""Five sockets: a hundred hellos, the same as JSON, a clock, ping-pong, and ping-pong in JSON."""

import asyncio
from datetime import datetime

from apistar import ASyncApp, Route, WebSocket
from apistar.exceptions import WebSocketDisconnect


async def websocket_helloworld(ws: WebSocket):
    """Connect with the client, send what there is, close."""
    await ws.connect()

    # Send 100 Hello World!
    for _ in range(100):
        await ws.send("Hello World!")

    await ws.close()


async def websocket_helloworld_msg(ws: WebSocket):
    """Easily send JSON."""
    await ws.connect()

    # Send 100 Hello World! JSON messages
    for idx in range(100):
        await ws.send_json({"index": idx, "text": "Hello World!"})

    await ws.close()


async def websocket_helloworld_forever(ws: WebSocket):
    """Send a JSON message to the client, about once a second, until the client goes away."""
    await ws.connect()

    try:
        while True:
            await ws.send_json({"timestamp": datetime.now().isoformat(), "text": "Hello World!"})
            await asyncio.sleep(1)
    except WebSocketDisconnect:
        pass  # The WebSocket was closed by the client; do any needed post processing below


async def websocket_pingpong_forever(ws: WebSocket):
    """Ping Pong, until the client goes away."""
    await ws.connect()

    try:
        while True:
            # wait for the ping. ws.receive() will block until a message comes in.
            ping = await ws.receive()
            await ws.send("pong")
    except WebSocketDisconnect:
        pass


async def websocket_pingpong_json_forever(ws: WebSocket):
    """Ping Pong JSON, until the client goes away."""
    await ws.connect()

    try:
        while True:
            # wait for the ping. ws.receive_json() will block until a message comes in.
            ping = await ws.receive_json()
            await ws.send_json({"paddle": "pong"})
    except WebSocketDisconnect:
        pass


routes = [
    Route("/hello", handler=websocket_helloworld),
    Route("/hello/json", handler=websocket_helloworld_msg),
    Route("/clock", handler=websocket_helloworld_forever),
    Route("/pingpong", handler=websocket_pingpong_forever),
    Route("/pingpong/json", handler=websocket_pingpong_json_forever),
]

app = ASyncApp(routes=routes)
