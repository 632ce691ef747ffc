"""
Redis as it is run elsewhere: with TLS, for a user with few rights, as a node of a cluster, short of memory, far away.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from apistar.channels import REJOIN, Broker, Channel, History, Hub, Presence, listening
from apistar.exceptions import BrokerUnavailable
from tests.channels.detour import detour
from tests.channels.redis_server import RedisServer, redis_server
from tests.channels.simulation import socket
from tests.contracts.brokers import Recorder
from tests.server.processes import ROOT, free_port, make_certificate
from tests.transports.wire import until

pytestmark = pytest.mark.requires("redis")

HISTORY = History(size=100)
RIGHTS = (
    "+client|setname +ping +subscribe +unsubscribe +publish +evalsha +eval +time +get +set +del +pexpire"
    " +hget +hset +hsetnx +hmget +hincrby +hdel +hexists +hlen +xadd +xrange +zadd +zrem +zscore +zrangebyscore"
)


class Log(Channel[int]):
    topic = "log"
    history = HISTORY
    presence = Presence(grace_s=0)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server(process: RedisServer) -> RedisServer:
    process.flush()
    return process


@contextlib.asynccontextmanager
async def hub_at(url: str, timeout_s: float = 5) -> AsyncIterator[Hub]:
    broker = Broker.connect(url, timeout_s=timeout_s)
    hub = Hub(broker)
    async with broker:
        yield hub


async def use_everything(url: str) -> None:
    """Each method of a broker, with what comes of it."""
    broker, seen = Broker.connect(url), Recorder()
    broker.listener = seen
    async with broker:
        await broker.subscribe("t")
        start = (await broker.read("t", HISTORY)).position
        first = await broker.publish("t", b"1", HISTORY, idempotency_key="k")
        assert first is not None
        assert await broker.publish("t", b"1", HISTORY, idempotency_key="k") == first
        await broker.publish("t", b"2", HISTORY)
        await broker.publish("t", b"3")
        await broker.publish("t", b"4", idempotency_key="l")
        assert len((await broker.read("t", HISTORY, start)).publications) == 2
        assert await broker.positions(["t"]) != [None]
        await broker.enter("t", ["ann", "bob"], "seat", 30, 10)
        assert await broker.members("t") == ["ann", "bob"]
        await broker.leave("t", "ann", "seat", 0)
        await broker.sweep(["t"])
        await until(lambda: len(seen.presence) == 3, "told of members")
        assert seen.payloads("t") == [b"1", b"2", b"3", b"4"]
        await broker.unsubscribe("t")
        assert broker.health().available


async def test_user_with_the_rights_that_the_docs_name_can_do_everything(server: RedisServer) -> None:
    said = " ".join((ROOT / "docs" / "channels.md").read_text().split())
    places = "on >secret ~apistar:* resetchannels &apistar:*"
    assert f"ACL SETUSER chat {places} {RIGHTS}" in said
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "chat", *places.split(), *RIGHTS.split())
        await use_everything(f"redis://chat:secret@127.0.0.1:{server.port}")
        for right in RIGHTS.replace(" +unsubscribe", "").split():  # without that one a session is lost, and begins anew
            server.flush()
            client.script_flush()
            client.execute_command("ACL", "SETUSER", "chat", f"-{right[1:]}")
            with pytest.raises(BrokerUnavailable):
                await use_everything(f"redis://chat:secret@127.0.0.1:{server.port}")
            client.execute_command("ACL", "SETUSER", "chat", right)


@pytest.mark.requires("openssl")
async def test_redis_with_tls_is_used_as_any_other(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    options = ("--tls-port", str(port := free_port()), "--tls-auth-clients", "no")
    files = ("--tls-cert-file", str(certificate.path), "--tls-key-file", str(certificate.key))
    with redis_server(tmp_path, *options, *files):
        await use_everything(f"rediss://localhost:{port}?ssl_ca_certs={certificate.path}")
        with pytest.raises(BrokerUnavailable, match="certificate verify failed"):
            await use_everything(f"rediss://localhost:{port}")


async def test_node_of_a_cluster_says_that_the_topic_is_elsewhere(tmp_path: Path) -> None:
    """Each topic's keys are in one slot, so its own node takes them; no node has all topics."""
    with contextlib.ExitStack() as stack:
        nodes, places = [], []
        for number in range(3):
            folder = tmp_path / str(number)
            folder.mkdir()
            options = ("--cluster-enabled", "yes", "--cluster-port", str(bus := free_port()))
            nodes.append(stack.enter_context(redis_server(folder, *options)))
            places.append(f"127.0.0.1:{nodes[-1].port}@{bus}")
        create = ["redis-cli", "--cluster", "create", *places, "--cluster-yes"]
        await asyncio.to_thread(subprocess.run, create, check=True, capture_output=True, timeout=150)
        await until(lambda: all(map(takes_part, nodes)), "every node takes part")
        taken, refused = 0, []
        for node in nodes:
            try:
                await use_everything(node.url)
                taken += 1
            except BrokerUnavailable as error:
                refused.append(str(error))
    assert taken == 1, refused
    for sentence in refused:
        assert "keeps this topic on another node of its cluster" in sentence


@pytest.mark.parametrize("evicted", ["position", "log"])
async def test_key_that_redis_evicted_is_told_or_does_no_harm(server: RedisServer, evicted: str) -> None:
    """As `maxmemory-policy allkeys-lru` takes them: one by one, whichever was used least."""
    async with hub_at(server.url) as hub:
        websocket, transport = await socket()
        async with Log(hub).join(websocket):
            before = await Log(hub).publish(1)
            await Log(hub).publish(2)
            await until(lambda: len(transport.taken) == 2, "delivered")
            with server.client() as client:
                assert client.delete(f"apistar:{{log}}:{evicted}") == 1
            after = await Log(hub).publish(3)
            comer, taken = await socket()
            async with Log(hub).join(comer, since=before) as joined:
                assert not joined.recovered
                assert taken.taken == []
            if evicted == "position":
                assert after.epoch != before.epoch
                await until(lambda: websocket.close_code == REJOIN, "told")
            else:
                await until(lambda: transport.taken == [b"1", b"2", b"3"], "a live socket misses nothing")
                async with Log(hub).join(comer, since=after) as joined:
                    assert joined.recovered


async def test_way_to_redis_that_swallows_everything_is_given_up_in_bounded_time(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half-open connection: no FIN and no RST comes, and new ones are taken and never answered."""
    monkeypatch.setattr(listening, "PING_INTERVAL_S", 0.3)
    async with detour(server.port) as way:
        async with hub_at(f"redis://127.0.0.1:{way.port}", timeout_s=0.5) as hub:
            websocket, transport = await socket()
            async with Log(hub).join(websocket, member="ann"):
                await Log(hub).publish(1)
                await until(lambda: len(transport.taken) == 1, "delivered")
                way.swallow()
                asked = (
                    Log(hub).publish(2), Log(hub).members(), Log(hub).recent(), Log(hub).position(),
                    hub.broker.subscribe("other"), hub.broker.positions(["log"]), hub.broker.sweep(["log"]),
                    Log(hub).disconnect(member="bob"),
                )  # fmt: skip
                failed = await asyncio.gather(*asked, return_exceptions=True)
                assert [type(error) for error in failed] == [BrokerUnavailable] * len(asked)
                await until(lambda: not hub.broker.health().available, "the silence was noticed")
                way.let_through()
                way.cut()
                await until(lambda: hub.broker.health().available, "it is back")
                await published(hub, 3)
                await until(lambda: transport.taken[-1:] == [b"3"], "publications come")
                way.swallow()
                started = time.monotonic()
        assert time.monotonic() - started < 6


async def test_far_away_redis_is_slow_and_nothing_else(server: RedisServer) -> None:
    """Commands that wait go together, so that a hundred publishers at once wait for two rounds, not a hundred."""
    async with detour(server.port) as way, hub_at(f"redis://127.0.0.1:{way.port}") as hub:
        websocket, transport = await socket()
        async with Log(hub).join(websocket):
            way.delay_s = 0.05
            started = time.monotonic()
            await asyncio.gather(*(Log(hub).publish(number) for number in range(100)))
            assert time.monotonic() - started < 4
            await until(lambda: len(transport.taken) == 100, "all came")
        assert [int(payload) for payload in transport.taken] == list(range(100))


def takes_part(node: RedisServer) -> bool:
    with node.client() as client:
        found: bytes = client.execute_command("CLUSTER", "INFO")
        return b"cluster_state:ok" in found


async def published(hub: Hub, value: int) -> None:
    """Publish as an application that tries again."""
    async with asyncio.timeout(10):
        while True:
            try:
                await Log(hub).publish(value, idempotency_key=str(value))
                return
            except BrokerUnavailable:
                await asyncio.sleep(0.01)
