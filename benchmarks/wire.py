"""
What our server costs without the kernel: `python -m benchmarks.wire [--work echo] [--profile apistar]`.

The protocol classes get bytes from a TCP transport that is a list: no system call, no network, no load generator. The
figure is CPU per operation in turns of a few milliseconds, the least and the median of many; it is steady to a few
percent even on a busy machine, so it is the one to look at after a change of the wire. `picows` is its own callback
echo in the same place: the floor.
"""

import argparse
import asyncio
import cProfile
import importlib
import pstats
import socket
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final, TypeVar

import uvloop
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # its stubs leave out what it does not document
from rich.table import Table
from uvicorn import Config
from uvicorn.lifespan.on import LifespanOn
from uvicorn.server import ServerState

from apistar.server.http_protocol import HTTPProtocol
from apistar.server.websocket_protocol import WebSocketProtocol
from benchmarks.processes import pinned, two_cores
from benchmarks.report import terminal
from benchmarks.works import MESSAGE

APPLICATIONS: Final = ("apistar", "starlette", "asgi", "picows")
PATHS: Final = {"echo": "/echo", "echo-text": "/echo-text", "typed": "/typed", "churn": "/echo"}
HANDSHAKE: Final = (
    "GET {} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
T = TypeVar("T")
MASK: Final = b"\x37\xfa\x21\x3d"


class FakeTCP(asyncio.Transport):
    """A TCP transport that takes and keeps everything."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 50000), "sockname": ("127.0.0.1", 8000)})
        self.written: list[bytes] = []
        # Written as a method, each would add a call to what is measured.
        self.write = self.written.append  # type: ignore[assignment,method-assign]
        self.get_write_buffer_size = (0).__int__  # type: ignore[method-assign]
        self.protocol: Any = None
        self.socket = SOCKET

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "socket":
            return self.socket
        # picows then writes through us, and not to the socket itself
        return self if name in ("ssl_object", "sslcontext") else super().get_extra_info(name, default)

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_protocol(self) -> Any:
        return self.protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def is_closing(self) -> bool:
        return self.protocol is None

    def close(self) -> None:
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            asyncio.get_event_loop().call_soon(protocol.connection_lost, None)

    abort = close


SOCKET: Final = socket.socket()


def masked(opcode: int, payload: bytes) -> bytes:
    """Make a client's frame."""
    body = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))
    return bytes((0x80 | opcode, 0x80 | len(payload))) + MASK + body


FRAMES: Final = {
    "echo": masked(2, bytes(range(64))),
    "echo-text": masked(1, MESSAGE.encode()),
    "typed": masked(1, MESSAGE.encode()),
    "churn": masked(2, bytes(range(64))),
}
SIDE_BY_SIDE: Final = 16
IN_A_ROW: Final = 32
CLOSE: Final = masked(8, b"\x03\xe8")


class Served:
    """One application behind our protocol classes, or picows alone."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.name = name
        self.module = importlib.import_module(f"benchmarks.servers.{name}")
        if name == "picows":
            return
        self.config = Config(
            f"benchmarks.servers.{name}:app",
            ws=WebSocketProtocol,
            http=HTTPProtocol,
            access_log=False,
            log_config=None,
        )
        self.config.load()
        self.lifespan = LifespanOn(self.config)
        loop.run_until_complete(self.lifespan.startup())
        self.state = ServerState()

    def open(self, path: str) -> FakeTCP:
        """Open a connection up to the 101."""
        tcp = FakeTCP()
        handshake = HANDSHAKE.format(path).encode()
        if self.name == "picows":
            factory = self.module.listener
            protocol: Any = WSProtocol(
                None, None, False, factory, LOG, False, None, False, None, None, 1, False, 1 << 20, None, 16384
            )
            protocol.connection_made(tcp)
            tcp.protocol = protocol
            feed(tcp, handshake)
        else:
            tcp.protocol = protocol = HTTPProtocol(self.config, self.state, self.lifespan.state, self.loop)
            protocol.connection_made(tcp)
            protocol.data_received(handshake)
        return tcp


class Silent:
    """picows' logger."""

    def isEnabledFor(self, level: int) -> bool:
        return False

    def info(self, *words: Any) -> None: ...

    error = exception = warning = debug = info


LOG: Final = Silent()


def feed(tcp: FakeTCP, data: bytes) -> None:
    """Give bytes to the protocol, as the event loop does."""
    protocol, size = tcp.protocol, len(data)
    if hasattr(protocol, "get_buffer"):
        protocol.get_buffer(-1)[:size] = data
        protocol.buffer_updated(size)
    else:
        protocol.data_received(data)


def outside_of_tasks(loop: asyncio.AbstractEventLoop, work: Callable[[], T]) -> T:
    """Run a function on the loop where bytes come from: in a callback, not in a task."""
    done: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            done.set_result(work())
        except Exception as error:
            done.set_exception(error)

    loop.call_soon(run)
    return loop.run_until_complete(done)


def opened(served: Served, path: str) -> FakeTCP:
    """Open a connection and let the application answer the handshake."""
    tcp = outside_of_tasks(served.loop, lambda: served.open(path))
    while not tcp.written:
        served.loop.run_until_complete(asyncio.sleep(0))
    served.loop.run_until_complete(asyncio.sleep(0))
    return tcp


def messages(served: Served, work: str, count: int) -> float:
    """Have messages echoed on one connection, `IN_A_ROW` in each round of the loop; CPU µs for each."""
    tcp = opened(served, PATHS[work])
    frame = FRAMES[work]
    expected = bytes(range(64)) if work == "echo" else MESSAGE.encode()
    outside_of_tasks(served.loop, lambda: feed(tcp, frame))
    get_buffer, updated = tcp.protocol.get_buffer, tcp.protocol.buffer_updated
    size, answered, left = len(frame), len(tcp.written), count
    done: asyncio.Future[int] = served.loop.create_future()

    def run() -> None:
        nonlocal left
        for _ in range(IN_A_ROW):
            get_buffer(-1)[:size] = frame
            updated(size)
        left -= IN_A_ROW
        if left > 0:
            served.loop.call_soon(run)
        else:
            served.loop.call_soon(lambda: done.set_result(time.process_time_ns()))

    served.loop.call_soon(run)
    began = time.process_time_ns()
    took = served.loop.run_until_complete(done) - began
    sent = count - left
    if len(tcp.written) - answered != sent or tcp.written[-1][2:] != expected:
        raise RuntimeError(
            f"{served.name} answered {len(tcp.written) - answered} of {sent}, the last {bytes(tcp.written[-1])!r}"
        )
    outside_of_tasks(served.loop, lambda: feed(tcp, CLOSE))
    return took / sent / 1000


def connections(served: Served, work: str, count: int) -> float:
    """Open, have one message echoed, close; CPU µs for each, `SIDE_BY_SIDE` at a time."""
    began = time.process_time_ns()
    for _ in range(count // SIDE_BY_SIDE):
        some_connections(served, work, SIDE_BY_SIDE)
    return (time.process_time_ns() - began) / (count // SIDE_BY_SIDE * SIDE_BY_SIDE) / 1000


def some_connections(served: Served, work: str, count: int) -> None:
    """Open, have one message echoed, close, all of them side by side."""
    loop = served.loop
    opened = outside_of_tasks(loop, lambda: [served.open(PATHS[work]) for _ in range(count)])
    while not all(tcp.written for tcp in opened):
        loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(asyncio.sleep(0))

    def use() -> None:
        for tcp in opened:
            feed(tcp, FRAMES[work])
            feed(tcp, CLOSE)

    outside_of_tasks(loop, use)
    loop.run_until_complete(asyncio.sleep(0))


def main(words: list[str] | None = None) -> int:
    """Measure, or profile."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wire", description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", default=",".join(PATHS))
    parser.add_argument("--applications", default=",".join(APPLICATIONS))
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--profile", metavar="APPLICATION", choices=APPLICATIONS)
    options = parser.parse_args(words)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    names = [options.profile] if options.profile else options.applications.split(",")
    served = {name: Served(name, loop) for name in names}
    for work in options.work.split(","):
        turn: Callable[..., Any] = connections if work == "churn" else messages
        count = 150 if work == "churn" else 1000
        if options.profile:
            with cProfile.Profile() as profile:
                turn(served[options.profile], work, count * 20)
            pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(34)
            continue
        rounds: dict[str, list[float]] = {name: [] for name in names}
        with pinned(two_cores()[0]):
            for _ in range(options.rounds):
                for name in names:
                    rounds[name].append(turn(served[name], work, count))
        table = Table("application", "CPU µs", "least", title=work, title_justify="left", title_style="bold")
        for name in sorted(names, key=lambda name: median(rounds[name])):
            table.add_row(name, f"{median(rounds[name]):.2f}", f"{min(rounds[name]):.2f}")
        terminal().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
