"""`--metrics` on real processes: what Prometheus reads, of one process and of several."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from apistar.server.metrics import MAX_CODES, PrometheusObserver
from tests.server.processes import ServerProcess, serving, wait_for
from tests.server.wire import (
    BINARY,
    PING,
    PONG,
    TEXT,
    close_frame,
    frame,
    handshake,
    read_answer,
    read_close,
    read_frame,
    upgrade,
)

APP = "tests.server.observed_app:app"
ECHO = {"route": "/echo/{room}"}


class Page(dict[tuple[str, frozenset[tuple[str, str]]], float]):
    """Samples by name and labels."""

    def of(self, name: str, **labels: str) -> float | None:
        return self.get((f"apistar_websocket_{name}", frozenset(labels.items())))


def parsed(text: str) -> Page:
    return Page(
        ((sample.name, frozenset(sample.labels.items())), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    )


def page(process: ServerProcess) -> Page:
    answer = httpx.get(f"http://127.0.0.1:{process.port}/metrics", timeout=30)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return parsed(answer.text)


def wait_for_sample(process: ServerProcess, value: float, name: str, **labels: str) -> None:
    """A series that nobody has touched since its worker died is not there."""
    wait_for(lambda: (page(process).of(name, **labels) or 0) == value, f"{name}{labels} to be {value}: {page(process)}")


@pytest.fixture(
    scope="module", params=[APP, "tests.server.observed_app:raising"], ids=["alone", "beside-one-that-raises"]
)
def measured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("metrics"), request.param, metrics=True) as process:
        yield process


def test_every_series_counts_what_it_says(measured: ServerProcess) -> None:
    with measured.connect() as client:
        upgrade(client, b"/echo/1")
        client.sendall(frame(TEXT, "é".encode()) + frame(BINARY, b"abc"))
        assert [read_frame(client) for _ in range(2)] == [(TEXT, "é".encode()), (BINARY, b"abc")]
        opcode, payload = read_frame(client)
        assert opcode == PING
        client.sendall(frame(PONG, payload))
        wait_for_sample(measured, 1, "ping_seconds_count", **ECHO)
        now = page(measured)
        assert now.of("open", **ECHO) == 1
        assert now.of("opened_total", **ECHO) == 1
        assert (now.of("received_messages_total", **ECHO), now.of("received_bytes_total", **ECHO)) == (2, 5)
        assert (now.of("sent_messages_total", **ECHO), now.of("sent_bytes_total", **ECHO)) == (2, 5)
        client.sendall(close_frame(4001))
        assert read_close(client)[0] == 4001
        wait_for_sample(measured, 1, "closed_total", code="4001", **ECHO)
        assert page(measured).of("open", **ECHO) == 0


def test_channels_are_counted_by_their_topic(measured: ServerProcess) -> None:
    with measured.connect() as client:
        upgrade(client, b"/chat/1")
        client.sendall(frame(TEXT, b'"hi"'))
        assert read_frame(client) == (TEXT, b'"hi"')
    now = page(measured)
    for name, value in (("published_messages", 1), ("published_bytes", 4), ("delivered_messages", 1)):
        sample = (f"apistar_channel_{name}_total", frozenset({("channel", "room:{room}")}))
        assert now[sample] == value


def test_refusals_are_counted_by_status_and_route(measured: ServerProcess) -> None:
    for target, status in ((b"/refuse", 401), (b"/nowhere", 404)):
        with measured.connect() as client:
            client.sendall(handshake(target))
            assert read_answer(client).status == status
    with measured.connect() as client:
        client.sendall(handshake(b"/echo/1", version=b"HTTP/1.0"))
        assert read_answer(client).status == 400
    wait_for_sample(measured, 1, "refused_total", route="/refuse", status="401")
    wait_for_sample(measured, 1, "refused_total", route="", status="404")
    wait_for_sample(measured, 1, "refused_total", route="", status="400")


def test_outbox_and_drops_of_a_slow_client_are_counted(measured: ServerProcess) -> None:
    with measured.connect() as client:
        upgrade(client, b"/flood")
        wait_for(lambda: (page(measured).of("outbox_bytes_count", route="/flood") or 0) > 3, "a full outbox")
    wait_for(lambda: (page(measured).of("dropped_messages_total", route="/flood") or 0) > 0, "drops")
    wait_for_sample(measured, 1, "closed_total", code="1006", route="/flood")


def test_observer_that_raises_broke_nothing(measured: ServerProcess) -> None:
    told = [line for line in measured.log.splitlines() if "raised; it is called on" in line]
    assert len(told) == len(set(told)) == (10 if "raising" in str(measured.process.args) else 0)


def test_foreign_application_is_counted_without_routes(tmp_path: Path) -> None:
    with serving(tmp_path, "tests.server.apps:bare", metrics=True) as process, process.connect() as client:
        upgrade(client)
        client.sendall(frame(TEXT, b"hi"))
        read_frame(client)
        now = page(process)
        assert (now.of("open", route=""), now.of("received_bytes_total", route="")) == (1, 2)
        assert httpx.get(f"http://127.0.0.1:{process.port}/other", timeout=30).status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="reads processes in /proc")
def test_workers_are_summed_and_the_dead_hold_nothing_open(tmp_path: Path) -> None:
    with serving(
        tmp_path, "tests.server.observed_app:workers", metrics=True, workers=2, drain_s=0.2, shutdown_timeout_s=0.5
    ) as process:
        process.wait_for_log("API Star is at")
        clients = [process.connect() for _ in range(12)]
        for client in clients:
            upgrade(client, b"/echo/1")
            client.sendall(frame(TEXT, b"hi"))
            assert read_frame(client)[0] == TEXT
        for _ in range(5):  # whichever worker answers
            now = page(process)
            assert now.of("open", **ECHO) == now.of("opened_total", **ECHO) == 12
            assert now.of("received_messages_total", **ECHO) == 12
        dead = min(process.workers())
        os.kill(dead, signal.SIGKILL)
        process.wait_for_log("starting another")
        lost = sum(is_lost(client) for client in clients)
        wait_for_sample(process, 12 - lost, "open", **ECHO)
        assert page(process).of("opened_total", **ECHO) == 12
        for client in clients:
            client.close()
        wait_for_sample(process, 0, "open", **ECHO)
        assert process.terminate()[0] == 0


def is_lost(client: Any) -> bool:
    try:
        client.sendall(frame(TEXT, b"hi"))
        while read_frame(client)[0] == PING:
            pass
    except OSError:
        return True
    return False


def test_peer_cannot_make_a_series_for_each_path_or_topic(measured: ServerProcess) -> None:
    for number in range(20):
        line = b"Origin: http://%d.example" % number if number % 2 else b"X: y"
        for target in (f"/echo/{number}", f"/chat/{number}", f"/none/{number}", f"/echo/{number}?x={number}"):
            with measured.connect() as client:
                client.sendall(handshake(target.encode(), line))
                if read_answer(client).status == 101:
                    client.sendall(frame(TEXT, b"%d" % number))
                    assert read_frame(client)[1] == b"%d" % number
    labels = [dict(labels) for _, labels in page(measured)]
    assert {each["route"] for each in labels if "route" in each} <= {
        "",
        "/echo/{room}",
        "/chat/{room}",
        "/refuse",
        "/flood",
    }
    assert {each["channel"] for each in labels if "channel" in each} == {"room:{room}"}


def test_peer_cannot_make_a_series_for_each_code() -> None:
    registry = CollectorRegistry()
    observer = PrometheusObserver(registry)
    for code in (1000, 1006, *range(3000, 5000)):
        observer.opened("/")
        observer.closed("/", code)
    now = parsed(generate_latest(registry).decode())
    codes = [labels for name, labels in now if name == "apistar_websocket_closed_total"]
    assert len(codes) == MAX_CODES + 4
    assert now.of("closed_total", route="/", code="3xxx") == 1000 - MAX_CODES
    assert now.of("closed_total", route="/", code="4xxx") == 1000


def test_names_and_units_are_prometheus_own(measured: ServerProcess) -> None:
    answer = httpx.get(f"http://127.0.0.1:{measured.port}/metrics", timeout=30)
    families = {
        family.name: family
        for family in text_string_to_metric_families(answer.text)
        if family.name.startswith("apistar_")
    }
    for name, family in families.items():
        assert family.documentation
        if family.type == "histogram":
            assert name.endswith(("_bytes", "_seconds"))
        elif family.type == "gauge":
            assert not name.endswith("_total")
    assert httpx.head(f"http://127.0.0.1:{measured.port}/metrics").text == ""


def test_page_is_for_get_and_the_application_has_the_other_methods(measured: ServerProcess) -> None:
    answer = httpx.post(f"http://127.0.0.1:{measured.port}/metrics", content=b"mine", timeout=30)
    assert "apistar_" not in answer.text
