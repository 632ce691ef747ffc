"""An application whose clients have half a second to take something of an answer, and what it saw of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from apistar import ASyncApp, Limits, Route, http

MIB = 1 << 20
big = Path(tempfile.mkdtemp(), "big")
with big.open("wb") as file:
    file.truncate(64 * MIB)
running: set[str] = set()


async def stream() -> http.StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        running.add("stream")
        try:
            while True:
                yield bytes(MIB)
                await asyncio.sleep(0)
        finally:
            running.discard("stream")

    return http.StreamingResponse(pieces())


async def events() -> AsyncIterator[http.ServerSentEvent[str]]:
    running.add("events")
    try:
        while True:
            yield http.ServerSentEvent("x" * MIB)
    finally:
        running.discard("events")


async def large() -> http.Response:
    return http.Response(bytes(32 * MIB))


async def file_of_64_mib() -> http.FileResponse:
    return http.FileResponse(big)


async def state() -> dict[str, int]:
    return {"running": len(running), "tasks": len(asyncio.all_tasks())}


app = ASyncApp(
    [
        Route("/stream", handler=stream),
        Route("/hasty", handler=stream, name="hasty", limits=Limits(send_timeout_s=0.3)),
        Route("/hasty-events", handler=events, name="hasty-events", limits=Limits(send_timeout_s=0.3)),
        Route("/patient", handler=large, name="patient", limits=Limits(send_timeout_s=60.0)),
        Route("/patient-events", handler=events, name="patient-events", limits=Limits(send_timeout_s=60.0)),
        Route("/large", handler=large),
        Route("/file", handler=file_of_64_mib),
        Route("/state", handler=state),
    ],
    limits=Limits(send_timeout_s=0.5),
)
