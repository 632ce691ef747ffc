"""
ASGI's `receive` and `send` over our own transport, for applications that want events.

Order of events (ASGI, "WebSocket"): connect; then accept, close or the denial response; then receive, send, close;
disconnect at last, and every time after it. An event out of order is a RuntimeError, and a send to a client that is
gone a `ClientDisconnected` (an OSError), both with uvicorn's words.

Source: the ASGI specification, "WebSocket" 2.4 and the extension "WebSocket Denial Response".
"""

from __future__ import annotations

import asyncio
import enum
from typing import Final

from uvicorn.protocols.utils import ClientDisconnected

from ..exceptions import WebSocketDisconnect, truncate_reason
from ..limits import Limits
from ..observer import Observer
from ..transports.denial import Denial
from ..transports.native import NativeTransport
from ..transports.transport import SHORT_BYTES, Ending, HeaderList
from ..types import Event
from ..websocket.status import is_sendable

TURN_MESSAGES: Final = 64
"""As a `WebSocket` of ours: who only sends must hear that its client is gone, and leave the others their turn."""


class Phase(enum.Enum):
    """How far the application has come."""

    CONNECTING = enum.auto()
    DENYING = enum.auto()
    OPEN = enum.auto()
    CLOSED = enum.auto()


class ASGISession:
    """The application's events of one connection."""

    __slots__ = ("_announced", "_answered", "_denial", "_phase", "_transport", "_turn")

    def __init__(self, transport: NativeTransport, limits: Limits, observer: Observer | None) -> None:
        self._transport = transport
        self._phase = Phase.CONNECTING
        self._turn = TURN_MESSAGES
        self._announced = False
        self._answered: asyncio.Future[None] | None = None
        # Status and headers wait for the first piece of the body, as in ASGI's "Response Start".
        self._denial: tuple[int, HeaderList] | Denial | None = None
        transport.bind(self._ended, limits, observer, "")

    async def receive(self) -> Event:
        if not self._announced:
            self._announced = True
            return {"type": "websocket.connect"}
        transport = self._transport
        if self._phase is not Phase.OPEN and transport.ending is None:
            await self._wait_answered()
        try:
            message = await transport.receive()
        except WebSocketDisconnect as ended:
            return {"type": "websocket.disconnect", "code": ended.code, "reason": ended.reason}
        if type(message) is str:
            return {"type": "websocket.receive", "text": message}
        return {"type": "websocket.receive", "bytes": message}

    async def send(self, event: Event) -> None:
        kind = event["type"]
        if self._phase is Phase.OPEN:
            if kind == "websocket.send":
                data = event.get("bytes")
                text = None if data is not None else event.get("text")
                send_short = self._transport.send_short
                try:
                    if send_short is not None and data is not None and len(data) <= SHORT_BYTES:
                        send_short(2, data)
                        turn = self._turn
                        self._turn = turn - 1 if turn else await _turn_of_others()
                        return
                    if text is not None:
                        waiting = self._transport.send(text, True)
                    elif data is not None:
                        waiting = self._transport.send(data, False)
                    else:
                        raise RuntimeError("ASGI message 'websocket.send' has neither 'bytes' nor 'text'.")
                    if waiting is not None:
                        await waiting
                    self._turn = self._turn - 1 if self._turn else await _turn_of_others()
                except WebSocketDisconnect:
                    raise ClientDisconnected from None
            elif kind == "websocket.close":
                self._close(event)
            else:
                raise RuntimeError(f"Expected ASGI message 'websocket.send' or 'websocket.close', but got '{kind}'.")
        elif self._phase is Phase.CONNECTING:
            await self._answer(kind, event)
        elif self._phase is Phase.DENYING:
            await self._deny(kind, event)
        else:
            raise RuntimeError(f"Unexpected ASGI message '{kind}', after sending 'websocket.close'.")

    async def _answer(self, kind: str, event: Event) -> None:
        if self._transport.ending is not None:
            raise ClientDisconnected
        if kind == "websocket.accept":
            try:
                await self._transport.accept(event.get("subprotocol"), list(event.get("headers") or ()))
            except WebSocketDisconnect:
                raise ClientDisconnected from None
            self._phase = Phase.OPEN
            self._wake()
        elif kind == "websocket.close":
            self._phase = Phase.CLOSED
            await self._transport.reject(403, (), b"")
            self._wake()
        elif kind == "websocket.http.response.start":
            status = event["status"]
            # A 1xx is no final response (RFC 9110 §15.2), and 101 would mean that the upgrade was accepted.
            if not 200 <= status < 600:
                raise RuntimeError(f"Invalid HTTP status code '{status}' in response.")
            self._phase = Phase.DENYING
            self._denial = status, list(event.get("headers") or ())
        else:
            raise RuntimeError(
                "Expected ASGI message 'websocket.accept', 'websocket.close' "
                f"or 'websocket.http.response.start' but got '{kind}'."
            )

    async def _deny(self, kind: str, event: Event) -> None:
        if kind != "websocket.http.response.body":
            raise RuntimeError(f"Expected ASGI message 'websocket.http.response.body' but got '{kind}'.")
        body, more = event.get("body", b""), event.get("more_body", False)
        denial = self._denial
        if self._transport.ending is not None or denial is None:
            raise ClientDisconnected
        try:
            if not isinstance(denial, Denial):
                if not more:
                    self._phase, self._denial = Phase.CLOSED, None
                    await self._transport.reject(*denial, body)
                    self._wake()
                    return
                denial = self._denial = self._transport.deny(*denial)
            await denial.send(body, more)
        except WebSocketDisconnect:
            raise ClientDisconnected from None
        if not more:
            self._phase, self._denial = Phase.CLOSED, None
            self._wake()

    def _close(self, event: Event) -> None:
        code = event.get("code")
        code = 1000 if code is None else code
        if not is_sendable(code):
            raise RuntimeError(f"Close code {code} cannot be sent in a Close frame (RFC 6455 §7.4).")
        self._phase = Phase.CLOSED
        self._transport.start_close(code, truncate_reason(event.get("reason") or ""))

    async def _wait_answered(self) -> None:
        if self._answered is None:
            self._answered = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._answered)

    def _ended(self, _ending: Ending) -> None:
        if isinstance(self._denial, Denial):
            self._denial.ended()
        self._wake()

    def _wake(self) -> None:
        answered, self._answered = self._answered, None
        if answered is not None and not answered.done():
            answered.set_result(None)


async def _turn_of_others() -> int:
    await asyncio.sleep(0)
    return TURN_MESSAGES
