"""
Measure servers against each other: `python -m benchmarks.run --work echo --servers apistar,starlette --rounds 3`.

The order of things is the point. All servers of the run are started first, each on the same core, and stopped with
SIGSTOP except for the one whose turn it is; a round gives every server one short turn, in an order that moves on by
one each round, so that whatever else the machine does hits all alike. The load comes from the other core. A figure
is the median of its rounds, a ratio the median of the ratios within each round.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict, TypeVar, cast

from benchmarks import alone, page, plot, report
from benchmarks.processes import ServerProcess, pinned, two_cores
from benchmarks.programs import program
from benchmarks.record import Figures, Measured, Result, measured, record
from benchmarks.roster import SERVERS, Server
from benchmarks.targets import verdicts
from benchmarks.works import ORDER_PATH, ORDER_USER, WORKS, Work

RESULTS = Path(__file__).parent / "results"
T = TypeVar("T")


class LoadResult(TypedDict):
    """What a load generator prints."""

    opened: int
    count: int
    seconds: float
    rate: float
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float
    server_cpu_s: float
    server_cpu_ticks_s: float
    load_cpu_s: float
    errors: int
    first_error: str


def load(work: Work, server: ServerProcess, core: int | None, *options: str) -> LoadResult:
    """Run the load generator of a work once and give its result; RuntimeError if one answer was wrong."""
    name = "httpload" if work.http else "wsload"
    pids = [word for pid in server.pids for word in ("--pid", str(pid))]
    # On a machine of one core a load that never sleeps would take it from the server.
    asleep = ["--sleep"] if core is None else []
    command = [program(name), "--port", str(server.port), *work.options, *options, *asleep, *pids]
    with pinned(core):
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stdout}{done.stderr}\n{server.output()}")
    return cast(LoadResult, json.loads(done.stdout.splitlines()[-1]))


def turn(work: Work, server: ServerProcess, core: int | None, seconds: float) -> Figures:
    """Measure one server for one round."""
    waited, cpu, kernel = server.waited_s(), server.cpu_s(), server.kernel_s()
    result = load(work, server, core, "--seconds", str(seconds), "--warmup", "0.15")
    waited, cpu, kernel = server.waited_s() - waited, server.cpu_s() - cpu, server.kernel_s() - kernel
    count, elapsed = result["count"], result["seconds"]
    return {
        "cpu_us": result["server_cpu_s"] / count * 1e6,
        "ticks_us": result["server_cpu_ticks_s"] / count * 1e6,
        "kernel": kernel / cpu if cpu else 0.0,
        "rate": result["rate"],
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
        "p999_us": result["p999_us"],
        "max_us": result["max_us"],
        "server_busy": result["server_cpu_s"] / elapsed,
        "load_busy": result["load_cpu_s"] / elapsed,
        "waited": waited / (waited + cpu) if waited + cpu else 0.0,
    }


def second_try(
    work: Work, server: ServerProcess, core: int | None, seconds: float, say: Callable[[str], None]
) -> Figures:
    """Measure one server for one round; once more where a busy machine kept it from answering at all."""
    try:
        return turn(work, server, core, seconds)
    except RuntimeError as error:
        say(f"{work.name}: once more, after {str(error)[:200]}")
        return turn(work, server, core, seconds)


def idle_memory(work: Work, entry: Server, cores: tuple[int | None, int | None], sockets: int) -> Figures:
    """Open many connections to a fresh server, leave them idle, and divide what its memory grew by."""
    server_core, load_core = cores
    with ServerProcess(entry.argv(), server_core) as server:
        load(WORKS["echo"], server, load_core, "--seconds", "0.3", "--warmup", "0")
        before = server.pss_bytes()
        extent = ["--sockets", str(sockets), "--seconds", "60"]
        command = [program("wsload"), "--port", str(server.port), *work.options, *extent]
        with pinned(load_core):
            holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with holder:
            assert holder.stdout is not None
            assert holder.stdin is not None
            opened = json.loads(holder.stdout.readline())
            after = server.pss_bytes()
            holder.stdin.close()
            last = json.loads(holder.stdout.readline()) if opened["event"] == "open" else opened
    if opened["event"] != "open" or opened["opened"] != sockets:
        raise RuntimeError(f"{entry.name}: only {opened['opened']} of {sockets} sockets opened: {last['first_error']}")
    return {"bytes": (after - before) / sockets, "before_bytes": float(before), "after_bytes": float(after)}


def answers_rightly(server: ServerProcess) -> None:
    """See that the HTTP route does what all others' does, before its speed counts."""
    answer = json.loads(server.get(ORDER_PATH, {"X-User": ORDER_USER}))
    expected = {"number": 42, "page": 3, "user": ORDER_USER}
    if answer != expected:
        raise RuntimeError(f"GET {ORDER_PATH} answered {answer}, not {expected}")


def measure(
    works: list[Work],
    entries: list[Server],
    options: argparse.Namespace,
    say: Callable[[str], None],
    found: dict[str, dict[str, Measured]],
    keep: Callable[[], object],
) -> None:
    """
    Measure everything that was asked for.

    Args:
        found: Work → server → figures; filled, and its works are not measured again.
        keep: Called after every work.
    """
    cores = two_cores()
    works = [work for work in works if work.name not in found]
    for work in (work for work in works if work.memory):
        found[work.name] = {}
        for entry in (entry for entry in entries if fits(work, entry)):
            say(f"{work.name}: {entry.name}")
            try:
                found[work.name][entry.name] = measured([idle_memory(work, entry, cores, options.sockets)])
            except RuntimeError as error:
                say(f"{work.name}: {entry.name} left out: {error}")
        keep()
    paced = [work for work in works if not work.memory]
    running: dict[str, ServerProcess] = {}
    try:
        for entry in entries if paced else ():
            try:
                running[entry.name] = server = ServerProcess(entry.argv(), cores[0])
                server.pause()
            except RuntimeError as error:
                say(f"{entry.name} left out: {error}")
        for work in paced:
            rounds: dict[str, list[Figures]] = {name: [] for name in running if fits(work, SERVERS[name])}
            order = list(rounds)
            for number in range(options.rounds):
                for name in order[number % len(order) :] + order[: number % len(order)]:
                    if name not in rounds:
                        continue
                    say(f"{work.name}: round {number + 1} of {options.rounds}: {name}")
                    server = running[name]
                    server.resume()
                    try:
                        if work.http and number == 0:
                            answers_rightly(server)
                        rounds[name].append(second_try(work, server, cores[1], options.seconds, say))
                    except (RuntimeError, OSError) as error:
                        say(f"{work.name}: {name} left out: {error}")
                        del rounds[name]
                    finally:
                        server.pause()
            found[work.name] = {name: measured(figures) for name, figures in rounds.items() if figures}
            keep()
    finally:
        for server in running.values():
            server.stop()


def fits(work: Work, entry: Server) -> bool:
    """Say whether the server has this work at all."""
    able = (entry.http or not work.http) and (entry.typed or not work.typed)
    return able and (entry.channels or not work.channel) and (work.name in entry.works or not entry.works)


def choose(names: str, table: dict[str, T], what: str) -> list[T]:
    """Look up a comma-separated list of names; `all` is the whole table."""
    wanted = list(table) if names == "all" else names.split(",")
    unknown = [name for name in wanted if name not in table]
    if unknown:
        raise SystemExit(f"no {what} is called {', '.join(unknown)}; there are: {', '.join(table)}")
    return [table[name] for name in wanted]


def run(options: argparse.Namespace) -> Result:
    """Measure what the options ask for; with `--save` each work is kept as soon as it is measured."""
    works, entries = choose(options.work, WORKS, "work"), choose(options.servers, SERVERS, "server")
    options.rounds = options.rounds or (3 if options.quick else 7)
    options.seconds = options.seconds or (0.2 if options.quick else 0.4)
    settings = {"rounds": options.rounds, "seconds": options.seconds, "sockets": options.sockets}
    packages = {package for entry in entries for package in entry.packages}
    file = RESULTS / f"{options.save}.json" if options.save else None
    before = cast(Result, json.loads(file.read_text())) if options.resume and file and file.exists() else None
    found = before["works"] if before else {}
    figures = before["figures"] if before else {}

    def keep() -> Result:
        names = [entry.name for entry in entries]
        result = record({name: found[name] for name in WORKS if name in found}, names, packages, settings, figures)
        if file is not None:
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(result, indent=1) + "\n")
        return result

    if options.work == "all" and not figures:
        figures.update(alone.measure(options.quick, report.say))
    measure(works, entries, options, report.say, found, keep)
    return keep()


def main(words: list[str] | None = None) -> int:
    """Read the command line, measure, print, keep; status 1 if `--check` finds a target missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", default="all", help=f"comma-separated: {', '.join(WORKS)} (default: all)")
    parser.add_argument("--servers", default="all", help=f"comma-separated: {', '.join(SERVERS)} (default: all)")
    parser.add_argument("--rounds", type=int, help="how often each server has its turn (default: 7)")
    parser.add_argument("--seconds", type=float, help="counted seconds of one turn (default: 0.4)")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 0.2 s: a look, in a quarter of the time")
    parser.add_argument("--sockets", type=int, default=5000, help="idle connections (default: 5000)")
    parser.add_argument("--check", action="store_true", help="hold the figures to the targets: status 1 on a miss")
    parser.add_argument("--save", metavar="NAME", help="keep the result as benchmarks/results/NAME.json")
    parser.add_argument("--resume", action="store_true", help="with --save: go on with a run that was broken off")
    parser.add_argument("--plot", metavar="FOLDER", type=Path, help="write one SVG per work into this folder")
    parser.add_argument("--docs", action="store_true", help="write tables and drawings into docs/benchmarks.md")
    parser.add_argument("--again", metavar="FILE", type=Path, help="measure nothing; show, check or plot a kept result")
    options = parser.parse_args(words)
    result = json.loads(options.again.read_text()) if options.again else run(options)
    report.tables(result)
    if options.docs:
        page.write(result)
    if options.plot:
        plot.write(result, options.plot)
    if options.check:
        return 0 if report.check(verdicts(result)) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
