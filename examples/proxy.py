"""
A proxy to another WebSocket: messages pass both ways, and whichever side ends, ends the other with its own code.

    pip install websockets
    apistar run examples.hello:app --port 8001
    UPSTREAM=ws://127.0.0.1:8001 apistar run examples.proxy:app
    apistar ws ws://127.0.0.1:8000/echo

Nothing is kept in between but one message: `send()` waits on either side while its reader is slow.
"""

import asyncio
import os
from contextlib import suppress

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from apistar import ASyncApp, Route, WebSocket
from apistar.exceptions import HTTPException, WebSocketDisconnect
from apistar.websocket import status

UPSTREAM = os.environ.get("UPSTREAM", "ws://127.0.0.1:8001")


async def proxy(ws: WebSocket, path: str, tasks: asyncio.TaskGroup) -> None:
    """
    Pass messages on to another server.

    Raises:
        HTTPException: If the other server cannot be reached or refuses.
    """
    offered = [Subprotocol(name) for name in ws.subprotocols]
    url = f"{UPSTREAM}/{path}?{ws.url.query}"
    try:
        upstream = await connect(url, subprotocols=offered or None, open_timeout=5)
    except (OSError, TimeoutError, WebSocketException) as error:
        raise HTTPException("the other server is not there", status_code=502) from error
    try:
        await ws.connect(subprotocol=upstream.subprotocol)
        tasks.create_task(pass_back(upstream, ws))
        async for message in ws:
            await upstream.send(message)
    except (ConnectionClosed, WebSocketDisconnect):
        pass  # the other side is told below, or by pass_back()
    finally:
        await upstream.close(*ending(ws.close_code, ws.close_reason))


async def pass_back(upstream: ClientConnection, ws: WebSocket) -> None:
    with suppress(ConnectionClosed):
        async for message in upstream:
            await ws.send(message)
    await ws.close(*ending(upstream.close_code, upstream.close_reason))


def ending(code: int | None, reason: str | None) -> tuple[int, str]:
    """The same ending for the other side; codes such as 1006, which no frame may carry, become 1000 or 1014."""
    if code is not None and status.is_sendable(code):
        return code, reason or ""
    return (status.WS_1014_BAD_GATEWAY if code == status.WS_1006_ABNORMAL_CLOSURE else status.WS_1000_OK), ""


app = ASyncApp(routes=[Route("/{+path}", handler=proxy)], title="Proxy")
