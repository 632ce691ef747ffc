"""
What a server keeps of the requests and connections that it has served: `python -m benchmarks.leaks [--server
apistar]`.

After the first 10,000 requests and 10,000 connections the caches, pools and arenas have their size; from there to
100,000 requests and 20,000 connections Pss must not grow by more than `MOST_GROWTH_BYTES`. Each request has a path
of its own, and each connection a query of its own, so that anything kept by path would show. A connection echoes
once; half of them close by handshake, half by TCP reset.
"""

import argparse
import sys
from typing import Final

from benchmarks.processes import ServerProcess, two_cores
from benchmarks.roster import SERVERS
from benchmarks.run import load
from benchmarks.works import Work

MOST_GROWTH_BYTES: Final = 1 << 20
STEPS: Final = 10
REQUESTS: Final = Work("leaks", "requests", "request", ("--path", "/orders/{n}?page=3"), http=True)
CLOSED: Final = Work("leaks", "closed", "cycle", ("--mode", "churn", "--path", "/echo?{n}", "--sockets", "16"))
RESET: Final = Work("leaks", "reset", "cycle", (*CLOSED.options, "--close", "reset"))


def main(words: list[str] | None = None) -> int:
    """Serve, measure, judge; status 1 if the memory grew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leaks", description=__doc__.split("\n\n")[0])
    parser.add_argument("--server", default="apistar", choices=sorted(SERVERS))
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=10_000, help="requests and connections before the first look")
    parser.add_argument("--most", type=int, default=MOST_GROWTH_BYTES, help="bytes by which it may grow")
    options = parser.parse_args(words)
    cores = two_cores()
    with ServerProcess(SERVERS[options.server].argv(), cores[0]) as server:

        def serve(requests: int, connections: int) -> int:
            half = connections // 2
            for work, count in ((REQUESTS, requests), (CLOSED, half), (RESET, connections - half)):
                load(work, server, cores[1], "--warmup", "0", "--seconds", "60", "--count", str(max(count, 1)))
            return server.pss_bytes()

        base = now = serve(options.first, options.first)
        print(f"after {options.first:,} requests and {options.first:,} connections: {base:,} bytes", flush=True)
        requests, connections = options.requests - options.first, options.connections - options.first
        for step in range(1, STEPS + 1):
            now = serve(requests // STEPS, connections // STEPS)
            done = f"{options.first + requests * step // STEPS:,} and {options.first + connections * step // STEPS:,}"
            print(f"after {done}: {now - base:+,} bytes", flush=True)
    grew = now - base
    verdict = "pass" if grew <= options.most else "FAIL"
    print(f"grew by {grew:,} bytes, at most {options.most:,}: {verdict}")
    return 0 if grew <= options.most else 1


if __name__ == "__main__":
    sys.exit(main())
