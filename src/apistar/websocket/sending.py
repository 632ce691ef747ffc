"""
The sending half of a `WebSocket`.

A handler sends through the transport's own short way where there is one, and leaves others their turn now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic

import msgspec

from ..exceptions import EncodeError, WebSocketDisconnect, WebSocketNotConnected
from ..transports.transport import SHORT_BYTES
from .connection import Connection
from .state import CONNECTED, CONNECTING, WebSocketState
from .status import WS_1006_ABNORMAL_CLOSURE
from .upgrade_request import UpgradeRequest

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from typing_extensions import TypeVar

    from ..messages.message_types import MessageTypes

    # Who only sends `Said` may be given a socket that sends `Said | Here`.
    Out = TypeVar("Out", default=str | bytes, contravariant=True)
else:
    from typing import TypeVar

    Out = TypeVar("Out")

TURN_MESSAGES: Final = 256
"""
Sent by one handler before others have their turn: one that only sends would never hear that its client is gone.

A millisecond of short messages; to give up a turn costs as much as one of them.
"""
_BINARY: Final = (bytes, bytearray, memoryview)


class Sending(UpgradeRequest, Generic[Out]):
    """
    What is sent; `WebSocket` has the rest.

    Attributes:
        close_code, close_reason: What ended the connection; `None` while it is open.
    """

    __slots__ = ("_connection", "_state", "_turn", "_types", "close_code", "close_reason")

    def __init__(self, connection: Connection, handshake: HTTPConnection, types: MessageTypes | None) -> None:
        super().__init__(handshake)
        self._connection = connection
        self._types = types
        self._state: WebSocketState = CONNECTING
        self._turn = TURN_MESSAGES
        self.close_code: int | None = None
        self.close_reason: str | None = None

    async def send(self, data: Out) -> None:
        """
        Send one message, waiting while the outbox is full.

        Messages leave in call order, from whichever task. If cancelled while waiting for room, nothing was queued.
        Every now and then others have their turn after a message was sent, although there is room for the next.

        Args:
            data: `str` (text) or bytes (binary), or a value of the declared outgoing type.

        Raises:
            WebSocketDisconnect: If a Close was sent or received (RFC 6455 §5.5.1) or the peer is gone.
            EncodeError: If `data` is of another type; nothing was sent.
            WebSocketNotConnected: Before `connect()`.
        """
        # As the transport's own send() begins, without the call: 0.15 µs a message (benchmarks, `wire`).
        send_short = self._connection.send_short
        if send_short is None and self._state is not CONNECTED:
            raise self._not_connected("send")
        types = self._types
        if types is None:
            payload: Any = data
            text = type(data) is str or (type(data) is not bytes and _is_text(data))
        else:
            payload = types.encode(data)
            text = types.text if isinstance(payload, bytes) else True
        if send_short is not None and len(payload) <= SHORT_BYTES:
            send_short(1 if text else 2, payload)
        else:
            waiting = self._connection.send(payload, text)
            if waiting is not None:
                await waiting
        turn = self._turn
        self._turn = turn - 1 if turn else await _turn_of_others()

    async def send_text(self, data: str) -> None:
        """Send a text message; raises as `send()`."""
        if not isinstance(data, str):
            raise EncodeError(f"send_text() takes a str, got {type(data).__name__}")
        await self._send(data, text=True)

    async def send_bytes(self, data: bytes | bytearray | memoryview) -> None:
        """Send a binary message; raises as `send()`."""
        if not isinstance(data, _BINARY):
            raise EncodeError(f"send_bytes() takes bytes, got {type(data).__name__}")
        await self._send(data, text=False)

    async def send_json(self, data: Any, dumps: Callable[[Any], str | bytes] | None = None) -> None:
        """
        Send a value as JSON in a text message; raises as `send()`.

        Args:
            dumps: Encodes it; msgspec's encoder where nothing is given.
        """
        try:
            payload = msgspec.json.encode(data) if dumps is None else dumps(data)
        except (TypeError, ValueError, RecursionError) as error:
            raise EncodeError(f"cannot encode {type(data).__name__} as JSON: {error}") from error
        await self._send(payload, text=True)

    async def _send(self, payload: str | bytes | bytearray | memoryview, text: bool) -> None:
        if self._state is not CONNECTED:
            raise self._not_connected("send")
        waiting = self._connection.send(payload, text)
        if waiting is not None:
            await waiting
        self._turn = self._turn - 1 if self._turn else await _turn_of_others()

    def send_nowait(self, data: Out) -> None:
        """
        Queue one message without waiting; it leaves after those that came before.

        Raises:
            OutboxFull: If there is no room; nothing was queued.
            WebSocketDisconnect, EncodeError, WebSocketNotConnected: As `send()`.
        """
        if self._state is not CONNECTED:
            raise self._not_connected("send")
        types = self._types
        if types is None:
            payload: Any = data
            text = _is_text(data)
        else:
            payload = types.encode(data)
            text = types.text if isinstance(payload, bytes) else True
        self._connection.send_nowait(payload, text)

    def _not_connected(self, operation: str) -> Exception:
        if self._state is CONNECTING:
            return WebSocketNotConnected(operation)
        return WebSocketDisconnect(
            WS_1006_ABNORMAL_CLOSURE if self.close_code is None else self.close_code, self.close_reason or ""
        )


async def _turn_of_others() -> int:
    await asyncio.sleep(0)
    return TURN_MESSAGES


def _is_text(data: object) -> bool:
    if isinstance(data, str):
        return True
    if isinstance(data, _BINARY):
        return False
    raise EncodeError(
        f"this WebSocket sends str and bytes, got {type(data).__name__}; use send_json(), "
        "or annotate it as WebSocket[In, Out]"
    )
