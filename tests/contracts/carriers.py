"""
Who can carry a WebSocket: each gives the transport of a connection whose other end is a client in bytes.

To run the contract over one more server, write a `Carrier` and add it to CARRIERS. What only whole processes can show
(hypercorn, granian) is in `tests/integration/test_clients.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import uvicorn
import uvicorn.server

from apistar.limits import DEFAULTS, Limits
from apistar.observer import Observer
from apistar.transports.asgi import ASGITransport
from apistar.transports.transport import Ending, Transport
from tests.transports import wire


@dataclass
class Pair:
    """
    Both ends of one connection. `transport` is bound; the upgrade request is sent and not answered.

    Attributes:
        endings: What `on_end` was called with.
    """

    transport: Transport
    client: wire.Client
    endings: list[Ending]

    async def accept(self, subprotocol: str | None = None) -> bytes:
        """Complete the handshake; the head of the answer."""
        await self.transport.accept(subprotocol, ())
        return await self.client.read_head()


class Carrier(Protocol):
    """A server."""

    name: str

    def pair(
        self, limits: Limits | None = None, observer: Observer | None = None, *lines: bytes
    ) -> AbstractAsyncContextManager[Pair]:
        """
        Open one connection.

        Args:
            lines: Further header lines of the upgrade request.
        """


class NativeCarrier:
    """Our transport on TCP, without the HTTP side."""

    name = "native"

    @contextlib.asynccontextmanager
    async def pair(
        self, limits: Limits | None = None, observer: Observer | None = None, *lines: bytes
    ) -> AsyncIterator[Pair]:
        async with wire.serving(limits, observer=observer) as server:
            client = await server.client(*lines)
            transport, owner = await server.arrivals.get()
            try:
                yield Pair(transport, client, owner.endings)
            finally:
                transport.abort()


class ASGICarrier:
    """
    The generic transport, on uvicorn in this process.

    Args:
        ws: uvicorn's name of a WebSocket protocol class.
    """

    def __init__(self, name: str, ws: str) -> None:
        self.name = name
        self._ws = ws

    @contextlib.asynccontextmanager
    async def pair(
        self, limits: Limits | None = None, observer: Observer | None = None, *lines: bytes
    ) -> AsyncIterator[Pair]:
        arrivals: asyncio.Queue[tuple[ASGITransport, list[Ending]]] = asyncio.Queue()
        over = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            transport = ASGITransport(scope, receive, send)
            endings: list[Ending] = []
            transport.bind(endings.append, limits or DEFAULTS, observer, "/")
            arrivals.put_nowait((transport, endings))
            await over.wait()

        config = uvicorn.Config(app, ws=self._ws, lifespan="off", log_config=None, ws_ping_interval=None)
        config.load()
        state = uvicorn.server.ServerState()
        loop = asyncio.get_running_loop()
        protocol: Any = config.http_protocol_class
        server = await loop.create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0)
        client = await wire.connected(server.sockets[0].getsockname()[1], *lines)
        try:
            transport, endings = await asyncio.wait_for(arrivals.get(), wire.TIME_LIMIT_S)
            try:
                yield Pair(transport, client, endings)
            finally:
                transport.abort()
        finally:
            over.set()
            await client.close()
            server.close()
            for task in list(state.tasks):
                task.cancel()
            await asyncio.gather(*state.tasks, return_exceptions=True)


CARRIERS: list[Carrier] = [
    NativeCarrier(),
    ASGICarrier("uvicorn websockets", "websockets-sansio"),
    ASGICarrier("uvicorn wsproto", "wsproto"),
    ASGICarrier("ours through ASGI", "apistar.server:WebSocketProtocol"),
]


async def ended(pair: Pair) -> Ending:
    """Wait until the transport knows that the connection is over."""
    async with asyncio.timeout(wire.TIME_LIMIT_S):
        await pair.transport.wait_closed()
    assert pair.transport.ending is not None
    return pair.transport.ending
