"""
ASGI servers in this process, each as a function that serves one application until its block is left.

uvicorn's protocol classes are put on a listener of the loop, which saves its start and its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeAlias, cast

import uvicorn
from granian.constants import Interfaces
from granian.server.embed import Server as Granian
from hypercorn.asyncio import serve
from hypercorn.config import Config as HypercornConfig
from uvicorn.server import ServerState

from apistar.types import ASGIApp
from tests.transports.wire import until

Serving: TypeAlias = Callable[[ASGIApp], AbstractAsyncContextManager[int]]
"""Gives the port."""

HOST: Final = "127.0.0.1"


def uvicorn_with(ws: str) -> Serving:
    """uvicorn with one of its WebSocket implementations."""

    @contextlib.asynccontextmanager
    async def serving(app: ASGIApp) -> AsyncIterator[int]:
        options: dict[str, Any] = {"ws": ws, "http": "httptools", "lifespan": "off", "log_level": "critical"}
        config = uvicorn.Config(cast(Any, app), **options)
        config.load()
        make: Callable[..., asyncio.Protocol] = config.http_protocol_class
        state = ServerState()
        server = await asyncio.get_running_loop().create_server(
            lambda: make(config=config, server_state=state, app_state={}), HOST, 0
        )
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in list(state.tasks):
                task.cancel()
            await asyncio.gather(*state.tasks, return_exceptions=True)
            for connection in list(state.connections):
                connection.transport.abort()

    return serving


@contextlib.asynccontextmanager
async def hypercorn(app: ASGIApp) -> AsyncIterator[int]:
    listener = socket.socket()
    listener.bind((HOST, 0))
    listener.listen()
    port: int = listener.getsockname()[1]
    config = HypercornConfig()
    config.bind = [f"fd://{listener.detach()}"]
    config.graceful_timeout = 0.1
    config.errorlog = None
    stop = asyncio.Event()
    task = asyncio.ensure_future(serve(cast(Any, app), config, shutdown_trigger=stop.wait))
    try:
        yield port
    finally:
        stop.set()
        await task


@contextlib.asynccontextmanager
async def granian(app: ASGIApp) -> AsyncIterator[int]:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    server = Granian(app, address=HOST, port=port, interface=Interfaces.ASGINL, log_enabled=False)
    task = asyncio.ensure_future(server.serve())

    def answers() -> bool:
        with socket.socket() as client:
            return client.connect_ex((HOST, port)) == 0

    try:
        await until(answers, "granian to answer")
        yield port
    finally:
        server.stop()
        await task
