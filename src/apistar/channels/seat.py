"""
The place of a socket in a topic: in the topic's plain loop, or behind an outbox until the connection has caught up.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..exceptions import WebSocketDisconnect
from .payload import Arrival, PayloadType, Wire
from .policy import Policy
from .records import Position
from .subscriber import Followed, Subscriber

if TYPE_CHECKING:
    from ..transports.transport import Transport
    from ..websocket import WebSocket

log: Final = logging.getLogger("apistar.channels")

REJOIN: Final = 4205
"""Publications were missed and cannot be had any more: join anew. HTTP's 205 is Reset Content."""
TOO_SLOW: Final = 1013


class Looped(Followed, Protocol):
    """The topic, as a socket in its plain loop knows it."""

    def slow_down(self, seat: Seat) -> None: ...
    def speed_up(self, seat: Seat) -> None: ...
    def passed_on(self, position: Position) -> bool: ...


class Seat(Subscriber):
    """
    A socket that joined a topic.

    It is in the topic's plain loop as long as its connection takes everything at once. When it does not, it has an
    outbox, and its policy acts on that one.
    """

    topic: Looped

    __slots__ = ("_catching_up", "connection", "send", "websocket", "wire")

    def __init__(
        self,
        topic: Looped,
        payload: PayloadType,
        websocket: WebSocket[Any, Any],
        connection: Transport,
        wire: Wire,
        policy: Policy,
        member: str | None,
        wants_presence: bool,
    ) -> None:
        super().__init__(topic, payload, policy, wants_presence)
        self.websocket = websocket
        self.connection = connection
        self.send = connection.send_prepared
        self.wire = wire
        self.member = member
        self._catching_up = False

    # Catching up

    def hold(self) -> None:
        super().hold()
        self._catching_up = True
        self.outbox = self.new_outbox(self.topic.limits)

    async def replay(self, arrivals: Sequence[Arrival]) -> None:
        """Send the history, waiting for the client as its own handler would."""
        for payload, text in self.wire.prepare(arrivals).messages:
            waiting = self.connection.send(payload, text)
            if waiting is not None:
                await waiting

    def start(self) -> None:
        self._catching_up = False
        if self.outbox is not None:
            self._pump()

    # Publications

    def take(self, arrivals: Sequence[Arrival]) -> None:
        if self.outbox is None:
            self.topic.slow_down(self)
            self.outbox = self.new_outbox(self.topic.limits)
        waited = bool(self.outbox)
        if not self._keep(self.outbox, arrivals):
            self._too_slow()
        elif not waited and not self._catching_up:
            self._pump()

    def fall_behind(self, arrivals: Sequence[Arrival]) -> None:
        """Leave the plain loop: the connection did not take these."""
        self.topic.slow_down(self)
        self.outbox = self.new_outbox(self.topic.limits)
        if self._keep(self.outbox, arrivals):
            self.connection.call_when_writable(self._pump)
        else:
            self._too_slow()

    def _pump(self) -> None:
        """Send what waits; back to the plain loop when nothing does."""
        outbox = self.outbox
        try:
            while outbox:
                batch = outbox.batch()
                if not self.send(self.wire.prepare(batch)):
                    self.connection.call_when_writable(self._pump)
                    return
                outbox.drop(len(batch))
        except WebSocketDisconnect:
            return
        except Exception:  # of its codec, say; whoever publishes, and the other sockets, have no part in it
            self.fail()
            return
        if self._after is None or self.topic.passed_on(self._after):
            self._after = self.outbox = None
            self.topic.speed_up(self)

    def fail(self) -> None:
        log.exception("cannot send to a socket of %s; aborting it", self.topic.label)
        self.connection.abort(1011)

    def _too_slow(self) -> None:
        self.topic.count_dropped(len(self.outbox or ()))
        self.outbox = None
        self.connection.abort(TOO_SLOW, "too slow for a channel")

    def lose(self) -> None:
        self.topic.close_socket(self.websocket, REJOIN, "rejoin: publications were missed")

    def __repr__(self) -> str:
        return f"<{self.websocket!r} in {self.topic.name!r}>"
