"""
One topic in one process: who follows it, and how its publications get to them.

Publications that come within one turn of the event loop are handed on together: they are framed once for each codec
and written to each socket in one call. The plain loop over sockets has no task, no queue and no wait in it. A socket
that does not take everything at once leaves that loop (`Seat.fall_behind`) until it has caught up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..exceptions import BrokerError, BrokerUnavailable, WebSocketDisconnect
from ..transports.transport import Prepared
from .payload import Arrival, Wire
from .policy import BATCH_BYTES, BATCH_MESSAGES
from .records import NOWHERE, History, Position, PresenceEvent, Publication
from .seat import Seat
from .stream import Stream
from .subscriber import Subscriber

if TYPE_CHECKING:
    from ..observer import Observer
    from ..websocket import WebSocket
    from .broker import Broker
    from .limits import ChannelLimits

log: Final = logging.getLogger("apistar.channels")

RETRY_S: Final = 0.25
"""First pause before a broker that did not answer is asked again; doubled up to RETRY_MOST_S."""
RETRY_MOST_S: Final = 5.0
_NOTHING: Final = Prepared(())


class Owner(Protocol):
    """Who has the topic; `hub.py` has the one that there is."""

    broker: Broker
    limits: ChannelLimits
    observer: Observer | None

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run something in the background; a fault of it is logged."""

    def forget(self, topic: Topic) -> None:
        """Nobody follows it any more."""

    def close_socket(self, websocket: WebSocket[Any, Any], code: int, reason: str) -> None:
        """Close a socket in the background."""


class Topic:
    """
    A topic that somebody follows; gone when nobody does.

    Attributes:
        name: With the parameters filled in.
        label: The template, for counters.
        users: Places taken, those included that are not ready yet.
        quiet: No publication came since the last check.
        watchers: Followers who want to know which members come and leave.
        stream: Its publications in order.
    """

    __slots__ = (
        "_fast",
        "_history",
        "_owner",
        "_pending",
        "_pending_bytes",
        "_reader",
        "_reread",
        "_slow",
        "_subscribed",
        "_waiters",
        "_worker",
        "label",
        "name",
        "quiet",
        "stream",
        "users",
        "watchers",
    )

    def __init__(self, owner: Owner, name: str, label: str) -> None:
        self._owner = owner
        self.name = name
        self.label = label
        self.users = 0
        self.quiet = False
        self.watchers = 0
        self.stream = Stream(self)
        self._history: History | None = None
        self._subscribed = False
        self._fast: dict[Seat, None] = {}
        self._slow: dict[Subscriber, None] | None = None
        self._pending: list[Arrival] | None = None
        self._pending_bytes = 0
        self._waiters: list[asyncio.Future[None]] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._reread = False

    @property
    def limits(self) -> ChannelLimits:
        return self._owner.limits

    @property
    def position(self) -> Position | None:
        return self.stream.position

    @property
    def followers(self) -> int:
        """Those who have taken their place."""
        return len(self._fast) + len(self._slow or ())

    # Opening and closing

    async def open(self, history: History | None) -> None:
        """
        Take a place, and wait until publications come. Every call that returns needs a `close()`.

        Raises:
            BrokerUnavailable: If the broker does not answer; the place is given back.
        """
        self.users += 1
        try:
            if history is not None and self._history is None:
                self._history = history
                self.stream.numbered = True
            while not self._ready:
                self._work()
                ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiters = [*(self._waiters or ()), ready]
                await ready
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give a place back; the last one ends the subscription."""
        self.users -= 1
        if not self.users:
            self._work()

    @property
    def _ready(self) -> bool:
        return self._subscribed and (self._history is None or self.stream.position is not None)

    def _work(self) -> None:
        if self._worker is None:
            self._worker = self._owner.spawn(self._settle(), f"topic {self.name!r}")

    async def _settle(self) -> None:
        """Bring what the broker knows in line with whether there are users; one task, so that nothing overtakes."""
        fault: Exception | None = None
        broker = self._owner.broker
        try:
            while True:
                if self.users and not self._ready:
                    await broker.subscribe(self.name)
                    self._subscribed = True
                    if self._history is not None and self.stream.position is None:
                        self.stream.reading_done(await broker.read(self.name, self._history))
                elif not self.users and self._subscribed:
                    self._subscribed = False
                    self.stream = Stream(self)
                    self.stream.numbered = self._history is not None
                    await broker.unsubscribe(self.name)
                else:
                    break
                self._wake(None)
        except BrokerError as error:
            fault = error
        except Exception as error:
            fault = error
            raise
        except asyncio.CancelledError:
            fault = self._stopped()
            raise
        finally:
            self._worker = None
            self._wake(fault)
            if not self.users:
                self._owner.forget(self)

    def stop(self) -> None:
        """The hub has stopped: nobody waits any longer, not for a task either that was cancelled before it began."""
        self._wake(self._stopped())

    def _stopped(self) -> BrokerUnavailable:
        return BrokerUnavailable(f"{self._owner.broker.url}: channels have stopped in this process")

    def _wake(self, fault: Exception | None) -> None:
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if waiter.done():
                continue
            if fault is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(fault)

    # Followers

    def add(self, subscriber: Subscriber, *, at_once: bool) -> None:
        """
        Let a subscriber have what comes from now on, and nothing that came before.

        Args:
            at_once: A socket that has nothing to catch up with takes its place in the plain loop.
        """
        self.flush()
        if subscriber.wants_presence:
            self.watchers += 1
        if at_once and isinstance(subscriber, Seat):
            self._fast[subscriber] = None
        else:
            self._put_aside(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Stop that; what came before is handed on first. Idempotent."""
        self.flush()
        here = subscriber in self._fast or (self._slow is not None and subscriber in self._slow)
        if here and subscriber.wants_presence:
            self.watchers -= 1
        if isinstance(subscriber, Seat):
            self._fast.pop(subscriber, None)
        if self._slow is not None:
            self._slow.pop(subscriber, None)
            self._slow = self._slow or None

    def slow_down(self, seat: Seat) -> None:
        """Take a socket out of the plain loop."""
        if seat in self._fast:
            del self._fast[seat]
            self._put_aside(seat)

    def _put_aside(self, subscriber: Subscriber) -> None:
        if self._slow is None:
            self._slow = {}
        self._slow[subscriber] = None

    def speed_up(self, seat: Seat) -> None:
        """Put it back: nothing waits for it."""
        if self._slow is not None and seat in self._slow:
            self._slow.pop(seat)
            self._slow = self._slow or None
            self._fast[seat] = None

    def passed_on(self, position: Position) -> bool:
        """Whether everything up to a position has been handed on."""
        here = self.stream.position
        return (
            self._pending is None
            and here is not None
            and here.epoch == position.epoch
            and here.offset >= position.offset
        )

    # Publications

    def pass_on(self, publication: Publication) -> None:
        """Called by the stream, in order."""
        arrival = Arrival(publication)
        self.quiet = False
        if self._pending is None:
            self._pending = [arrival]
            self._pending_bytes = len(arrival.payload)
            asyncio.get_running_loop().call_soon(self.flush)
            return
        self._pending.append(arrival)
        self._pending_bytes += len(arrival.payload)
        if len(self._pending) >= BATCH_MESSAGES or self._pending_bytes >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand on what came since the last time."""
        arrivals, self._pending = self._pending, None
        if arrivals is None:
            return
        wire: Wire | None = None
        prepared = _NOTHING
        made: dict[Wire, Prepared] = {}
        fast = tuple(self._fast)
        slow = tuple(self._slow or ())
        for seat in fast:
            if seat.wire is not wire:
                wire = seat.wire
                prepared = made.get(wire) or made.setdefault(wire, wire.prepare(arrivals))
            try:
                # One call less where a short message meets a connection that takes it: benchmarks/README.md.
                send_short = seat.connection.send_short
                if send_short is not None and prepared.small is not None:
                    send_short(prepared.opcode, prepared.small)
                elif not seat.send(prepared):
                    seat.fall_behind(arrivals)
            except WebSocketDisconnect:
                pass  # it is over, and its end takes it out
            except Exception:
                seat.fail()
        for subscriber in slow:
            try:
                subscriber.take(arrivals)
            except Exception:
                subscriber.fail()
        if self._owner.observer is not None:
            self._owner.observer.delivered(self.label, len(arrivals) * (len(fast) + len(slow)))

    def change(self, event: PresenceEvent) -> None:
        """Tell those who want to know that a member came or left."""
        if not self.watchers:
            return
        self.flush()
        arrival = Arrival(None, event)
        for subscriber in (*self._fast, *(self._slow or ())):
            # A member is not told of itself: whether its own coming still reached it would depend on the broker.
            if subscriber.wants_presence and subscriber.member != event.member:
                try:
                    subscriber.take([arrival])
                except Exception:
                    subscriber.fail()

    def count_dropped(self, messages: int) -> None:
        if messages and self._owner.observer is not None:
            self._owner.observer.undelivered(self.label, messages)

    def close_socket(self, websocket: WebSocket[Any, Any], code: int, reason: str) -> None:
        self._owner.close_socket(websocket, code, reason)

    # Loss

    def lose(self) -> None:
        """Called by the stream: those who count on the history are told, once."""
        self.flush()
        log.warning("publications of %r are lost to %d subscribers here", self.name, self.users)
        for subscriber in (*self._fast, *(self._slow or ())):
            if subscriber.position != NOWHERE:
                self.remove(subscriber)  # a Close takes its time, and what comes meanwhile would show the gap first
                subscriber.lose()

    def check(self) -> None:
        """Something may be missing: compare with the history."""
        if self._history is not None and self.stream.position is not None:
            self.stream.ask()

    def read_again(self) -> None:
        """Called by the stream."""
        self._reread = True
        if self._reader is None:
            self._reader = self._owner.spawn(self._read(), f"recovery of {self.name!r}")

    async def _read(self) -> None:
        pause_s = RETRY_S
        try:
            while self._reread and self._subscribed and self._history is not None:
                self._reread = False
                stream = self.stream
                try:
                    page = await self._owner.broker.read(self.name, self._history, stream.position)
                except BrokerError:
                    self._reread = True
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, RETRY_MOST_S)
                    continue
                if not self._reread and stream is self.stream:
                    stream.reading_done(page)
        finally:
            self._reader = None
