"""What only Redis can do to a broker; what every engine can is in `test_engine_failures.py`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from apistar.channels import History
from apistar.exceptions import BrokerUnavailable
from tests.channels.redis_server import RedisServer, redis_server
from tests.channels.trials import connected
from tests.contracts.brokers import place
from tests.transports.wire import until

pytestmark = pytest.mark.requires("redis")

HISTORY = History(size=1000)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path, "--appendfsync", "no") as server:  # nothing here is killed
        yield server


async def test_subscriber_whose_buffer_in_redis_overflows_is_told(server: RedisServer) -> None:
    with server.client() as client:
        client.config_set("client-output-buffer-limit", "pubsub 100000 100000 1")
    async with connected(server) as (broker, seen):
        await broker.subscribe("t")
        await broker.publish("t", bytes(10_000_000), HISTORY)
        await until(lambda: seen.interruptions == ["interrupted", "resumed"], "the cut was noticed and mended")
        await broker.publish("t", b"after", HISTORY)
        await until(lambda: seen.payloads("t")[-1:] == [b"after"], "publications come again")


async def test_redis_that_forgets_its_scripts_is_taught_again(server: RedisServer) -> None:
    async with connected(server) as (broker, _):
        first = await broker.publish("t", b"1", HISTORY)
        with server.client() as client:
            client.script_flush()
        assert first is not None
        assert place(await broker.publish("t", b"2", HISTORY)) == (first.epoch, 2)


async def test_redis_that_refuses_to_write_is_unavailable(server: RedisServer) -> None:
    async with connected(server) as (broker, _):
        with server.client() as client:
            client.config_set("maxmemory", "1")
            try:
                with pytest.raises(BrokerUnavailable, match="maxmemory"):
                    await broker.publish("t", b"x", HISTORY)
                assert "maxmemory" in broker.health().detail
            finally:
                client.config_set("maxmemory", "0")
        await broker.publish("t", b"x", HISTORY)
        assert broker.health().available


async def test_what_others_publish_to_our_channels_is_dropped(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(server) as (broker, seen):
        await broker.subscribe("t")
        with server.client() as client:
            client.publish("apistar:{t}", b"Hnonsense")
            client.publish("apistar:{t}", b"?")
            client.publish("apistar:{t}", b"")
            client.publish("apistar:{t}", b"J\xff")
        await broker.publish("t", b"ours")
        await until(lambda: seen.payloads("t") == [b"ours"], "ours came")
        assert (seen.interruptions, seen.presence) == ([], [])
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 4
