"""
Nothing is kept of what was served.

In memory every object is counted. On a real server this is the short form of `python -m benchmarks.leaks`, which is the
whole: in its first 10,000 requests a process still finds its size, so the bound is a wider one here.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from apistar import ASyncApp, AsyncTestClient, Component, Route, WebSocket, http
from apistar.exceptions import NotFound
from apistar.testing import WebSocketDenied
from benchmarks import leaks


class Session:
    pass


class SessionComponent(Component):
    async def resolve(self, name: str) -> AsyncIterator[Session]:
        yield Session()


async def over_http(name: str, session: Session, user_agent: http.Header) -> dict[str, str]:
    if name.endswith("7"):
        raise NotFound
    return {"name": name}


async def over_websocket(ws: WebSocket, name: str, session: Session, tasks: asyncio.TaskGroup) -> None:
    if name.endswith("7"):
        raise NotFound
    await ws.connect()
    tasks.create_task(ws.wait_closed())
    await ws.send(await ws.receive())
    await ws.wait_closed()


async def serve(client: AsyncTestClient, start: int, count: int) -> None:
    for number in range(start, start + count):
        await client.get(f"/{number}?query={number}")
        try:
            async with client.websocket(f"/{number}?query={number}") as ws:
                await ws.send("x")
                assert await ws.receive() == "x"
        except WebSocketDenied:
            assert str(number).endswith("7")


async def test_no_object_is_left_of_a_request_or_a_connection() -> None:
    app = ASyncApp(
        [Route("/{name}", handler=over_http), Route("/{name}", handler=over_websocket)], [SessionComponent()]
    )
    async with AsyncTestClient(app) as client:
        await serve(client, 0, 100)
        gc.collect()
        before = len(gc.get_objects())
        await serve(client, 100, 300)
        gc.collect()
        left = len(gc.get_objects()) - before
    assert left < 150, f"{left} objects are left of 300 requests and 300 connections"


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.requires("gcc")
def test_memory_of_a_server_stays_where_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = ["--requests", "14000", "--connections", "8000", "--first", "5000", "--most", str(2 << 20)]
    status = leaks.main(numbers)
    assert status == 0, capsys.readouterr().out
