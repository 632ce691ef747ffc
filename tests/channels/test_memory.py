"""What the broker in memory forgets, so that it does not grow with the topics and keys of the past."""

from __future__ import annotations

from apistar.channels import History, MemoryBroker
from apistar.channels.broker import POSITION_TTL_S
from apistar.channels.memory import SWEEP_EVERY

HISTORY = History(size=3, ttl_s=60.0)


async def test_broker_forgets_topics_that_nobody_used_for_a_day_and_keeps_those_that_are_followed() -> None:
    now = 0.0
    broker = MemoryBroker(clock=lambda: now)
    for topic in ("old", "followed"):
        await broker.publish(topic, b"x", HISTORY)
    await broker.subscribe("followed")
    now = POSITION_TTL_S + 1
    for _ in range(SWEEP_EVERY):
        await broker.publish("busy", b"x", HISTORY)
    old, followed, busy = await broker.positions(["old", "followed", "busy"])
    assert old is None
    assert (followed and followed.offset, busy and busy.offset) == (1, SWEEP_EVERY)


async def test_broker_forgets_keys_whose_time_has_run_out() -> None:
    now = 0.0
    broker = MemoryBroker(clock=lambda: now)
    for number in range(10):
        await broker.publish("topic", b"x", idempotency_key=str(number), idempotency_ttl_s=5.0)
    now = 6.0
    for _ in range(SWEEP_EVERY):
        await broker.publish("topic", b"x")
    assert broker._keys == {}
