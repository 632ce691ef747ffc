"""
What a client has sent behind requests that wait for their turn: kept as bytes, and not read without end.

A request that is parsed is some kilobytes of objects; a thousand of them fit into one read. So what comes is parsed in
slices, and none while a request waits. The bytes behind it are kept here, up to a bound; past it the connection is not
read, whatever the application asks for, and TCP holds the client back.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.flow_control import FlowControl

SLICE_BYTES: Final = 4 * 1024
"""Parsed at once; the smallest 200 requests."""
HELD_BYTES: Final = 64 * 1024
"""Kept of a client that sends on; with one more read at most, the first one."""


class ReadAhead(FlowControl):
    """uvicorn's flow control of one connection, with what was read too early."""

    def __init__(self, tcp: asyncio.Transport) -> None:
        super().__init__(tcp)
        self._held = b""

    def hold(self, data: bytes) -> None:
        """Keep what came last."""
        self._held += data
        if len(self._held) >= HELD_BYTES:
            self.pause_reading()

    def take(self) -> bytes:
        """Give what was kept, in the order in which it came."""
        held, self._held = self._held, b""
        return held

    def resume_reading(self) -> None:
        if len(self._held) < HELD_BYTES:
            super().resume_reading()
