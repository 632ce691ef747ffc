"""
A test's end of a WebSocket: `AsyncWebSocketSession`; `session.py` has the one for sync tests.

Every wait has a time limit and says what it waited for. A fault of the handler is raised on leaving the `with` block
at the latest, so that no test passes over one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

import httpx
import msgspec

from ..exceptions import WebSocketDisconnect
from ..types import ASGIApp, BytesLike, Data, Scope
from .exchange import Exchange, Phase

T = TypeVar("T")

UNSET: Any = object()


class WebSocketTimeout(AssertionError):
    """A wait of a test took longer than its limit; the text says what it waited for."""


class AsyncWebSocketSession:
    """
    One WebSocket, open inside `async with`.

    Attributes:
        scope: As the application sees it.
    """

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope,
        timeout_s: float | None,
        raise_server_exceptions: bool,
        started: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._app = app
        self.scope = scope
        self._timeout_s = timeout_s
        self._raises = raise_server_exceptions
        self._started = started
        self._exchange: Exchange | None = None

    async def __aenter__(self) -> AsyncWebSocketSession:
        await self._started()
        exchange = self._exchange = Exchange(self._app, self.scope)
        if not await exchange.wait_for(lambda: exchange.phase in (Phase.OPEN, Phase.CLOSED), self._timeout_s):
            await self._stop()
            self._raise_faults()
            raise self._timed_out("for connect() or reject()", "the handler has done neither")
        if exchange.denial is not None:
            await self._finish(failing=False)
            raise exchange.denial
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close(1000, "")
        await self._finish(failing=error is not None)

    async def _finish(self, failing: bool) -> None:
        exchange = self._open
        done, _ = await asyncio.wait({exchange.task}, timeout=self._timeout_s)
        if not done:
            await self._stop()
        self._raise_faults()
        if not done and not failing:
            raise self._timed_out(
                "for the handler to return after the connection was over",
                "it was cancelled; what waits for anything but its socket belongs in a task of an asyncio.TaskGroup",
            )

    async def _stop(self) -> None:
        task = self._open.task
        task.cancel()
        await asyncio.wait({task}, timeout=self._timeout_s)

    def _raise_faults(self) -> None:
        if self._raises and self._open.errors:
            raise self._open.errors[0]

    # What the test does

    async def send(self, data: str | BytesLike) -> None:
        """
        Send text (`str`) or binary (bytes).

        Raises:
            WebSocketDisconnect: If the connection is over.
        """
        if not isinstance(data, str | bytes | bytearray | memoryview):
            raise TypeError(f"send() takes str or bytes, got {type(data).__name__}; use send_json()")
        exchange = self._open
        if exchange.phase is Phase.CLOSED:
            raise self._disconnect()
        exchange.push(data if isinstance(data, str) else bytes(data))
        await asyncio.sleep(0)

    async def send_text(self, data: str) -> None:
        """Send text."""
        await self.send(data)

    async def send_bytes(self, data: BytesLike) -> None:
        """Send binary."""
        await self.send(data)

    async def send_json(self, data: Any) -> None:
        """Send a value as JSON in a text message."""
        await self.send(msgspec.json.encode(data).decode())

    async def receive(self, timeout: float | None = UNSET) -> Data:
        """
        Wait for the next message.

        Args:
            timeout: Seconds, the client's own where nothing is given.

        Raises:
            WebSocketDisconnect: If the application closed and every message was taken.
            WebSocketTimeout: If nothing came in time.
        """
        exchange = self._open
        limit = self._timeout_s if timeout is UNSET else timeout
        message: Data | None = None

        def arrived() -> bool:
            nonlocal message
            if message is None and exchange.has_message:
                message = exchange.take()
            return message is not None or exchange.phase is Phase.CLOSED

        if not await exchange.wait_for(arrived, limit):
            raise self._timed_out("for a message", "the handler has neither sent nor closed", limit)
        if message is None:
            raise self._disconnect()
        return message

    async def receive_text(self, timeout: float | None = UNSET) -> str:
        """Wait for the next message, which must be text."""
        message = await self.receive(timeout)
        assert isinstance(message, str), f"expected a text message, got binary: {message!r}"
        return message

    async def receive_bytes(self, timeout: float | None = UNSET) -> bytes:
        """Wait for the next message, which must be binary."""
        message = await self.receive(timeout)
        assert isinstance(message, bytes), f"expected a binary message, got text: {message!r}"
        return message

    async def receive_json(self, timeout: float | None = UNSET) -> Any:
        """Wait for the next message, which must be JSON."""
        message = await self.receive(timeout)
        try:
            return msgspec.json.decode(message)
        except msgspec.DecodeError as error:
            raise AssertionError(f"expected JSON, got {message!r}: {error}") from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close as the client."""
        self._open.close(code, reason)
        await asyncio.sleep(0)

    async def wait_closed(self, timeout: float | None = UNSET) -> None:
        """
        Wait until the connection is over.

        Raises:
            WebSocketTimeout: If it is not, in time.
        """
        exchange = self._open
        limit = self._timeout_s if timeout is UNSET else timeout
        if not await exchange.wait_for(lambda: exchange.phase is Phase.CLOSED, limit):
            raise self._timed_out("for the connection to end", "the handler has not closed", limit)

    def __aiter__(self) -> AsyncWebSocketSession:
        return self

    async def __anext__(self) -> Data:
        try:
            return await self.receive()
        except WebSocketDisconnect as end:
            if end.code in (1000, 1001):
                raise StopAsyncIteration from None
            raise

    # What the test sees

    @property
    def _open(self) -> Exchange:
        assert self._exchange is not None, "the WebSocket is opened by `with`"
        return self._exchange

    @property
    def subprotocol(self) -> str | None:
        """What the application chose."""
        return self._open.subprotocol

    @property
    def headers(self) -> httpx.Headers:
        """That came with the 101."""
        return httpx.Headers(self._open.headers)

    @property
    def close_code(self) -> int | None:
        """`None` while the connection is open."""
        return self._open.close_code

    @property
    def close_reason(self) -> str | None:
        """`None` while the connection is open."""
        return self._open.close_reason

    def _disconnect(self) -> WebSocketDisconnect:
        return WebSocketDisconnect(self._open.close_code or 1006, self._open.close_reason or "")

    def _timed_out(self, what: str, found: str, limit: float | None = UNSET) -> WebSocketTimeout:
        exchange = self._open
        seconds = self._timeout_s if limit is UNSET else limit
        return WebSocketTimeout(
            f"waited {seconds} s {what} on {self.scope['path']}: {found} "
            f"(messages so far: {exchange.received} to the handler, {exchange.sent} from it)"
        )
