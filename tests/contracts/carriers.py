"""
Who can carry a WebSocket: each gives the transport of a connection whose other end is a client in bytes.

To run the contract over one more server, add it to CARRIERS. `ASGICarrier` does the work for servers that call an ASGI
application in this process; `servers.py` has a function for each that serves one until its block is left.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from apistar.limits import Limits
from apistar.observer import Observer
from apistar.transports.asgi import ASGITransport
from apistar.transports.transport import Capability, Ending, Transport
from apistar.types import Receive, Scope, Send
from tests.contracts.servers import Serving, granian, hypercorn, uvicorn_with
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


CODES: Final = "what the peer's Close said"
HEADERS: Final = "headers of the application in the 101"
CANCELLING: Final = "a receive() that can be cancelled"


class Carrier(Protocol):
    """
    A server.

    Attributes:
        capabilities: Those of its transports; tests of the others leave the server out.
        lacks: What ASGI asks for and this server does not do; tests of it leave the server out.
    """

    name: str
    capabilities: Capability
    lacks: frozenset[str]

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
    capabilities = ~Capability.NONE
    lacks: frozenset[str] = frozenset()

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
    """ASGI's `receive` and `send`, on one server."""

    def __init__(self, name: str, serving: Serving, *lacks: str) -> None:
        self.name = name
        self.capabilities = Capability.DENIAL_RESPONSE
        self.lacks = frozenset(lacks)
        self._serving = serving

    @contextlib.asynccontextmanager
    async def pair(
        self, limits: Limits | None = None, observer: Observer | None = None, *lines: bytes
    ) -> AsyncIterator[Pair]:
        arrivals: asyncio.Queue[ASGITransport] = asyncio.Queue()
        endings: list[Ending] = []
        over = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "websocket":
                return
            transport = ASGITransport(scope, receive, send)
            transport.bind(endings.append, limits or Limits(), observer, "/")
            arrivals.put_nowait(transport)
            await over.wait()

        async with self._serving(app) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            client = wire.Client(reader, writer)
            client.send(wire.upgrade_request(*lines))
            async with asyncio.timeout(wire.TIME_LIMIT_S):
                transport = await arrivals.get()
            try:
                yield Pair(transport, client, endings)
            finally:
                transport.abort()
                over.set()
                await client.close()


CARRIERS: list[Carrier] = [
    NativeCarrier(),
    ASGICarrier("ours through ASGI", uvicorn_with("apistar.server:WebSocketProtocol")),
    ASGICarrier("uvicorn websockets", uvicorn_with("websockets-sansio")),
    ASGICarrier("uvicorn wsproto", uvicorn_with("wsproto")),
    ASGICarrier("hypercorn", hypercorn, CODES),
    ASGICarrier("granian", granian, CODES, HEADERS, CANCELLING),
]


async def ended(pair: Pair) -> Ending:
    """Wait until the transport knows that the connection is over."""
    async with asyncio.timeout(wire.TIME_LIMIT_S):
        await pair.transport.wait_closed()
    assert pair.transport.ending is not None
    return pair.transport.ending
