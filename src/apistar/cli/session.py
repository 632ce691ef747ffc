"""
One open connection, and who types into it.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncGenerator
from typing import Any, cast

import click
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from .endings import Ending
from .lines import piped_lines, typed_lines
from .screen import Screen, screen
from .slash_commands import HELP, Close, Help, Message, Ping, understood
from .transcript import Transcript


class Session:
    """
    What is typed goes out, what comes is printed, until one side closes.

    Attributes:
        asked_to_close: Whether a typed line did.
        failed: Whether something that was piped in could not be sent.
    """

    def __init__(self, connection: ClientConnection, transcript: Transcript, terminal: bool, wait_s: float) -> None:
        self._connection = connection
        self._transcript = transcript
        self._terminal = terminal
        self._wait_s = wait_s
        self.asked_to_close = False
        self.failed = False
        self._heard = asyncio.Event()
        self._pings: set[asyncio.Task[None]] = set()
        self._screen: Screen | None = None

    async def run(self) -> None:
        """Talk until one side closes."""
        if not self._terminal:
            await self._run()
            return
        async with screen() as self._screen:
            await self._run()

    async def _run(self) -> None:
        stop = asyncio.Event()
        if not self._terminal:
            with contextlib.suppress(NotImplementedError):
                asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
        receiving = asyncio.create_task(self._receive())
        sending = asyncio.create_task(self._send())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({receiving, sending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and not receiving.done():
                sending.result()
                if not self._terminal and not self.failed:
                    await self._settle(receiving, stopping)
        finally:
            for task in (sending, stopping, *self._pings):
                task.cancel()
            await asyncio.gather(sending, stopping, *self._pings, return_exceptions=True)
            await self._connection.close()
            await receiving

    async def _receive(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                self._transcript.received(await self._connection.recv())
                self._heard.set()
                if self._screen is not None:
                    await self._screen.wait_for_room()

    async def _settle(self, *over: asyncio.Task[Any]) -> None:
        """Wait until nothing came for a time."""
        heard = True
        while heard and not any(task.done() for task in over):
            self._heard.clear()
            waiting = asyncio.create_task(self._heard.wait())
            timeout_s = None if self._wait_s == float("inf") else self._wait_s
            await asyncio.wait({waiting, *over}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            heard = waiting.done()
            waiting.cancel()

    async def _send(self) -> None:
        """Send what is typed, to its end."""
        lines = cast("AsyncGenerator[str]", typed_lines() if self._terminal else piped_lines())
        async with contextlib.aclosing(lines):
            async for line in lines:
                try:
                    await self._carry_out(line)
                except click.UsageError as error:
                    self._transcript.note(error.message, "red")
                    self.failed = not self._terminal
                except ConnectionClosed:
                    return
                if self.failed or self.asked_to_close:
                    return

    async def _carry_out(self, line: str) -> None:
        """Do what a line says."""
        match understood(line):
            case Message(data):
                await self._connection.send(data)
                self._transcript.sent(data)
            case Ping(data):
                pong = await self._connection.ping(data or None)
                self._transcript.control("▸", "ping", data)
                task = asyncio.create_task(self._report(pong))
                self._pings.add(task)
                task.add_done_callback(self._pings.discard)
            case Close(code, reason):
                self.asked_to_close = True
                await self._connection.close(code, reason)
            case Help():
                self._transcript.note(HELP)

    async def _report(self, pong: Any) -> None:
        with contextlib.suppress(ConnectionClosed):
            round_trip_s: float = await pong
            self._transcript.control("◂", "pong", f"{round_trip_s * 1000:.1f} ms")
            self._heard.set()

    def ending(self) -> Ending:
        """Who closed, and with what."""
        protocol = self._connection.protocol
        received, sent = protocol.close_rcvd, protocol.close_sent
        if received is not None and (protocol.close_rcvd_then_sent or sent is None):
            return Ending(received.code, received.reason, "the server")
        if sent is not None:
            unanswered = received is None and (self.asked_to_close or sent.code == 1000)
            return Ending(sent.code, sent.reason, "this client", unanswered)
        return Ending(1006, "", "nobody")
