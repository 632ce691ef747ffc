"""The password in a broker's URL is nobody's business: not in errors, logs, reprs, readiness, routes or counters."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apistar import ASyncApp, AsyncTestClient
from apistar.channels import Broker
from apistar.channels.broker_url import without_credentials
from apistar.exceptions import BrokerUnavailable, ConfigurationError
from tests.channels.engines import EVERY_ENGINE, Engine, running_engine
from tests.server.processes import ROOT, free_port

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("memory://", "memory://"),
        ("redis://host:6379/1", "redis://host:6379/1"),
        ("redis://[::1]:6379", "redis://[::1]:6379"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
        ("redis://user:s3cret@host:6379/1", "redis://…@host:6379/1"),
        ("redis://:s3cret@[::1]:6379", "redis://…@[::1]:6379"),
        ("rediss://s3cret@host", "rediss://…@host"),
        ("redis://user:s3cret@s3cret@host", "redis://…@host"),
        ("redis://user:1/s3cret@host", "redis://…@host"),
        ("redis://user:1?s3cret@host", "redis://…@host"),
        ("redis://user:1#s3cret@host", "redis://…@host"),
        ("redis://user:[s3cret@host", "redis://…@host"),
        ("redis://user:s3cret", "redis://user:…"),
        ("redis://user:s3cret/1", "redis://user:…"),
        ("redis://host?username=s3cret&password=s3cret&db=2", "redis://host?username=…&password=…&db=2"),
        ("unix://user:s3cret@/run/redis.sock", "unix://…@/run/redis.sock"),
        ("nats://user:s3cret@host", "nats://…@host"),
        ("postgresql://user:s3cret@host:5432/db?schema=a", "postgresql://…@host:5432/db?schema=a"),
        ("postgresql://user:s3cret@one:1,two:2/db", "postgresql://…@one:…"),
        ("postgresql:///db?user=s3cret&password=s3cret", "postgresql:///db?user=…&password=…"),
        ("redis:user:s3cret@host", "redis://…@host"),
    ],
)
def test_url_is_shown_without_credentials(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


@given(before=st.text(max_size=8), after=st.text(max_size=8), host=st.sampled_from(["host", "[::1]:1", "h:6379/1"]))
def test_no_password_is_shown_whatever_stands_around_it(before: str, after: str, host: str) -> None:
    assert SECRET not in without_credentials(f"redis://user:{before}{SECRET}{after}@{host}")


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:1/s3cret@host",
        "redis://user:12345/s3cret@host",
        "redis://user:1?s3cret@host",
        "redis://user:12345#s3cret@host",
        "redis://user:[s3cret@host",
        "redis://user:s3cret",
        "redis://user:s3cret@host:s3cret",
        "nats://user:s3cret@host:1",
        "postgresql://user:1/s3cret@host",
        "postgresql://user:s3cret@s3cret@host",
        "postgresql://user:s3cret",
        "postgresql://user:s3cret@one:1,two:s3cret",
    ],
)
def test_url_that_would_be_misread_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        ASyncApp(routes=[], broker=url)
    assert SECRET not in str(refused.value)
    assert refused.value.__context__ is None or refused.value.__suppress_context__


@pytest.fixture(params=EVERY_ENGINE)
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine that lets `user` in with the password, and nobody else."""
    with running_engine(request.param, tmp_path) as engine:
        engine.guard("user", SECRET)
        yield engine


async def test_wrong_password_is_not_told(guarded: Engine, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        broker = Broker.connect(guarded.url_of("user", f"{SECRET}-another"), timeout_s=1.0)
        with pytest.raises(BrokerUnavailable) as refused:
            await broker.start()
        with pytest.raises(BrokerUnavailable) as closed:
            await broker.publish("topic", b"x")
    told = [str(refused.value), str(closed.value), repr(broker), repr(broker.health()), caplog.text]
    assert all(SECRET not in text for text in told), told
    assert "…@127.0.0.1" in told[0]


async def test_readiness_shows_the_broker_without_its_password(guarded: Engine) -> None:
    url = guarded.url_of("user", SECRET)
    app = ASyncApp(routes=[], broker=url, ready_url="/ready")
    async with AsyncTestClient(app) as client:
        ready = await client.get("/ready")
        guarded.kill()
        with pytest.raises(BrokerUnavailable) as gone:
            await app.disconnect(member="ann")
        unready = await client.get("/ready")
    assert ready.json()["broker"]["url"] == url.replace(f"user:{SECRET}@", "…@")
    assert all(SECRET not in text for text in (ready.text, unready.text, str(gone.value), repr(app)))


@pytest.mark.parametrize("command", [["routes", "--explain", "/rooms/a"], ["run", "--port", "0"]])
@pytest.mark.parametrize("place", ["127.0.0.1:{port}", "/s3cret@127.0.0.1:{port}"])
def test_command_line_tells_no_password(command: list[str], place: str) -> None:
    """Whatever it does or cannot do: nobody listens at this port."""
    url = f"redis://user:{SECRET}@{place.format(port=free_port())}"
    done = subprocess.run(
        [sys.executable, "-m", "apistar", command[0], "examples.rooms:app", *command[1:]],
        cwd=ROOT,
        env={**os.environ, "BROKER": url, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    told = done.stdout + done.stderr
    assert SECRET not in told
    assert ("…@127.0.0.1" in told) == (command[0] == "run" or place.startswith("/")), told
