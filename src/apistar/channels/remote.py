"""
A broker whose engine is another process: one connection for commands, another that listens.

What every such engine has in common is here: life and health of the two connections, and what is heard on its way to
the listener. Order, atomic steps and what is remembered are the engine's, and stand with its technology.
"""

from __future__ import annotations

import logging
import secrets
from abc import abstractmethod
from typing import Any, Final

from .broker import POSITION_TTL_S, Broker
from .listening import Line, Listening
from .records import MAX_OFFSET, Health, History, Position, PresenceEvent, Publication
from .rounds import Rounds

log: Final = logging.getLogger("apistar.channels")

SEATS_TTL_S: Final = 3600.0
"""How much longer than the last seat what is known of it is kept, so that somebody can announce who left."""


class RemoteBroker(Broker):
    """
    One engine.

    Args:
        commands: Carries what is asked for one by one.
    """

    def __init__(self, url: str, *, timeout_s: float, commands: Rounds[Any]) -> None:
        super().__init__(url, timeout_s=timeout_s)
        self._rounds = commands
        self._listening = Listening(
            self.line,
            self.url,
            timeout_s,
            self._take,
            lambda: self.listener.on_interrupted(),
            lambda: self.listener.on_resumed(),
        )

    @abstractmethod
    def line(self) -> Line:
        """Make what listens in one session."""

    @abstractmethod
    def parse(self, message: bytes) -> Publication | PresenceEvent:
        """
        Read a message of a topic.

        Raises:
            ValueError: If it is none of ours.
        """

    @abstractmethod
    async def probe(self) -> None:
        """
        See that the engine is there and can be used.

        Raises:
            BrokerUnavailable: If not.
        """

    async def start(self) -> None:
        try:
            await self.probe()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        await self._listening.close()
        await self._rounds.close()

    def health(self) -> Health:
        fault = self._listening.fault or self._rounds.fault
        return Health(not fault, fault, self._listening.restarts)

    async def subscribe(self, topic: str) -> None:
        await self._listening.subscribe(topic)

    async def unsubscribe(self, topic: str) -> None:
        await self._listening.unsubscribe(topic)

    def _take(self, topic: str, message: bytes) -> None:
        try:
            said = self.parse(message)
        except ValueError as error:
            log.warning("topic %r of %s: %s; it is dropped", topic, self.url, error)
            return
        if isinstance(said, Publication):
            self.listener.on_publication(topic, said)
        else:
            self.listener.on_presence(topic, said)


def new_epoch() -> str:
    """A name that no history had before."""
    return secrets.token_hex(8)


def asked_since(since: Position | None) -> tuple[str, int]:
    """
    The epoch and the offset to ask an engine for; no epoch where it cannot be one of `new_epoch()`.

    Clients make positions up, and what an engine cannot take refuses everybody's call of a round.
    """
    if since is None or not (since.epoch.isascii() and since.epoch.isalnum()):
        return "", 0
    return since.epoch, max(0, min(since.offset, MAX_OFFSET))


def position_ttl_s(history: History) -> float:
    """A position outlives the history that it counts."""
    return max(POSITION_TTL_S, history.ttl_s)
