"""
The hub: one per application and process, between the broker and the sockets.

It has the topics that are followed here, the sockets that joined, and two things that go on by themselves while there
is anything to look after: quiet topics are compared with the broker's positions, and members are kept alive. Both are
supervised: a fault is logged, and they go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..exceptions import BrokerError
from ..observer import Observer
from ..transports.transport import Capability, Transport
from .broker import CHECK_INTERVAL_S, POSITION_TTL_S, Broker
from .control import CONTROL, Control
from .limits import DEFAULT_CHANNEL_LIMITS, ChannelLimits
from .presence import Roster
from .records import Health, Presence, PresenceEvent, Publication
from .topic import Topic

if TYPE_CHECKING:
    from ..websocket import WebSocket

log: Final = logging.getLogger("apistar.channels")

PAUSE_S: Final = 1.0
"""After a fault in what goes on by itself."""
KEEPS_PER_TTL: Final = 3
"""So that one lost round does not end a seat."""
KEPT_AT_ONCE: Final = 100
"""Topics, whose members are in one round of the broker's, which must not keep others waiting."""
SWEEP_GRAIN_S: Final = 0.1
"""Members who leave within it are looked for together: ten thousand who leave at once are one look, not as many."""
CLOSE_TIMEOUT_S: Final = 2.0
"""For telling a broker that members leave, when the process ends."""


class Place(Protocol):
    """A socket in a topic."""

    def leave(self) -> None:
        """Idempotent."""


class Hub:
    """
    Topics, sockets and members of one process.

    Attributes:
        control: Disconnects members, in every process.
        seat: Names this process towards the broker.
        restarts: How often something that goes on by itself had to be started again.
    """

    def __init__(self, broker: Broker, limits: ChannelLimits | None = None, observer: Observer | None = None) -> None:
        self.broker = broker
        self.limits = limits or DEFAULT_CHANNEL_LIMITS
        self.observer = observer
        self.control = Control(broker, self.close_socket)
        self.seat = secrets.token_hex(8)
        self.restarts = 0
        self._topics: dict[str, Topic] = {}
        self._rosters: dict[str, Roster] = {}
        self._sockets: dict[WebSocket[Any, Any], dict[str, Place]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeps: dict[int, tuple[asyncio.TimerHandle, set[str]]] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._positions_kept_at = 0.0
        self._shortest_ttl_s = Presence().ttl_s
        self._sooner = asyncio.Event()
        broker.listener = self

    # Life

    async def start(self) -> None:
        """Connect the broker."""
        await self.broker.start()

    async def stop(self) -> None:
        """End what goes on here, let members leave, and close the broker."""
        for timer, _ in self._sweeps.values():
            timer.cancel()
        self._sweeps.clear()
        tasks = [*self._loops, *self._tasks]
        self._loops.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.control.stop()
        closing = asyncio.gather(*(roster.close() for roster in self._rosters.values()), return_exceptions=True)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                faults = [outcome for outcome in await closing if outcome is not None]
        except TimeoutError as error:
            faults = [error]
        if faults:
            log.warning("members of this process leave when their time has run out: %r", faults[0])
        self._rosters.clear()
        for topic in self._topics.values():
            topic.stop()
        self._topics.clear()
        self._sockets.clear()
        await self.broker.close()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run something in the background; a fault of it is logged."""
        task = asyncio.get_running_loop().create_task(work, name=f"apistar: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.restarts += 1
            log.error("%s failed", task.get_name(), exc_info=task.exception())

    def _run_loops(self) -> None:
        if not self._loops:
            loop = asyncio.get_running_loop()
            self._positions_kept_at = loop.time()
            self._loops = [
                loop.create_task(self._supervise(work), name=f"apistar: channels, {name}")
                for name, work in (("check", self._check), ("presence", self._keep_members))
            ]

    async def _supervise(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except BrokerError:
                await asyncio.sleep(PAUSE_S)  # the broker's own health says it, and it is asked again
            except Exception:
                self.restarts += 1
                log.exception("channels: a fault in what goes on by itself; it goes on")
                await asyncio.sleep(PAUSE_S)

    # Topics

    def topic(self, name: str, label: str) -> Topic:
        """The topic of a name; the caller calls its `open()` at once."""
        self._run_loops()
        found = self._topics.get(name)
        if found is None:
            found = self._topics[name] = Topic(self, name, label)
        return found

    def forget(self, topic: Topic) -> None:
        if self._topics.get(topic.name) is topic:
            del self._topics[topic.name]

    def health(self) -> Health:
        """The broker's health, with what had to be started again here."""
        health = self.broker.health()
        return Health(health.available, health.detail, health.restarts + self.restarts)

    def statistics(self) -> dict[str, int]:
        """What is held here: topics, who follows them, sockets that have joined once and are open, members."""
        return {
            "topics": len(self._topics),
            "followers": sum(topic.followers for topic in self._topics.values()),
            "sockets": len(self._sockets),
            "members": len(self.control.members),
        }

    # The listener of the broker

    def on_publication(self, topic: str, publication: Publication) -> None:
        if topic == CONTROL:
            self.control.obey(publication.payload)
            return
        found = self._topics.get(topic)
        if found is not None:
            found.stream.take(publication)

    def on_presence(self, topic: str, event: PresenceEvent) -> None:
        found = self._topics.get(topic)
        if found is not None:
            found.change(event)

    def on_interrupted(self) -> None:
        log.warning("the broker %s is gone; joined sockets stay", self.broker.url)

    def on_resumed(self) -> None:
        log.warning("the broker %s is back; catching up", self.broker.url)
        for topic in list(self._topics.values()):
            topic.check()

    # What goes on by itself

    async def _check(self) -> None:
        """
        Compare the positions of quiet topics with the broker's: a publication may have been lost on its way.

        One look finds that a topic is quiet, the next one what it lacks. A position that nobody reads is forgotten in
        the end, so now and then quiet topics are read instead.
        """
        await asyncio.sleep(CHECK_INTERVAL_S / 2)
        quiet = [topic for topic in self._topics.values() if topic.position is not None and topic.quiet]
        for topic in self._topics.values():
            topic.quiet = True
        now = asyncio.get_running_loop().time()
        if now > self._positions_kept_at + POSITION_TTL_S / 4:
            self._positions_kept_at = now
            for topic in quiet:
                topic.check()
        elif quiet:
            positions = await self.broker.positions([topic.name for topic in quiet])
            for topic, position in zip(quiet, positions, strict=True):
                if position != topic.position:
                    topic.check()

    async def _keep_members(self) -> None:
        sooner = self._sooner = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._shortest_ttl_s / KEEPS_PER_TTL):
                await sooner.wait()
                return
        rosters = list(self._rosters.values())
        outcomes: list[BaseException | None] = []
        for start in range(0, len(rosters), KEPT_AT_ONCE):
            together = rosters[start : start + KEPT_AT_ONCE]
            outcomes += await asyncio.gather(*(roster.keep() for roster in together), return_exceptions=True)
        watched = {name for name, topic in self._topics.items() if topic.watchers}
        await self.broker.sweep(sorted(watched | self._rosters.keys()))
        for outcome in outcomes:
            if outcome is not None:
                raise outcome  # what one topic met kept no other one waiting

    def roster(self, topic: str, presence: Presence) -> Roster:
        """The members of a topic in this process."""
        found = self._rosters.get(topic)
        if found is None:
            self.heed(presence)
            found = self._rosters[topic] = Roster(self, topic, presence)
        return found

    def heed(self, presence: Presence) -> None:
        """Look for members who come and go as often as a channel's times ask for."""
        if presence.ttl_s < self._shortest_ttl_s:
            self._shortest_ttl_s = presence.ttl_s
            self._sooner.set()

    def forget_roster(self, roster: Roster) -> None:
        if roster.idle and self._rosters.get(roster.topic) is roster:
            del self._rosters[roster.topic]

    def sweep_later(self, topic: str, delay_s: float) -> None:
        """Look for members of a topic who left, when a grace is over; together with all others of that moment."""
        loop = asyncio.get_running_loop()
        moment = math.ceil((loop.time() + delay_s) / SWEEP_GRAIN_S)
        if moment not in self._sweeps:
            self._sweeps[moment] = loop.call_at(moment * SWEEP_GRAIN_S, self._sweep_at, moment), set()
        self._sweeps[moment][1].add(topic)

    def _sweep_at(self, moment: int) -> None:
        _, topics = self._sweeps.pop(moment)
        self.spawn(self._sweep(sorted(topics)), "looking for members who left")

    async def _sweep(self, topics: list[str]) -> None:
        try:
            await self.broker.sweep(topics)
        except BrokerError as error:
            log.warning("%s: who left %d topics is found later", error, len(topics))

    # Sockets

    def places_of(self, websocket: WebSocket[Any, Any], connection: Transport) -> dict[str, Place]:
        """What a socket has joined, by topic; its end gives everything back."""
        places = self._sockets.get(websocket)
        if places is None:
            places = self._sockets[websocket] = {}
            websocket.call_when_closed(lambda: self._closed(websocket))
            if Capability.WIRE_LIMITS not in connection.capabilities:
                # Over bare ASGI the end is an event that somebody must ask for, also while the handler does not.
                self.spawn(websocket.wait_closed(), "waiting for the end of a socket")
        return places

    def give_back(self, websocket: WebSocket[Any, Any], topic: str, place: Place) -> None:
        """A socket has left a topic."""
        places = self._sockets.get(websocket)
        if places is not None and places.get(topic) is place:
            del places[topic]

    def _closed(self, websocket: WebSocket[Any, Any]) -> None:
        for place in self._sockets.pop(websocket, {}).values():
            place.leave()

    def close_socket(self, websocket: WebSocket[Any, Any], code: int, reason: str) -> None:
        """Close a socket in the background."""
        self.spawn(websocket.close(code, reason), "closing a socket")
