"""
The `WebSocket` that handlers receive.

`WebSocket` alone carries `str` and `bytes`; `WebSocket[In, Out]` carries values of the declared types. It keeps the
rules of order and of types; how bytes travel is the transport's business, and nothing here knows a server. What is
sent is in `sending.py`; here is the rest: the handshake, what is received, how it ends, and what is known.

Sources: RFC 6455; the Starlette and API Star 0.4 interfaces, whose names are kept where they mean the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Generic

from ..exceptions import (
    InvalidMessage,
    InvalidSubprotocol,
    UsageError,
    WebSocketDisconnect,
    WebSocketNotConnected,
    WebSocketProtocolError,
    truncate_reason,
)
from ..messages.json import JSON
from .connection import Connection, Ending
from .handshake import encoded_body, raw_headers
from .sending import Out, Sending
from .state import CLOSED, CONNECTED, CONNECTING, WebSocketEvent, WebSocketState, after
from .status import BROKEN_CODES, WS_1006_ABNORMAL_CLOSURE, is_sendable

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from typing_extensions import TypeVar

    from ..messages.message_types import MessageTypes

    In = TypeVar("In", default=str | bytes, covariant=True)
else:
    from typing import TypeVar

    In = TypeVar("In")

_decode_json: Final = JSON.decoder(Any)


class WebSocket(Sending[Out], Generic[In, Out]):
    """
    One WebSocket connection, from the handshake to its end.

    `extra` is a place for the application's own values. Not safe to use from other threads.

    Attributes:
        broken: Whether it ended because one side kept to no rule or limit, and not because the handler closed it.
    """

    __slots__ = (
        "__weakref__",
        "_callbacks",
        "_closing",
        "_decode",
        "_extra",
        "broken",
        "subprotocol",
    )

    if not TYPE_CHECKING:

        def __class_getitem__(cls, parameters):
            """`WebSocket[In]` sends `str` and `bytes`, as the type variables' defaults say."""
            if not isinstance(parameters, tuple):
                parameters = (parameters, str | bytes)
            return super().__class_getitem__(parameters)

    def __init__(
        self,
        connection: Connection,
        handshake: HTTPConnection,
        types: MessageTypes | None = None,
    ) -> None:
        super().__init__(connection, handshake, types)
        self._decode = None if types is None else types.decode
        self._closing = False
        self._extra: SimpleNamespace | None = None
        self._callbacks: list[Callable[[], None]] | None = None
        self.subprotocol: str | None = None
        self.broken = False

    # The handshake

    async def connect(
        self,
        subprotocol: str | None = None,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        *,
        close: bool = False,
        close_code: int | None = None,
    ) -> None:
        """
        Complete the handshake (RFC 6455 §4.2.2). Does nothing where a hook has completed it already.

        Args:
            subprotocol: One that the client offered, see `subprotocols`.
            headers: Sent with the 101.
            close: Refuse instead, with HTTP 403.
            close_code: Taken for API Star code; a refused handshake has no close code on the wire.

        Raises:
            InvalidSubprotocol: If the client did not offer it; the handshake is still open.
            WebSocketDisconnect: If the client left before.
            UsageError: If the connection was refused before, or completed with another subprotocol.
        """
        if close:
            await self.reject(403)
            return
        if self._state is CONNECTED and subprotocol in (None, self.subprotocol):
            return
        if self._state is not CONNECTING:
            raise self._not_connecting("connect")
        if subprotocol is not None and subprotocol not in self.subprotocols:
            raise InvalidSubprotocol(subprotocol, self.subprotocols)
        if self._types is not None:
            subprotocol = self._types.negotiate(subprotocol, self.subprotocols)
        await self._connection.accept(subprotocol, raw_headers(headers))
        if self._state is CONNECTING:
            self._state = after(self._state, WebSocketEvent.ACCEPT)
            self.subprotocol = subprotocol
            if self._types is not None:
                self._types = self._types.chosen(subprotocol)
                self._decode = self._types.decode

    accept = connect

    async def reject(
        self,
        status: int = 403,
        body: str | bytes | Mapping[str, object] | None = None,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
    ) -> None:
        """
        Refuse the handshake with an HTTP response; a bare 403 where the server cannot send one.

        Args:
            status: 200 to 599.
            body: Text, bytes, or a mapping that is sent as JSON.

        Raises:
            UsageError: If the handshake was answered before, or the status is no answer; the handshake is still open.
        """
        if self._state is not CONNECTING:
            raise self._not_connecting("reject")
        if not 200 <= status < 600:  # RFC 9110 §15.2: a 1xx is no final response, and 101 would accept
            raise UsageError(f"status {status} is no answer to a handshake; use 200 to 599, such as 403")
        raw = list(raw_headers(headers))
        content, kind = encoded_body(body)
        names = {name for name, _ in raw}
        if b"content-type" not in names and content:
            raw.append((b"content-type", kind))
        if b"content-length" not in names:
            raw.append((b"content-length", str(len(content)).encode()))
        self._state = after(self._state, WebSocketEvent.REJECT)
        await self._connection.reject(status, raw, content)
        self._ended()

    # Receiving

    async def receive(self) -> In:
        """
        Wait for the next message. If cancelled, no message is lost.

        Raises:
            WebSocketDisconnect: If the connection is over and every message was taken.
            InvalidMessage: If the message is not of the declared type; the connection stays open.
            ConcurrentReceive: If another task waits here.
            WebSocketNotConnected: Before `connect()`.
        """
        if self._state is CONNECTING:
            raise WebSocketNotConnected("receive")
        message: In = await self._connection.receive(decode=self._decode)
        return message

    def _raw(self) -> Awaitable[str | bytes]:
        if self._state is CONNECTING:
            raise WebSocketNotConnected("receive")
        return self._connection.receive()

    async def receive_text(self) -> str:
        """
        Wait for the next message, which must be text.

        Raises:
            WebSocketProtocolError: If it is binary; the connection was closed with 1003.
            WebSocketDisconnect, ConcurrentReceive, WebSocketNotConnected: As `receive()`.
        """
        message = await self._raw()
        if isinstance(message, str):
            return message
        raise await self._refuse(WebSocketProtocolError("expected a text message, got binary", 1003))

    async def receive_bytes(self) -> bytes:
        """
        Wait for the next message, which must be binary.

        Raises:
            WebSocketProtocolError: If it is text; the connection was closed with 1003.
            WebSocketDisconnect, ConcurrentReceive, WebSocketNotConnected: As `receive()`.
        """
        message = await self._raw()
        if isinstance(message, bytes):
            return message
        raise await self._refuse(WebSocketProtocolError("expected a binary message, got text", 1003))

    async def receive_json(self, loads: Callable[[str], Any] | None = None) -> Any:
        """
        Wait for the next message, which must be JSON in text.

        Args:
            loads: Decodes it; msgspec's decoder where nothing is given.

        Raises:
            InvalidMessage: If it is not JSON; the connection was closed with 1007.
            WebSocketProtocolError: If it is binary; the connection was closed with 1003.
            WebSocketDisconnect, ConcurrentReceive, WebSocketNotConnected: As `receive()`.
        """
        text = await self.receive_text()
        try:
            return _decode_json(text) if loads is None else loads(text)
        except InvalidMessage as error:
            invalid = error
        except (ValueError, RecursionError):  # what the application's own function says is not for the peer
            invalid = InvalidMessage("$: expected JSON", expected="JSON")
        raise await self._refuse(invalid)

    async def _refuse(self, error: WebSocketProtocolError) -> WebSocketProtocolError:
        await self.close(error.code, error.reason)
        return error

    def __aiter__(self) -> WebSocket[In, Out]:
        """Messages until the peer closes normally; any other ending raises `WebSocketDisconnect`."""
        return self

    def __anext__(self) -> Awaitable[In]:
        # The transport's own awaitable and none around it: 0.2 µs a message (benchmarks, `wire`).
        if self._state is CONNECTING:
            raise WebSocketNotConnected("receive")
        return self._connection.receive(True, self._decode)

    # Ending

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Close the connection, and wait for the peer's Close up to `close_timeout_s`; again, it does nothing.

        Before `connect()` it refuses the handshake with HTTP 403.

        Args:
            code: 1000 to 1003, 1007 to 1014, or 3000 to 4999 (RFC 6455 §7.4).
            reason: Cut at 123 bytes on a character boundary.

        Raises:
            UsageError: If a Close frame cannot carry the code; the connection is still open.
        """
        if not is_sendable(code):
            raise UsageError(f"close code {code!r} cannot be sent; use 1000, 1008, 1011 or one of 3000 to 4999")
        if self._state is CONNECTING:
            await self.reject(403)
        else:
            self._closing = True
            await self._connection.close(code, truncate_reason(reason))

    async def wait_closed(self) -> None:
        """Return when the connection is over, whoever ended it; needs nobody in `receive()`."""
        if self._state is not CLOSED:
            await self._connection.wait_closed()

    def on_end(self, ending: Ending) -> None:
        """Called once by the connection when it is over."""
        if self._state is CLOSED:
            return
        lost = self._state is CONNECTING or ending.code == WS_1006_ABNORMAL_CLOSURE
        self._state = after(self._state, WebSocketEvent.LOST if lost else WebSocketEvent.CLOSE)
        self.broken = ending.code in BROKEN_CODES and not self._closing
        self.close_code = ending.code
        self.close_reason = ending.reason
        self._ended()

    def _ended(self) -> None:
        callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            callback()

    def call_when_closed(self, callback: Callable[[], None]) -> None:
        """Have `callback` called on the loop as soon as the connection is over; at once if it is already."""
        if self._state is CLOSED:
            callback()
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    # What is known

    @property
    def state(self) -> WebSocketState:
        return self._state

    @property
    def connecting(self) -> bool:
        return self._state is CONNECTING

    @property
    def connected(self) -> bool:
        return self._state is CONNECTED

    @property
    def closed(self) -> bool:
        return self._state is CLOSED

    @property
    def extra(self) -> SimpleNamespace:
        """The application's own values for this connection."""
        if self._extra is None:
            self._extra = SimpleNamespace()
        return self._extra

    def _not_connecting(self, operation: str) -> Exception:
        if self._state is CONNECTED:
            chosen = f" with subprotocol {self.subprotocol!r}" if self.subprotocol else ""
            return UsageError(f"cannot {operation}: the handshake was completed before{chosen}; use close()")
        if self.close_code is not None:
            return WebSocketDisconnect(self.close_code, self.close_reason or "")
        return UsageError(f"cannot {operation}: the handshake was refused before")

    def __repr__(self) -> str:
        code = "" if self.close_code is None else f" code={self.close_code}"
        return f"<WebSocket {self._handshake.scope.get('path', '')} {self._state.value}{code}>"
