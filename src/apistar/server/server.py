"""
uvicorn's `Server` with an end that is bounded: see `shutdown.py` for the order and the times.

Differences to uvicorn's: a signal is seen at once and not within 0.1 s, the process ends with status 0 and not by the
signal's own hand, WebSockets are told in batches, and nothing that a client or a handler does holds it up.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Generator
from types import FrameType
from typing import Any, Final

from uvicorn.config import STARTUP_FAILURE
from uvicorn.server import HANDLED_SIGNALS
from uvicorn.server import Server as UvicornServer

from .configuration import Settings
from .service import Service, existing_service, handshake_limits, observer_of
from .shutdown import FORCED_S, RELOAD_S, RESERVE_S, Watchdog, counted, drain, reserve_of, spread_of, wait_until
from .tls_listener import TLSListeners

TICK_S: Final = 1.0
"""How often the Date header is renewed."""
COUNTING_TICK_S: Final = 0.1
"""The same where requests are counted against a limit."""

logger = logging.getLogger("uvicorn.error")


class Server(UvicornServer):
    """One server process."""

    config: Settings

    def __init__(self, config: Settings) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signalled: asyncio.Event | None = None
        self._watchdog: Watchdog | None = None
        self._owns_process = False

    # Signals

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._loop = asyncio.get_running_loop()
        self._signalled = asyncio.Event()
        self._watchdog = Watchdog()
        before = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._captured_signals.append(sig)
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
            self._leave_in(FORCED_S)
        elif not self.should_exit:
            self.should_exit = True
            self._leave_in(self._drain_s + self._timeout_s + self._lifespan_s)
        if self._loop is not None and self._signalled is not None:
            self._loop.call_soon_threadsafe(self._signalled.set)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        self._owns_process = threading.current_thread() is threading.main_thread()
        if self.config.workers > 1 or self.config.reload:
            _end_with_parent()
        try:
            super().run(sockets)
        finally:
            watchdog, self._watchdog = self._watchdog, None
            # A thread that is not a daemon would hold up the interpreter; then the watchdog stays and ends it.
            if watchdog is not None and not (self.should_exit and _lasting_threads()):
                watchdog.stop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            with self._tls_listeners():
                await super().startup(sockets)
        except OSError as error:
            logger.error("cannot listen: %s", error.strerror or error)
            await self.lifespan.shutdown()
            sys.exit(STARTUP_FAILURE)
        if self._owns_process:
            # What start-up made stays; the collector need not look at it again and again (benchmarks, `churn`).
            gc.collect()
            gc.freeze()
        if self.started and sockets and self.config.workers == 1:
            self.config.announce(sockets[0])

    @contextlib.contextmanager
    def _tls_listeners(self) -> Generator[None, None, None]:
        """uvicorn asks the loop for listeners, whose handshakes have no bound in number and a minute each."""
        if not self.config.is_ssl:
            yield
            return
        limits = handshake_limits(self.config)
        loop: Any = asyncio.get_running_loop()  # whose method is replaced for as long as this lasts
        if sys.platform == "win32":  # where the loop watches no socket that it does not read
            times = {
                "ssl_handshake_timeout": limits.handshake_timeout_s,
                "ssl_shutdown_timeout": limits.close_timeout_s,
            }
            loop.create_server = functools.partial(loop.create_server, **times)
        else:
            loop.create_server = TLSListeners(loop, limits, observer_of(self.config)).listen
        try:
            yield
        finally:
            del loop.create_server

    async def main_loop(self) -> None:
        tick_s = TICK_S if self.limit_max_requests is None else COUNTING_TICK_S
        while not await self.on_tick(0):
            if self._signalled is None:
                await asyncio.sleep(COUNTING_TICK_S)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(tick_s):
                    await self._signalled.wait()

    # The end

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        logger.info("Shutting down")
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        service = existing_service(self.server_state)
        open_sockets = [*service.websockets, *service.event_streams] if service is not None else []
        spread_s = spread_of(len(open_sockets), self._drain_s)
        deadline = time.monotonic() + spread_s + self._timeout_s
        self._leave_in(spread_s + self._timeout_s + self._lifespan_s)
        reserve_s = reserve_of(self._timeout_s)

        self._shut_requests(service)
        await drain(open_sockets, spread_s, lambda: self.force_exit)
        if not await wait_until(lambda: self.force_exit or self._idle(), deadline - reserve_s) or self.force_exit:
            await self._drop(deadline - reserve_s / 2)
        if not self.force_exit:
            await self._stop_application(deadline + self._lifespan_s)

    def _shut_requests(self, service: Service | None) -> None:
        """Close connections of plain HTTP where nothing is being answered; the others close after their answer."""
        websockets: set[object] = set()
        if service is not None:
            service.draining = True
            websockets.update(service.websockets)
        for connection in list(self.server_state.connections):
            if connection not in websockets:
                connection.shutdown()

    def _idle(self) -> bool:
        return not self.server_state.connections and not self.server_state.tasks

    async def _drop(self, deadline: float) -> None:
        """Reset what is still connected and cancel what still runs."""
        connections, tasks = list(self.server_state.connections), list(self.server_state.tasks)
        logger.warning(
            "Time is up: dropping %s, cancelling %s",
            counted(len(connections), "connection"),
            counted(len(tasks), "task"),
        )
        for task in tasks:
            task.cancel("the server shuts down")
        for connection in connections:
            connection.transport.abort()
        if not await wait_until(lambda: not self.server_state.tasks, deadline):
            left = counted(len(self.server_state.tasks), "task")
            logger.error("Cancelled, but still running: %s", left)

    async def _stop_application(self, deadline: float) -> None:
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), 0.0)):
                await self.lifespan.shutdown()
        except TimeoutError:
            logger.error("The application's shutdown did not end in time")
        if self.server_state.tasks:
            self._leave_in(0.0)

    @property
    def _drain_s(self) -> float:
        return 0.0 if self.config.reload else self.config.drain_s

    @property
    def _timeout_s(self) -> float:
        return RELOAD_S if self.config.reload else self.config.shutdown_timeout_s

    @property
    def _lifespan_s(self) -> float:
        """A reload is short for clients; the application may still close what it has open."""
        return RESERVE_S if self.config.reload else 0.0

    def _leave_in(self, delay_s: float) -> None:
        if self._watchdog is not None:
            self._watchdog.arm(delay_s)


def _end_with_parent() -> None:
    """A supervisor that was killed cannot tell its processes to end; they see it themselves."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def wait() -> None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=wait, name="apistar: end with the parent", daemon=True).start()


def _lasting_threads() -> bool:
    main = threading.main_thread()
    return any(thread is not main and not thread.daemon for thread in threading.enumerate())
