"""
Who can carry a WebSocket: each gives the transport of a connection whose other end is a client in bytes.

To run the contract over one more server, write a `Carrier` and add it to CARRIERS. `ASGICarrier` does the work for
servers that call an ASGI application in this process: it needs a function that serves one until it is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from apistar.limits import Limits
from apistar.observer import Observer
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


CARRIERS: list[Carrier] = [NativeCarrier()]


async def ended(pair: Pair) -> Ending:
    """Wait until the transport knows that the connection is over."""
    async with asyncio.timeout(wire.TIME_LIMIT_S):
        await pair.transport.wait_closed()
    assert pair.transport.ending is not None
    return pair.transport.ending
