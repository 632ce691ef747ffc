"""
What one WebSocket connection can do, whichever server carries it.

The rules that every transport keeps; `tests/contracts/test_transport.py` runs over all of them:

- Calls come in this order: `bind()` once, then `accept()` or `reject()` once, then the rest.
- `receive_nowait()` gives messages in the order of arrival. Messages that arrived before the end are still given after
  it; then `WebSocketDisconnect` with the ending's code and reason, every time.
- `receive()` waits until `receive_nowait()` has something to give or to raise. Cancelled, it lost nothing. One task at
  a time.
- `send()` and `send_nowait()` take messages in call order, from any task of the loop. `send()` gives `None` when the
  message was taken at once, and otherwise an awaitable that returns when it was taken: the caller must await it, and
  if that is cancelled nothing was queued. Both raise `WebSocketDisconnect` after the end.
- `send_prepared()` is for what goes to many connections: it takes everything or nothing and never waits. It takes
  nothing while something waits in front of it, so that what waits for a slow client waits with the caller, who knows
  what may be dropped; `call_when_writable()` says when to try again.
- The connection ends once. `bind`'s `on_end` is called exactly once for a connection that was accepted or lost before,
  synchronously, as soon as the transport knows: when the peer's Close came, ours was sent, or TCP was lost.
- `close()` and `abort()` are idempotent, and do nothing after the end but to see TCP closed.
- Nothing is kept after the end: no task, no timer, no reference to `on_end`.

What a server cannot do is a missing `Capability`, never a pretence.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import msgspec

if TYPE_CHECKING:
    from ..limits import Limits
    from ..observer import Observer
    from ..types import BytesLike, Data

NATIVE_EXTENSION: Final = "apistar.native"
"""The key in an ASGI scope's `extensions` under which our server's protocol class offers its own connection."""

HeaderList: TypeAlias = "Sequence[tuple[bytes, bytes]]"
"""Header names in lower case and values, as in ASGI."""

SHORT_BYTES: Final = 1024
"""
Up to this length a message may take the short way: picows copies it, of whatever kind it is. From 8 KiB on it hands
the event loop a view of a buffer that it uses again, and the caller's own object, which the caller may change.
"""


class Capability(enum.Flag):
    """What this server offers beyond bare ASGI."""

    NONE = 0
    DENIAL_RESPONSE = enum.auto()
    """`reject()` sends its status, headers and body; else the client sees a bare 403."""
    WIRE_LIMITS = enum.auto()
    """Sizes, rates and counts are enforced while bytes arrive."""
    PING = enum.auto()
    """Pings are sent with the route's interval and deadline."""
    ABORT = enum.auto()
    """`abort()` resets TCP at once."""
    WRITE_PRESSURE = enum.auto()
    """`waiting_bytes` tells what waits for the client."""
    COMPRESSION = enum.auto()
    """permessage-deflate per route (RFC 7692)."""


class Initiator(enum.Enum):
    """Who ended the connection."""

    PEER = "peer"
    LOCAL = "local"


class Ending(msgspec.Struct, frozen=True):
    """
    How a connection ended.

    Attributes:
        code: RFC 6455 §7.1.5; 1005 for a Close without a code, 1006 where there was no Close.
        reason: RFC 6455 §7.1.6; empty where there was none.
        initiator: Who sent the first Close, or lost the connection.
    """

    code: int
    reason: str
    initiator: Initiator


class Prepared:
    """
    Messages on the way to many connections; what one transport makes of them is kept for the next one.

    Attributes:
        messages: Payload and whether it is text, in order. Text is UTF-8 already.
        size_bytes: Of all payloads.
        small: The payload, where there is one only and it is short.
        opcode: Of `small`.
        wire: The frames as they stand on an uncompressed connection, once somebody needed them.
    """

    __slots__ = ("messages", "opcode", "size_bytes", "small", "wire")

    def __init__(self, messages: Sequence[tuple[bytes, bool]]) -> None:
        self.messages = messages
        self.size_bytes = sum(len(payload) for payload, _ in messages)
        self.small: bytes | None = None
        self.opcode = 0
        self.wire: bytes | None = None
        if len(messages) == 1 and self.size_bytes <= SHORT_BYTES:
            self.small, text = messages[0]
            self.opcode = 1 if text else 2


OnEnd: TypeAlias = Callable[[Ending], None]


class Transport(Protocol):
    """One WebSocket connection."""

    @property
    def capabilities(self) -> Capability: ...

    @property
    def ending(self) -> Ending | None:
        """How it ended; `None` while it has not."""

    @property
    def send_short(self) -> Callable[[int, str | BytesLike], None] | None:
        """
        Sends a message of at most `SHORT_BYTES`, of type 1 (text) or 2 (binary), in one call.

        There only while the connection is open and nothing is to be waited for, counted or compressed; otherwise
        `None`, and `send()` does it.
        """

    @property
    def waiting_bytes(self) -> int:
        """Bytes taken by `send()` that the operating system has not; 0 without `Capability.WRITE_PRESSURE`."""

    def bind(self, on_end: OnEnd, limits: Limits, observer: Observer | None, route: str) -> None:
        """
        Tie the connection to its owner, before the handshake is answered.

        Args:
            on_end: Called once, when the connection is over.
            limits: The route's.
            observer: Told of every event, or `None`.
            route: The URL template, for the observer.
        """

    async def accept(self, subprotocol: str | None, headers: HeaderList) -> None:
        """
        Complete the handshake with 101 (RFC 6455 §4.2.2).

        Raises:
            WebSocketDisconnect: If the client left before.
        """

    async def reject(self, status: int, headers: HeaderList, body: bytes) -> None:
        """Answer the handshake with an HTTP response (ASGI extension `websocket.http.response`)."""

    def receive_nowait(self) -> Data | None:
        """
        Give the next message, or `None` where none waits.

        Raises:
            WebSocketDisconnect: If the connection ended and every message was given.
        """

    def receive(self, iterating: bool = False, decode: Callable[[Data], Any] | None = None) -> Awaitable[Any]:
        """
        Wait for the next message. If cancelled, no message is lost.

        Args:
            iterating: For a loop over messages, which a normal ending ends (`NORMAL_CODES`).
            decode: Applied to the message; what it raises is raised here.

        Raises:
            WebSocketDisconnect: As `receive_nowait()`.
            StopAsyncIteration: Instead of it, if `iterating` and the peer closed normally.
            ConcurrentReceive: If another task waits here.
        """

    def send(self, data: str | BytesLike, text: bool) -> Awaitable[None] | None:
        """
        Send one message.

        Args:
            data: A `str`, or bytes. Bytes of a text message are UTF-8 already.
            text: A text message; otherwise binary.

        Raises:
            WebSocketDisconnect: If the connection is over, or, with code 1013, if the outbox was full for
                `send_timeout_s` and the connection was aborted for it.
        """

    def send_nowait(self, data: str | BytesLike, text: bool) -> None:
        """
        Send or queue one message without waiting.

        Raises:
            OutboxFull: If there is no room; nothing was queued.
            WebSocketDisconnect: If the connection is over.
        """

    def send_prepared(self, prepared: Prepared) -> bool:
        """
        Send messages that go to many connections, if nothing waits in front of them.

        Returns:
            Whether they were taken, all of them; otherwise none was, and `call_when_writable()` says when to try again.

        Raises:
            WebSocketDisconnect: If the connection is over.
        """

    def call_when_writable(self, callback: Callable[[], None]) -> None:
        """
        Have `callback` called once, on the loop, when nothing waits any more; never after the end.

        One caller at a time: a second callback takes the place of the first.
        """

    async def close(self, code: int, reason: str) -> None:
        """
        Send Close after what was taken before, and wait for the peer's up to `close_timeout_s`.

        Args:
            code: A code that a Close frame may carry (RFC 6455 §7.4).
            reason: At most 123 bytes of UTF-8.
        """

    def abort(self, code: int = 1006, reason: str = "") -> None:
        """Drop the connection at once, with a TCP reset where the server can; the ending is `code`."""

    async def wait_closed(self) -> None:
        """Return when the connection is over, whoever ended it."""
