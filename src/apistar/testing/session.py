"""
`WebSocketSession`: an `AsyncWebSocketSession` for sync tests.

Each call runs on the event loop of the client's thread, and returns when it is done there.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any

import httpx

from ..exceptions import WebSocketDisconnect
from ..types import BytesLike, Data, Scope
from .async_session import UNSET, AsyncWebSocketSession


class WebSocketSession:
    """One WebSocket, open inside `with`; each method as in `AsyncWebSocketSession`."""

    def __init__(self, session: AsyncWebSocketSession, call: Callable[[Coroutine[Any, Any, Any], Any], Any]) -> None:
        self._session = session
        self._call = call

    def __enter__(self) -> WebSocketSession:
        self._call(self._session.__aenter__(), UNSET)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._call(self._session.__aexit__(kind, error, traceback), UNSET)

    def send(self, data: str | BytesLike) -> None:
        """Send text (`str`) or binary (bytes)."""
        self._call(self._session.send(data), UNSET)

    def send_text(self, data: str) -> None:
        """Send text."""
        self._call(self._session.send_text(data), UNSET)

    def send_bytes(self, data: BytesLike) -> None:
        """Send binary."""
        self._call(self._session.send_bytes(data), UNSET)

    def send_json(self, data: Any) -> None:
        """Send a value as JSON in a text message."""
        self._call(self._session.send_json(data), UNSET)

    def receive(self, timeout: float | None = UNSET) -> Data:
        """Wait for the next message."""
        message: Data = self._call(self._session.receive(timeout), timeout)
        return message

    def receive_text(self, timeout: float | None = UNSET) -> str:
        """Wait for the next message, which must be text."""
        text: str = self._call(self._session.receive_text(timeout), timeout)
        return text

    def receive_bytes(self, timeout: float | None = UNSET) -> bytes:
        """Wait for the next message, which must be binary."""
        data: bytes = self._call(self._session.receive_bytes(timeout), timeout)
        return data

    def receive_json(self, timeout: float | None = UNSET) -> Any:
        """Wait for the next message and decode it as JSON."""
        return self._call(self._session.receive_json(timeout), timeout)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close as the client."""
        self._call(self._session.close(code, reason), UNSET)

    def wait_closed(self, timeout: float | None = UNSET) -> None:
        """Wait until the connection is over."""
        self._call(self._session.wait_closed(timeout), timeout)

    def __iter__(self) -> WebSocketSession:
        return self

    def __next__(self) -> Data:
        try:
            return self.receive()
        except WebSocketDisconnect as end:
            if end.code in (1000, 1001):
                raise StopIteration from None
            raise

    @property
    def scope(self) -> Scope:
        return self._session.scope

    @property
    def subprotocol(self) -> str | None:
        return self._session.subprotocol

    @property
    def headers(self) -> httpx.Headers:
        return self._session.headers

    @property
    def close_code(self) -> int | None:
        return self._session.close_code

    @property
    def close_reason(self) -> str | None:
        return self._session.close_reason
