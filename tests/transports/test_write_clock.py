"""Whether a client takes anything of what waits for it, over a TCP whose figures a test sets."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from apistar.transports import write_clock
from apistar.transports.write_clock import LOOKS, WriteClock

LIMIT_S = 0.2


class Client:
    """What waits for it: in the transport's buffer, and in the kernel's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.buffered = 1000
        self.unacknowledged = 1000
        self.stuck: list[float] = []
        monkeypatch.setattr(write_clock, "unacknowledged_bytes", lambda tcp: self.unacknowledged)
        loop = asyncio.get_running_loop()
        self.clock = WriteClock(cast("asyncio.Transport", self), loop, LIMIT_S, self.stuck.append)

    def get_write_buffer_size(self) -> int:
        return self.buffered


@pytest.mark.parametrize("taken", ["buffered", "unacknowledged"])
async def test_client_that_takes_a_little_is_not_stuck(taken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(monkeypatch)
    client.clock.begin()
    for _ in range(12):
        await asyncio.sleep(LIMIT_S / 4)
        setattr(client, taken, getattr(client, taken) - 1)
    await asyncio.sleep(LIMIT_S / 2)
    assert not client.stuck  # the time begins with the last of it
    await asyncio.sleep(2 * LIMIT_S)
    assert client.stuck == [LIMIT_S]


async def test_client_that_takes_nothing_is_stuck_once_and_not_before_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(monkeypatch)
    client.clock.begin()
    await asyncio.sleep(LIMIT_S / 2)
    client.clock.begin()  # again, as with every piece: the time does not begin anew
    await asyncio.sleep(LIMIT_S / 3)
    assert not client.stuck
    await asyncio.sleep(LIMIT_S / 6 + 2 * LIMIT_S / LOOKS)
    assert client.stuck == [LIMIT_S]
    await asyncio.sleep(2 * LIMIT_S)
    assert client.stuck == [LIMIT_S]
    assert client.clock.bucket is None


async def test_what_the_kernel_has_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(monkeypatch)
    client.clock.begin()
    client.buffered = 0
    await asyncio.sleep(2 * LIMIT_S)
    assert not client.stuck
    assert client.clock.bucket is None


async def test_clock_that_ended_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(monkeypatch)
    client.clock.begin()
    await asyncio.sleep(LIMIT_S * 0.8)
    client.clock.end()
    assert client.clock.bucket is None
    client.clock.begin()
    await asyncio.sleep(LIMIT_S * 0.6)
    assert not client.stuck
    client.clock.end()
