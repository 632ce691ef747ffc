"""
What the WebSocket asks of whoever carries it; `transports/transport.py` has the whole contract.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from ..types import BytesLike, Data


class Ending(Protocol):
    """How a connection ended."""

    @property
    def code(self) -> int: ...
    @property
    def reason(self) -> str: ...


SHORT_BYTES: Final = 1024
"""
Up to this length a message may take the short way: picows copies it, of whatever kind it is. From 8 KiB on it hands
the event loop a view of a buffer that it uses again, and the caller's own object, which the caller may change.
"""


class Connection(Protocol):
    """What the WebSocket asks of a transport; `transports/transport.py` has the whole contract."""

    @property
    def send_short(self) -> Callable[[int, str | BytesLike], None] | None: ...

    async def accept(self, subprotocol: str | None, headers: Sequence[tuple[bytes, bytes]]) -> None: ...
    async def reject(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None: ...
    def receive_nowait(self) -> Data | None: ...
    def receive(self, iterating: bool = False, decode: Callable[[Data], Any] | None = None) -> Awaitable[Any]: ...
    def send(self, data: str | BytesLike, text: bool) -> Awaitable[None] | None: ...
    def send_nowait(self, data: str | BytesLike, text: bool) -> None: ...
    async def close(self, code: int, reason: str) -> None: ...
    async def wait_closed(self) -> None: ...
