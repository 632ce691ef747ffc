"""
A client that never reads, among 500 that do: `python -m benchmarks.slow_reader --check`.

Rounds with and without it take turns, on one server; each is a fan-out through a channel, and a round's figure is its
p99, from a publication to its last delivery. The client is slow before its round begins: the kernel's buffers and its
outbox are full, and publications for it are dropped. The ratio is the median of the ratios of neighbouring rounds.
"""

import argparse
import contextlib
import socket
import sys
import urllib.request
from collections.abc import Iterator
from statistics import median
from typing import Final

from benchmarks.processes import ServerProcess, two_cores
from benchmarks.roster import SERVERS
from benchmarks.run import load
from benchmarks.works import WORKS

MOST: Final = 1.10
FILLING: Final = ("--sockets", "2", "--size", "65536", "--seconds", "0.2", "--warmup", "0")
"""Linux keeps up to 4 MB for a client that does not read."""
FILLING_ROUNDS: Final = 50


def stuck_reader(port: int) -> socket.socket:
    """Join the channel, and read no more than the handshake's answer."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect(("127.0.0.1", port))
    reader.sendall(
        b"GET /lagging HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    if not reader.recv(12).endswith(b"101"):
        raise RuntimeError("the server refused the slow reader")
    return reader


def dropped(port: int) -> int:
    """How many publications the slow reader has not got."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/dropped") as answer:
        return int(answer.read())


def p99_us(server: ServerProcess, core: int | None, seconds: float, slow: bool) -> float:
    with contextlib.ExitStack() as stack:
        if slow:
            stack.enter_context(stuck_reader(server.port))
            for _ in range(FILLING_ROUNDS):
                load(WORKS["channel"], server, core, *FILLING)
                if dropped(server.port):
                    break
            else:
                raise RuntimeError("the slow reader took everything that was published")
        return load(WORKS["channel"], server, core, "--seconds", str(seconds), "--warmup", "0.2")["p99_us"]


def ratios(rounds: int, seconds: float) -> Iterator[float]:
    """The p99 with the slow reader over the p99 without it, round for round."""
    cores = two_cores()
    with ServerProcess(SERVERS["apistar"].argv(), cores[0]) as server:
        for number in range(rounds):
            order = (False, True) if number % 2 else (True, False)
            found = {slow: p99_us(server, cores[1], seconds, slow) for slow in order}
            ratio = found[True] / found[False]
            print(f"p99 {found[False]:.0f} us without, {found[True]:.0f} us with a slow reader: {ratio:.2f}x")
            yield ratio


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--check", action="store_true", help="status 1 if the target is missed")
    options = parser.parse_args()
    found = median(ratios(options.rounds, options.seconds))
    print(f"median {found:.2f}x, most {MOST}x")
    return 1 if options.check and found > MOST else 0


if __name__ == "__main__":
    sys.exit(main())
