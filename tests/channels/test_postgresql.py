"""What only PostgreSQL can do to a broker; what every engine can is in `test_engine_failures.py`."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator

import pytest

from apistar.channels import Broker, History, Position
from apistar.channels.postgresql_messages import Assembly
from apistar.channels.postgresql_schema import PART_BYTES, TIDY_ROWS, VERSION, channel_of, definition
from apistar.channels.postgresql_url import Address
from apistar.exceptions import BrokerUnavailable, ConfigurationError
from tests.channels.detour import detour
from tests.channels.postgresql_server import PostgreSQLServer, shared_postgresql
from tests.channels.trials import available, connected
from tests.contracts.brokers import Recorder
from tests.transports.wire import until

pytestmark = pytest.mark.requires("postgresql")

HISTORY = History(size=10)
BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
TABLES = ("log", "keys", "seats", "topics")


@pytest.fixture
def server() -> PostgreSQLServer:
    """The one that all tests share, without anything of ours in it."""
    shared = shared_postgresql()
    shared.flush()
    return shared


def kept(server: PostgreSQLServer, table: str) -> int:
    count: int = server.execute(f"SELECT count(*) FROM apistar.{table}")[0][0]
    return count


@contextlib.asynccontextmanager
async def at(url: str) -> AsyncIterator[tuple[Broker, Recorder]]:
    broker, recorder = Broker.connect(url), Recorder()
    broker.listener = recorder
    async with broker:
        yield broker, recorder


# Messages


@pytest.mark.parametrize("size", [PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES, 256 * 1024])
@pytest.mark.parametrize("byte", [b"x", b"\0", b"\xff"])
async def test_payload_over_the_limit_of_a_notification_arrives_whole(
    server: PostgreSQLServer, size: int, byte: bytes
) -> None:
    payload = byte * size
    async with at(server.url) as (broker, seen):
        await broker.subscribe("t")
        await asyncio.gather(broker.publish("t", payload), broker.publish("t", payload, HISTORY))
        await broker.publish("t", b"end")
        await until(lambda: seen.payloads("t")[-1:] == [b"end"], "the last one came")
    assert [payload == found for found in seen.payloads("t")[:-1]] == [True, True]


async def test_equal_publications_of_one_round_are_not_folded_into_one(server: PostgreSQLServer) -> None:
    async with at(server.url) as (broker, seen):
        await broker.subscribe("t")
        await asyncio.gather(*(broker.publish("t", b"same") for _ in range(100)))
        await until(lambda: len(seen.publications) == 100, "each of them came")


async def test_what_others_notify_on_our_channels_is_dropped(
    server: PostgreSQLServer, caplog: pytest.LogCaptureFixture
) -> None:
    channel = channel_of("apistar", "t")
    async with at(server.url) as (broker, seen):
        await broker.subscribe("t")
        strange = ["", "?", "1 0 T H nonsense\n", "1 0 B P\nA", "1 0 B J\n/w==", "1 x T P\n", "1 -1 T P\n"]
        for payload in [*strange, "1 2 T P\nbegun and never ended"]:
            server.execute("SELECT pg_notify($1, $2)", channel, payload)
        await broker.publish("t", b"ours")
        await until(lambda: seen.payloads("t") == [b"ours"], "ours came")
        assert (seen.interruptions, seen.presence) == ([], [])
        assert broker.health().restarts == 0
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == len(strange) + 1


async def test_database_may_have_any_encoding(server: PostgreSQLServer) -> None:
    server.execute("DROP DATABASE IF EXISTS latin")
    server.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    async with at(server.url.replace("/postgres", "/latin").replace("latin@", "postgres@")) as (broker, seen):
        payload = "Ελλάδα \0 €".encode()
        await broker.subscribe("Ελλάδα")
        await broker.publish("Ελλάδα", payload, HISTORY, idempotency_key="κ")
        assert await broker.enter("Ελλάδα", ["Ἀθηνᾶ", "", "a,b"], "seat", 60, 10)
        await until(lambda: len(seen.presence) == 3, "all were announced")
        assert seen.payloads("Ελλάδα") == [payload]
        assert await broker.members("Ελλάδα") == sorted(["Ἀθηνᾶ", "", "a,b"])
        # What a client says refuses nobody else's call, which goes in the same round.
        strange, page = await asyncio.gather(
            broker.read("Ελλάδα", HISTORY, Position("日本", 1)), broker.read("Ελλάδα", HISTORY)
        )
        assert strange == page


# The schema


async def test_many_processes_may_make_the_schema_at_once(server: PostgreSQLServer) -> None:
    async with contextlib.AsyncExitStack() as stack:
        brokers = [Broker.connect(server.url) for _ in range(8)]
        await asyncio.gather(*(stack.enter_async_context(broker) for broker in brokers))
        positions = await asyncio.gather(*(broker.publish("t", b"x", HISTORY) for broker in brokers))
        assert sorted(position.offset for position in positions if position) == list(range(1, 9))


async def test_process_that_hangs_while_it_makes_the_schema_holds_nobody_up(server: PostgreSQLServer) -> None:
    from apistar.channels.postgresql_connection import connect  # it imports asyncpg, which is an extra

    hanging = await connect(Address.of(server.url), 5.0, "apistar")
    await hanging.execute("BEGIN")
    await hanging.execute("SELECT pg_advisory_xact_lock(hashtextextended('apistar schema apistar', 0))")
    async with at(server.url) as (broker, _):
        assert await broker.publish("t", b"x", HISTORY)
    hanging.terminate()


async def test_schemas_of_one_database_know_nothing_of_each_other(server: PostgreSQLServer) -> None:
    server.execute("DROP SCHEMA IF EXISTS another CASCADE")
    async with at(server.url) as (one, seen), at(f"{server.url}?schema=another") as (other, seen_by_other):
        for broker in (one, other):
            await broker.subscribe("t")
        first = await one.publish("t", b"one", HISTORY)
        second = await other.publish("t", b"other", HISTORY)
        await until(lambda: bool(seen.publications and seen_by_other.publications), "both came")
        assert (seen.payloads("t"), seen_by_other.payloads("t")) == ([b"one"], [b"other"])
        assert first
        assert second
        assert first.epoch != second.epoch


async def test_schema_that_is_dropped_while_it_is_used_is_made_again(server: PostgreSQLServer) -> None:
    async with at(server.url) as (broker, _):
        first = await broker.publish("t", b"x", HISTORY)
        server.flush()
        with pytest.raises(BrokerUnavailable, match="does not exist"):
            await broker.publish("t", b"x", HISTORY)
        second = await broker.publish("t", b"x", HISTORY)
        assert first
        assert second
        assert (second.offset, second.epoch == first.epoch) == (1, False)


async def test_schema_of_another_version_is_left_alone(server: PostgreSQLServer) -> None:
    async with at(server.url):
        pass
    server.execute("UPDATE apistar.meta SET version = 7")
    with pytest.raises(BrokerUnavailable, match=r"schema apistar is of version 7 .* name another with \?schema="):
        async with at(server.url):
            pass


def test_what_the_schema_holds_is_what_its_version_says() -> None:
    """A process of an older version would call functions that are not there: raise VERSION with each change."""
    digest = hashlib.sha256(definition("apistar").encode()).hexdigest()[:16]
    assert (VERSION, digest) == (2, "ad04e2dae25943af")


async def test_role_needs_no_right_but_its_own_schema(server: PostgreSQLServer) -> None:
    server.execute("DROP SCHEMA IF EXISTS narrow CASCADE")
    server.execute("DROP ROLE IF EXISTS narrow")
    server.execute("CREATE ROLE narrow LOGIN")
    url = f"{server.url.replace('postgres@', 'narrow@')}?schema=narrow"
    with pytest.raises(BrokerUnavailable, match="CREATE SCHEMA narrow AUTHORIZATION"):
        async with at(url):
            pass
    server.execute("CREATE SCHEMA narrow AUTHORIZATION narrow")
    async with at(url) as (broker, seen):
        await broker.subscribe("t")
        assert await broker.publish("t", b"x", HISTORY)
        await until(lambda: seen.payloads("t") == [b"x"], "it came")


async def test_settings_of_the_database_do_not_change_what_is_promised(server: PostgreSQLServer) -> None:
    from apistar.channels.postgresql_connection import connect  # it imports asyncpg, which is an extra

    settings = {"default_transaction_isolation": "'serializable'", "synchronous_commit": "off", "search_path": "''"}
    for name, value in settings.items():
        server.execute(f"ALTER ROLE postgres SET {name} = {value}")
    try:
        async with at(server.url) as (one, _), at(server.url) as (other, _):
            positions = await asyncio.gather(
                *(broker.publish("t", b"x", HISTORY) for _ in range(50) for broker in (one, other))
            )
            # One that waits for another sees what that one wrote.
            holder = await connect(Address.of(server.url), 5.0, "test")
            await holder.execute("BEGIN; UPDATE apistar.topics SET expires = expires")
            waiting = asyncio.ensure_future(one.publish("t", b"x", HISTORY))
            await until(lambda: server.execute(BLOCKED)[0][0] == 1, "it waits")
            await holder.execute("COMMIT")
            positions.append(await waiting)
            on_disk = await holder.fetchval("SHOW synchronous_commit")
            holder.terminate()
    finally:
        server.execute("ALTER ROLE postgres RESET ALL")
    assert sorted(position.offset for position in positions if position) == list(range(1, 102))
    assert on_disk == "on"


async def test_connection_that_hangs_is_dropped_with_the_call(server: PostgreSQLServer) -> None:
    """Else the next call would find it in the middle of another."""
    async with detour(server.port) as way:
        url = server.url.replace(str(server.port), str(way.port))
        broker = Broker.connect(url, timeout_s=0.5)
        async with broker:
            session = broker._commands._session  # type: ignore[attr-defined]  # the connection, which the contract of brokers does not show
            way.swallow()
            with pytest.raises(BrokerUnavailable, match=r"no answer within 0\.5 s"):
                await broker.publish("t", b"x")
            await until(session.is_closed, "it is dropped")
            way.let_through()
            await available(broker)


async def test_call_that_waits_too_long_ends_on_the_server_too(server: PostgreSQLServer) -> None:
    """Whoever tries again would wait behind it, and so would the publication that was given up be made in the end."""
    from apistar.channels.postgresql_connection import connect  # it imports asyncpg, which is an extra

    async with connected(server) as (broker, _):
        await broker.publish("t", b"x", HISTORY)
        holder = await connect(Address.of(server.url), 5.0, "test")
        await holder.execute("BEGIN; UPDATE apistar.topics SET expires = expires")
        with pytest.raises(BrokerUnavailable):
            await broker.publish("t", b"given up", HISTORY)
        await until(lambda: server.execute(BLOCKED)[0][0] == 0, "nobody waits")
        await holder.execute("COMMIT")
        holder.terminate()
        position = await broker.publish("t", b"x", HISTORY)
        assert position
        assert position.offset == 2


def test_driver_still_has_the_method_that_is_taken_over() -> None:
    connection = pytest.importorskip("asyncpg").Connection
    assert "_process_notification" in vars(connection), (
        "asyncpg hands on notifications in another way now: see channels/postgresql_connection.py"
    )


# What is kept


async def test_table_keeps_little_more_than_the_history(server: PostgreSQLServer) -> None:
    history = History(size=80)
    async with at(server.url) as (broker, _):
        await asyncio.gather(*(broker.publish("t", b"x", history) for _ in range(500)))
    [(entries,)] = server.execute("SELECT count(*) FROM apistar.log")
    assert 80 <= entries <= 90


async def test_entries_of_an_epoch_that_is_over_are_in_nobodys_way(server: PostgreSQLServer) -> None:
    async with at(server.url) as (broker, _):
        first = await broker.publish("t", b"old", HISTORY)
        server.execute("DELETE FROM apistar.topics")
        start = (await broker.read("t", HISTORY)).position
        second = await broker.publish("t", b"new", HISTORY)
        page = await broker.read("t", HISTORY, start)
    assert first
    assert second
    assert (second.offset, second.epoch == first.epoch) == (1, False)
    assert [publication.payload for publication in page.publications] == [b"new"]


async def test_what_has_run_out_is_deleted_by_whoever_comes_by(
    server: PostgreSQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much it is; a process that has just begun does so, too."""
    rows = TIDY_ROWS + 1
    async with at(server.url) as (broker, _):
        await broker.publish("t", b"x", History(ttl_s=0.001))
        await broker.enter("u", ["ann"], "seat", 60, 10)
        for table, column in (("topics", "expires"), ("seats", "ends"), ("meta", "tidied")):
            server.execute(f"UPDATE apistar.{table} SET {column} = now() - interval '2 hours'")
        numbers = f"convert_to(n::text, 'UTF8'), now() FROM generate_series(1, {rows}) n"
        server.execute(f"INSERT INTO apistar.keys (topic, key, expires) SELECT 't', {numbers}")
        server.execute(f"INSERT INTO apistar.topics (epoch, \"offset\", topic, expires) SELECT 'e', 1, {numbers}")
        server.execute(
            'INSERT INTO apistar.log ("offset", made, tag, before, payload, topic, expires) '
            f"SELECT 2, now(), '', '', '', {numbers}"
        )
    async with at(server.url) as (broker, _):
        await broker.positions(["v"])
        await until(lambda: not any(kept(server, table) for table in TABLES), "nothing is left")
        # And nobody is about it any more.
        assert server.execute("SELECT tidied > now() - interval '1 minute' FROM apistar.meta")[0][0]


async def test_fault_in_what_deletes_is_nobody_elses(
    server: PostgreSQLServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("apistar.channels.postgresql_commands.TIDY_EVERY_S", 0.0)
    async with at(server.url) as (broker, _):
        server.execute("ALTER TABLE apistar.meta RENAME COLUMN tidied TO another")
        for _ in range(20):
            assert await broker.publish("t", b"x", HISTORY)
        await until(lambda: "what has run out is deleted later" in caplog.text, "it is told")


async def test_rounds_over_the_same_topics_never_wait_in_a_circle(server: PostgreSQLServer) -> None:
    topics = [f"t{number}" for number in range(40)]
    async with at(server.url) as (one, _), at(server.url) as (other, _):
        await asyncio.gather(
            *(
                broker.publish(topic, b"x", HISTORY, idempotency_key=f"{broker is one} {turn}")
                for turn in range(10)
                for broker, order in ((one, topics), (other, topics[::-1]))
                for topic in order
            ),
            *(broker.enter(topic, ["ann"], "seat", 60, 10) for broker in (one, other) for topic in topics),
        )
        positions = await one.positions(topics)
    assert [position.offset for position in positions if position] == [20] * 40


async def test_durations_and_sizes_may_be_as_large_as_they_like(server: PostgreSQLServer) -> None:
    forever = History(size=10**12, ttl_s=float("inf"))
    async with at(server.url) as (broker, _):
        position = await broker.publish("t", b"x", forever, idempotency_key="k", idempotency_ttl_s=float("inf"))
        assert position
        page = await broker.read("t", forever, Position(position.epoch, 0))
        assert [publication.payload for publication in page.publications] == [b"x"]
        assert await broker.enter("t", ["ann"], "seat", float("inf"), 10**12)
        await broker.leave("t", "ann", "seat", float("inf"))
        assert await broker.members("t") == ["ann"]


@pytest.mark.parametrize("duration_s", [-1e300, -1.0, 0.0, float("nan")])
async def test_duration_that_is_none_is_over_at_once_and_refuses_nobody(
    server: PostgreSQLServer, duration_s: float
) -> None:
    async with at(server.url) as (broker, _):
        first, _ = await asyncio.gather(
            broker.publish("t", b"x", HISTORY, idempotency_key="k", idempotency_ttl_s=duration_s),
            broker.publish("t", b"x", HISTORY),
        )
        assert await broker.publish("t", b"x", HISTORY, idempotency_key="k", idempotency_ttl_s=duration_s) != first


async def test_position_that_no_bigint_holds_is_one_of_the_future(server: PostgreSQLServer) -> None:
    async with at(server.url) as (broker, _):
        position = await broker.publish("t", b"x", HISTORY)
        assert position
        strange = [Position(epoch, 5) for epoch in ("\0", "\ud83d", "x" * 10_000)]
        for since in (Position(position.epoch, 10**30), Position(position.epoch, 9), *strange):
            page = await broker.read("t", HISTORY, since)
            assert (page.position, page.publications) == (position, ())
            assert not page.continues(since)


async def test_server_that_takes_no_writes_any_more_is_left(server: PostgreSQLServer) -> None:
    """As one that is a standby now; the next connection may lead to another."""
    async with at(server.url) as (broker, _):
        assert await broker.publish("t", b"x", HISTORY)
        session = broker._commands._session  # type: ignore[attr-defined]  # the connection, which the contract of brokers does not show
        await session.execute("SET default_transaction_read_only = on")
        with pytest.raises(BrokerUnavailable, match="read-only transaction"):
            await broker.publish("t", b"x", HISTORY)
        assert await broker.publish("t", b"x", HISTORY)


# What listens


async def test_what_was_heard_before_the_connection_was_lost_is_given_first() -> None:
    from apistar.channels.postgresql_line import PostgreSQLLine  # it imports asyncpg, which is an extra

    async def echo(channel: str) -> None: ...

    line = PostgreSQLLine(Address.of("postgresql://h/db"), "postgresql://h/db", 5.0, echo)
    line._topics["channel"] = ("t", Assembly())
    line._hear("channel", "1 0 T P\nx")
    line._lose(ConnectionError("the first reason"))
    line._lose(ConnectionError("another"))
    assert await line.receive(5) == [("t", b"T P\nx")]
    async with asyncio.timeout(1):
        with pytest.raises(ConnectionError, match="the first reason"):
            await line.receive(5)


async def test_topics_that_nobody_wants_any_more_take_no_memory(server: PostgreSQLServer) -> None:
    async with at(server.url) as (broker, _):
        await asyncio.gather(*(broker.subscribe(f"t{number}") for number in range(3)))
        line = broker._listening._line  # type: ignore[attr-defined]  # the connection, which the contract of brokers does not show
        assert len(line._topics) == 3
        await asyncio.gather(*(broker.unsubscribe(f"t{number}") for number in range(3)))
        await until(lambda: not line._topics, "they are forgotten")


# What stands between


async def test_pool_that_swallows_listen_is_found_out(
    server: PostgreSQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool in transaction mode gives what was said next to another session; here to none."""
    async with connected(server) as (broker, _):
        swallow = broker.line().echo  # type: ignore[attr-defined]  # the connection, which the contract of brokers does not show

        async def elsewhere(channel: str) -> object:
            return await swallow(f"{channel}x")

        make = broker.line  # type: ignore[attr-defined]  # of brokers with a server alone

        def line() -> object:
            made = make()
            made.echo = elsewhere
            return made

        monkeypatch.setattr(broker._listening, "_make_line", line)  # type: ignore[attr-defined]  # of those, too
        with pytest.raises(BrokerUnavailable, match="a pool in session mode"):
            await broker.subscribe("t")


# The URL


@pytest.mark.parametrize(
    ("url", "schema", "several"),
    [
        ("postgresql://h/db", "apistar", False),
        ("postgres://u:p@h:1/db?schema=shop_2&sslmode=require", "shop_2", False),
        ("postgresql://u@one:1,two:2/db", "apistar", True),
        ("postgresql:///db?host=/run/postgresql", "apistar", False),
        ("postgresql:///db?host=one,two&target_session_attrs=primary", "apistar", False),
    ],
)
def test_url_is_read(url: str, schema: str, several: bool) -> None:
    address = Address.of(url)
    assert (address.schema, address.several) == (schema, several)
    assert "schema=" not in address.dsn


@pytest.mark.parametrize("schema", ["", "pg_mine", "Shop", 'a"b', "1st", "x" * 64, "a-b"])
def test_schema_that_needs_quoting_is_refused(schema: str) -> None:
    with pytest.raises(ConfigurationError, match="lower-case letters"):
        Broker.connect(f"postgresql://h/db?schema={schema}")
