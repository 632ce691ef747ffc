"""
A way to a server that can lead to another one, be slow, or go dead without a word: what a network does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Detour:
    """
    Forwards TCP connections.

    Attributes:
        port: Where it listens.
        delay_s: What each piece waits, in each direction.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self.delay_s = 0.0
        self._target = target
        self._passable = asyncio.Event()
        self._passable.set()
        self._open: set[asyncio.StreamWriter] = set()

    def lead_to(self, target: int) -> None:
        """Cut every connection; the next ones lead elsewhere."""
        self._target = target
        self.cut()

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._open:
            writer.transport.abort()

    def swallow(self) -> None:
        """From now on nothing comes through, and nobody is told: no FIN, no RST."""
        self._passable.clear()

    def let_through(self) -> None:
        self._passable.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        await self._passable.wait()
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, back}
        try:
            ways = [asyncio.ensure_future(way) for way in (self._pass(reader, back), self._pass(there, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
        finally:
            self._open -= {writer, back}
            writer.transport.abort()
            back.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._passable.wait()
                writer.write(piece)
                await writer.drain()


@contextlib.asynccontextmanager
async def detour(target: int) -> AsyncIterator[Detour]:
    """A way to a port of this machine."""
    way = Detour(target)
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(way.serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    way.port = server.sockets[0].getsockname()[1]
    try:
        yield way
    finally:
        server.close()
        way.cut()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
