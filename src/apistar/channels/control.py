"""
The control topic, on which processes tell each other to disconnect a member.

A member's sockets are known here only while they have joined something; an order is carried out in this process at
once, and published for the others, of which each looks for sockets of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..websocket.status import WS_1008_POLICY_VIOLATION
from .broker import Broker
from .seat import Seat

if TYPE_CHECKING:
    from ..websocket import WebSocket

log: Final = logging.getLogger("apistar.channels")

CONTROL: Final = "\x00control"
"""A topic that no channel can have: topics are printable."""


class Disconnect(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    Close a member's sockets, in whichever process.

    Attributes:
        topic: In this one only; all sockets of the member where it is `None`.
    """

    member: str
    code: int = WS_1008_POLICY_VIOLATION
    reason: str = ""
    topic: str | None = None


class Control:
    """
    Gives and carries out orders to disconnect a member.

    Args:
        close_socket: Closes a socket with a code and a reason, in the background.

    Attributes:
        members: The seats of each member that joined in this process.
    """

    def __init__(self, broker: Broker, close_socket: Callable[[WebSocket[Any, Any], int, str], None]) -> None:
        self.members: dict[str, dict[Seat, None]] = {}
        self._broker = broker
        self._close_socket = close_socket
        self._listening: asyncio.Task[None] | None = None

    async def listen(self) -> None:
        """
        Subscribe to the orders of other processes; once.

        Raises:
            BrokerUnavailable: If the broker does not answer; the next call asks again.
        """
        if self._listening is None or (self._listening.done() and _failed(self._listening)):
            self._listening = asyncio.get_running_loop().create_task(self._broker.subscribe(CONTROL))
        await asyncio.shield(self._listening)

    async def stop(self) -> None:
        """Forget every member; `listen()` subscribes anew."""
        self.members.clear()
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    def know(self, seat: Seat) -> None:
        """A member's socket has joined."""
        if seat.member is not None:
            self.members.setdefault(seat.member, {})[seat] = None

    def forget(self, seat: Seat) -> None:
        """It has left; idempotent."""
        seats = self.members.get(seat.member or "")
        if seats is not None:
            seats.pop(seat, None)
            if not seats:
                del self.members[seat.member or ""]

    async def disconnect(self, order: Disconnect) -> None:
        """
        Close a member's sockets in every process.

        Raises:
            BrokerUnavailable: If the broker does not answer; sockets of this process are closed all the same.
        """
        self._execute(order)
        await self._broker.publish(CONTROL, msgspec.json.encode(order))

    def obey(self, payload: bytes) -> None:
        """Carry out what came on the topic; what is no order of this version is logged."""
        try:
            self._execute(msgspec.json.decode(payload, type=Disconnect))
        except msgspec.MsgspecError:
            log.exception("channels: another process said something that this one does not understand")

    def _execute(self, order: Disconnect) -> None:
        sockets = {
            seat.websocket: None
            for seat in self.members.get(order.member, ())
            if order.topic is None or seat.topic.name == order.topic
        }
        for websocket in sockets:
            self._close_socket(websocket, order.code, order.reason)


def _failed(task: asyncio.Task[None]) -> bool:
    return task.cancelled() or task.exception() is not None
