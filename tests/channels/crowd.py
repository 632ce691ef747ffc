"""
A crowd of clients and publishers over several server processes, and the record of what each of them saw.

Each client keeps one list over all its connections. `judge()` holds the lists to what channels promise:

| fault | what it would be |
|---|---|
| phantom | a publication that nobody made, or two clients that saw different ones at one position |
| duplicate, order | a position that is not above the one before |
| loss | a position that is missing within one connection, or after a join that said `recovered` |
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets

from apistar.channels import Broker
from apistar.exceptions import BrokerUnavailable
from tests.channels.crowd_app import Note, Notes

RECONNECT_S = 0.05


@dataclass
class Joined:
    """A connection began here."""

    recovered: bool
    position: tuple[str, int]
    since: tuple[str, int] | None


@dataclass
class Seen:
    """A publication came."""

    position: tuple[str, int]
    note: tuple[str, int]


@dataclass
class Crowd:
    """
    Args:
        ports: Gives the ports of the servers that run now.

    Attributes:
        attempted: Publications that somebody tried to make.
        confirmed: Those that were answered, by their position.
        records: What each client saw, in order.
    """

    ports: Callable[[], list[int]]
    topic: str = "crowd"
    attempted: set[tuple[str, int]] = field(default_factory=set)
    confirmed: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    records: list[list[Joined | Seen]] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    random: random.Random = field(default_factory=lambda: random.Random(7))

    # Clients

    async def follow(self) -> None:
        """One client: connects, reads, and connects again whatever ends it, from where it was."""
        record: list[Joined | Seen] = []
        self.records.append(record)
        while True:
            try:
                await self._connection(record)
            except (OSError, websockets.InvalidHandshake, EOFError):
                pass
            except websockets.ConnectionClosed as closed:
                self.codes.append(closed.rcvd.code if closed.rcvd else 1006)
            await asyncio.sleep(RECONNECT_S)

    async def _connection(self, record: list[Joined | Seen]) -> None:
        since = record[-1].position if record else None
        query = f"?epoch={since[0]}&offset={since[1]}" if since else ""
        url = f"ws://127.0.0.1:{self.random.choice(self.ports())}/{self.topic}{query}"
        async with websockets.connect(url, open_timeout=30, ping_interval=None) as ws:
            replayed: list[Seen] = []
            joined = False
            async for text in ws:
                message = json.loads(text)
                if "recovered" in message:
                    # What was replayed came before the word that the join is complete.
                    record += [Joined(message["recovered"], _position(message["position"]), since), *replayed]
                    joined = True
                elif "data" in message:
                    seen = Seen(
                        _position(message["position"]), (message["data"]["publisher"], message["data"]["number"])
                    )
                    (record if joined else replayed).append(seen)

    # Publishers

    async def publish_by_http(self, name: str, pause_s: float) -> None:
        async with httpx.AsyncClient(timeout=30) as client:
            for number in range(1_000_000):
                with contextlib.suppress(httpx.HTTPError, IndexError):
                    self.attempted.add((name, number))
                    port = self.random.choice(self.ports())
                    body = {"publisher": name, "number": number}
                    answer = await client.post(f"http://127.0.0.1:{port}/{self.topic}", json=body)
                    if answer.status_code == 200:
                        self.confirmed[_position(answer.json())] = (name, number)
                await asyncio.sleep(pause_s)

    async def publish_by_socket(self, name: str, pause_s: float) -> None:
        number = 0
        while True:
            with contextlib.suppress(OSError, websockets.WebSocketException, EOFError, IndexError):
                port = self.random.choice(self.ports())
                async with websockets.connect(f"ws://127.0.0.1:{port}/{self.topic}", ping_interval=None) as ws:
                    while True:
                        number += 1
                        self.attempted.add((name, number))
                        await ws.send(json.dumps({"publisher": name, "number": number}))
                        while "published" not in (message := json.loads(await ws.recv())):
                            pass
                        self.confirmed[_position(message["position"])] = (name, number)
                        await asyncio.sleep(pause_s)
            await asyncio.sleep(RECONNECT_S)

    async def publish_by_script(self, name: str, url: str, pause_s: float) -> None:
        async with Broker.connect(url) as broker:
            notes = Notes(broker, name=self.topic)
            for number in range(1_000_000):
                self.attempted.add((name, number))
                with contextlib.suppress(BrokerUnavailable):
                    position = await notes.publish(Note(name, number))
                    assert position is not None
                    self.confirmed[position.epoch, position.offset] = (name, number)
                await asyncio.sleep(pause_s)

    # Judgement

    def caught_up(self) -> bool:
        """Whether every client has seen the newest publication that was confirmed."""
        newest = max(self.confirmed, key=lambda position: position[1])
        return all(record and record[-1].position[1] >= newest[1] for record in self.records)

    def judge(self) -> dict[str, int]:
        """
        Hold every record to the promises.

        Returns:
            How much was looked at: publications, joins, recovered joins.
        """
        told: dict[tuple[str, int], tuple[str, int]] = dict(self.confirmed)
        counts = {"seen": 0, "joins": 0, "recovered": 0}
        for record in self.records:
            last: tuple[str, int] | None = None
            for event in record:
                if isinstance(event, Joined):
                    counts["joins"] += 1
                    counts["recovered"] += event.recovered
                    if not event.recovered:
                        last = event.position
                    else:
                        assert last == event.since, "recovered from elsewhere"
                    continue
                counts["seen"] += 1
                assert event.note in self.attempted, f"phantom: {event}"
                assert told.setdefault(event.position, event.note) == event.note, f"phantom: {event}"
                assert last is not None
                assert event.position[0] == last[0], f"another epoch without a word: {event} after {last}"
                assert event.position[1] > last[1], f"duplicate or out of order: {event} after {last}"
                assert event.position[1] == last[1] + 1, f"lost before {event}: last was {last}"
                last = event.position
        newest: dict[tuple[str, str], int] = {}
        for (epoch, _), (publisher, number) in sorted(told.items()):
            assert number > newest.get((epoch, publisher), -1), f"{publisher} is out of order at {number}"
            newest[epoch, publisher] = number
        return counts


def _position(message: dict[str, Any]) -> tuple[str, int]:
    return message["epoch"], message["offset"]
