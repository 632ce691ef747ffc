"""
The measuring instruments measure: load generators in C that check every answer, targets that can be missed.
"""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from statistics import median
from typing import Any

import pytest

from benchmarks import documents, page, plot, slow_reader
from benchmarks.processes import ServerProcess
from benchmarks.programs import program
from benchmarks.record import Result, measured, record
from benchmarks.roster import SERVERS
from benchmarks.targets import verdicts
from benchmarks.works import WORKS

needs_compiler = pytest.mark.requires("gcc")


@pytest.fixture
def echo_server() -> Iterator[ServerProcess]:
    with ServerProcess(SERVERS["c"].argv()) as server:
        yield server


def wsload(server: ServerProcess, *options: str) -> tuple[int, dict[str, Any]]:
    command = [program("wsload"), "--port", str(server.port), "--pid", str(server.pids[0]), "--warmup", "0.1", *options]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False)
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def result_of(**works: dict[str, list[float]]) -> Result:
    servers = sorted({name for work in works.values() for name in work})
    kept = {
        work: {
            name: measured([{"cpu_us": v, "p99_us": v, "bytes": v} for v in values]) for name, values in entry.items()
        }
        for work, entry in works.items()
    }
    return record(kept, servers, {"starlette"}, {"rounds": 3})


@pytest.mark.integration
@needs_compiler
def test_wsload_echoes_for_half_a_second_and_reads_the_servers_cpu(echo_server: ServerProcess) -> None:
    status, result = wsload(echo_server, "--sockets", "4", "--seconds", "0.5")

    assert (status, result["errors"], result["opened"]) == (0, 0, 4), result
    assert result["count"] > 100
    assert 0 < result["server_cpu_s"] <= result["seconds"] * 1.05
    assert 0 < result["p50_us"] <= result["p99_us"] <= result["p999_us"] <= result["max_us"] * 1.01


@pytest.mark.integration
@needs_compiler
@pytest.mark.parametrize(
    "options",
    [
        ["--mode", "fan", "--path", "/fan", "--sockets", "20"],
        ["--mode", "churn", "--sockets", "4"],
        ["--mode", "churn", "--close", "reset", "--sockets", "4"],
        ["--text", "--payload", "grüße ", "--size", "70000", "--sockets", "2"],
        ["--size", "1048576", "--sockets", "2"],
        ["--depth", "8", "--sockets", "2"],
        ["--rate", "500", "--sockets", "2"],
        ["--size", "0"],
    ],
    ids=" ".join,
)
def test_wsload_does_every_kind_of_work(echo_server: ServerProcess, options: list[str]) -> None:
    status, result = wsload(echo_server, "--seconds", "0.2", *options)

    assert (status, result["errors"]) == (0, 0), result
    assert result["count"] > 0


@pytest.mark.integration
@needs_compiler
def test_wsload_holds_idle_sockets_until_its_input_ends(echo_server: ServerProcess) -> None:
    command = [program("wsload"), "--port", str(echo_server.port), "--mode", "hold", "--sockets", "50", "--touch"]
    with subprocess.Popen(
        [*command, "--seconds", "20"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        opened = json.loads(holder.stdout.readline())
        holder.stdin.close()
        result = json.loads(holder.stdout.readline())

    assert (opened["event"], opened["opened"]) == ("open", 50)
    assert (holder.returncode, result["errors"]) == (0, 0)
    assert result["seconds"] < 10


@pytest.mark.integration
@needs_compiler
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--path", "/fan", "--sockets", "3", "--rate", "90"], "a message that nobody asked for"),
        (["--mode", "sink"], "no answer"),
        (["--path", "/{n} HTTP/1.1\r\nSec-WebSocket-Key: c2hvcnQ=\r\nX: "], "refused"),
    ],
)
def test_wsload_refuses_wrong_answers(echo_server: ServerProcess, options: list[str], complaint: str) -> None:
    status, result = wsload(echo_server, "--seconds", "0.2", *options)

    assert status == 1
    assert complaint in result["first_error"]


@pytest.mark.integration
@needs_compiler
def test_httpload_refuses_a_server_that_does_not_answer_200(echo_server: ServerProcess) -> None:
    command = [program("httpload"), "--port", str(echo_server.port), "--seconds", "0.2", "--sockets", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 1
    assert json.loads(done.stdout)["errors"] > 0


@pytest.mark.integration
@pytest.mark.slow
@needs_compiler
@pytest.mark.timeout(180)
def test_slow_reader_does_not_delay_five_hundred_others() -> None:
    found: list[float] = []
    for ratio in slow_reader.ratios(rounds=15, seconds=0.4):
        found.append(ratio)
        if len(found) >= 5 and median(found) <= slow_reader.MOST:
            return  # a machine that is busy with other things gets more rounds
    pytest.fail(f"the others' p99 is {median(found):.2f} times what it is without the slow reader: {found}")


def test_verdict_compares_within_each_round() -> None:
    # Ours / theirs is 0.5, 0.4, 0.5 round by round; the quotient of the medians is 0.4.
    verdict = verdicts(result_of(fan={"apistar": [10, 20, 50], "starlette": [20, 50, 100]}))[0]

    assert verdict.reached == 0.5
    assert verdict.passed


def test_verdict_misses_a_ratio_above_its_target() -> None:
    assert [v.passed for v in verdicts(result_of(fan={"apistar": [6], "starlette": [10]}))] == [False]


def test_verdict_misses_a_server_that_gave_no_figure() -> None:
    result = result_of(fan={"starlette": [10]})
    result["servers"].append("apistar")

    assert [(v.reached, v.passed) for v in verdicts(result)] == [(None, False)]


def test_plot_cuts_off_no_name() -> None:
    drawing = plot.draw(result_of(echo={key: [9.25, 9.25] for key in SERVERS}), "echo")
    names = [
        text
        for text in ET.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text")
        if "name" in text.attrib["class"]
    ]
    assert len(names) == len(SERVERS)
    for name in names:
        assert float(name.attrib["x"]) >= len(name.text or "") * 7


def test_plot_names_every_server_with_its_figure() -> None:
    drawing = plot.draw(result_of(echo={"apistar": [9.25, 9.25], "c": [5, 6]}), "echo")

    text = " ".join(ET.fromstring(drawing).itertext())
    assert "API Star 9.2" in text
    assert "minimal C server 5.5" in text


def test_every_work_with_a_target_exists() -> None:
    from benchmarks.targets import TARGETS

    assert {target.work for target in TARGETS} <= set(WORKS)
    assert {target.ours for target in TARGETS} | {target.theirs for target in TARGETS if target.theirs} <= set(SERVERS)


def test_figure_that_was_measured_without_a_server_is_held_to_its_target() -> None:
    result = result_of(echo={"c": [5]})
    result["figures"] = {"documents_s": 0.4, "import_fastapi": 0.7}

    assert {v.sentence: v.passed for v in verdicts(result)} == {
        "import apistar / import fastapi": False,
        "both documents of 1,000 routes, seconds": True,
    }


def test_page_tells_what_was_missed_and_how_noisy_it_was() -> None:
    times = {"apistar": 9.0, "starlette-bare": 20.0, "starlette": 18.0, "aiohttp": 8.0}
    result = result_of(echo={name: [time] * 3 for name, time in times.items()})
    result["settings"] = {"rounds": 3, "seconds": 0.4, "sockets": 5000}
    for each in result["works"]["echo"].values():
        for one in (each["median"], *each["rounds"]):
            one |= {"waited": 0.25, "kernel": 0.7, "rate": 1000.0, "p50_us": 1.0, "p999_us": 3.0}

    written = page.results(result)

    assert "for 25% of the time (more than a quiet machine has)" in written
    assert "| API Star | 9.0 |" in written
    assert "| echo: CPU of apistar / starlette-bare | 0.45 | 0.42 | **missed** |" in written
    assert "| echo: CPU of apistar / starlette | 0.50 | 0.42 | missed (uvloop under both) |" in written
    assert "| echo: CPU of apistar / c (moonshot)" not in written, "nobody asked for the C server"


def test_documents_of_routes_with_types_of_their_own_are_built() -> None:
    assert documents.build_s(8) > 0
