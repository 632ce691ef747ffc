"""
One publication to 1,000 sockets of four processes over Redis: `python -m benchmarks.distributed --check`.

API Star with `apistar run --workers 4`, and Django Channels with channels_redis' pub/sub layer on
`uvicorn --workers 4`, before one Redis that this starts itself. The two take turns; a figure is the median of its
rounds, the ratio the median of the ratios within each round. Two things are measured:

- deliveries per CPU second of all server processes, one publication after the other as fast as they go;
- the time from a publication's due moment until the last socket has it, at 100 publications a second, which leaves the
  load generator and Redis room on the same cores.

With `--postgresql postgresql://…` a third row is API Star over that database; no target is held to it.

Needs redis-server, and for the competitor `pip install --group benchmarks`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any, Final

import msgspec
import redis

from benchmarks.processes import ServerProcess, free_port
from benchmarks.programs import program

SOCKETS: Final = 1000
PROCESSES: Final = 4
LEAST_RATIO: Final = 3.0
MOST_P99_MS: Final = 20.0
QUIET: Final = ("--port", "{port}", "--workers", str(PROCESSES), "--log-level", "warning", "--no-access-log")
SERVERS: Final = {
    "apistar": ("apistar", "run", "benchmarks.servers.apistar:app", *QUIET),
    "channels": ("uvicorn", "benchmarks.servers.django_channels:app", *QUIET),
}


@contextmanager
def running_redis() -> Iterator[str]:
    """A Redis on a free port, without anything on disk; gives its URL."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            client = redis.Redis(port=port)
            while True:
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    if process.poll() is not None:
                        raise
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def settle(server: ServerProcess) -> None:
    """Wait until none of its processes is still starting, or has anything left to do: they use no CPU any more."""
    spent = -1.0
    while (now := server.cpu_s()) != spent:
        spent = now
        time.sleep(1)  # whatever still works uses a tick of CPU within it; nothing else of a process shows that


def load(name: str, server: ServerProcess, seconds: float, *options: str) -> dict[str, Any]:
    """One turn of the load generator; RuntimeError if a socket missed something."""
    settle(server)  # what the turn before left on its way would come to the sockets of this one
    pids = [word for pid in server.pids for word in ("--pid", str(pid))]
    command = [program("wsload"), "--port", str(server.port), "--mode", "fan", "--path", "/channel"]
    # A load that never sleeps would take one of the cores from the server's processes.
    extent = ["--sockets", str(SOCKETS), "--seconds", str(seconds), "--sleep", *options]
    done = subprocess.run([*command, *extent, *pids], capture_output=True, text=True, check=False)
    result: dict[str, Any] = msgspec.json.decode(done.stdout)
    if result["errors"]:
        raise RuntimeError(f"{name}: {result['first_error']}\n{server.output()}")
    return result


def main() -> int:
    """Measure, print, and hold the figures to the targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of one turn")
    parser.add_argument("--check", action="store_true", help="status 1 where a target is missed")
    parser.add_argument("--postgresql", metavar="URL", help="of a database, for a row of its own")
    options = parser.parse_args()
    with running_redis() as url:
        os.environ["BROKER_URL"] = os.environ["REDIS_URL"] = url
        servers = {name: ServerProcess([sys.executable, "-m", *command]) for name, command in SERVERS.items()}
        if options.postgresql:
            os.environ["BROKER_URL"] = options.postgresql
            servers["postgresql"] = ServerProcess([sys.executable, "-m", *SERVERS["apistar"]])
        rates: dict[str, list[float]] = {name: [] for name in servers}
        p99_ms: dict[str, list[float]] = {name: [] for name in servers}
        try:
            for server in servers.values():
                settle(server)  # a worker stopped while it connects to its broker runs out of time
                server.pause()
            for _ in range(options.rounds):
                for name, server in servers.items():
                    server.resume()
                    result = load(name, server, options.seconds)
                    rates[name].append(result["count"] / result["server_cpu_s"])
                    p99_ms[name].append(load(name, server, options.seconds, "--rate", "100")["p99_us"] / 1000)
                    server.pause()
        finally:
            for server in servers.values():
                server.stop()
    for name in rates:
        rate, p99 = median(rates[name]), median(p99_ms[name])
        print(f"{name:10} {rate:9,.0f} deliveries per CPU second, {1e6 / rate:6.1f} µs each; p99 {p99:8.1f} ms")
    ratio = median(ours / theirs for ours, theirs in zip(rates["apistar"], rates["channels"], strict=True))
    p99 = median(p99_ms["apistar"])
    print(f"ratio {ratio:.1f} (at least {LEAST_RATIO}), p99 {p99:.1f} ms (at most {MOST_P99_MS})")
    return 0 if not options.check or (ratio >= LEAST_RATIO and p99 <= MOST_P99_MS) else 1


if __name__ == "__main__":
    sys.exit(main())
