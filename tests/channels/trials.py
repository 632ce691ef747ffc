"""A broker on an engine that is about to fail, and the wait until it works again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from apistar.channels import Broker
from apistar.exceptions import BrokerUnavailable
from tests.channels.engines import Engine
from tests.contracts.brokers import Recorder

TIMEOUT_S: Final = 1.0


@contextlib.asynccontextmanager
async def connected(engine: Engine, timeout_s: float = TIMEOUT_S) -> AsyncIterator[tuple[Broker, Recorder]]:
    broker, recorder = Broker.connect(engine.url, timeout_s=timeout_s), Recorder()
    broker.listener = recorder
    async with broker:
        yield broker, recorder


async def available(broker: Broker) -> None:
    """Until it publishes again, as an application that tries again would see it."""
    async with asyncio.timeout(60):
        while True:
            try:
                await broker.publish("probe", b"")
                return
            except BrokerUnavailable:
                await asyncio.sleep(0.01)
