"""
How a server process ends, whatever its clients and handlers do.

    signal ── stops accepting ── drain ──────────── handlers finish ──── cancelled ── lifespan ── exit 0
              │                  │ Close 1012 or    │                    │ TCP reset
              0                  │ the body's end,  │ spread             │              │ spread + shutdown_timeout_s
                                 │ in batches

The drain tells sockets, and event streams as well (`event_streams.py`), evenly over `drain_s`, and over less where
there are few: no fewer than DRAIN_RATE in a second, so that a developer's three do not wait and a hundred thousand do
not come back in one. Whoever is left at the end is reset or cancelled, and if that does not help (a handler that
swallows its cancellation, a thread that never returns, a loop that is blocked) the watchdog, a thread of its own,
ends the process with status 0 when time is over.
"""

from __future__ import annotations

import asyncio
import math
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from .service import Ending

DRAIN_RATE: Final = 50
"""Sockets and streams told in one second at the least; an application may ask a database about each that comes back."""
TICK_S: Final = 0.05
RESERVE_S: Final = 1.0
"""Of the time at most this much is kept for cancelled handlers and the application's own shutdown; a fifth at most."""
RELOAD_S: Final = 0.2
"""What a reload leaves to clients and handlers."""
FORCED_S: Final = 1.0
"""What a second interrupt leaves to everybody."""


def spread_of(sockets: int, drain_s: float) -> float:
    """Over how many seconds so many sockets are told."""
    spread = min(drain_s, sockets / DRAIN_RATE)
    return spread if spread > TICK_S else 0.0


def reserve_of(shutdown_timeout_s: float) -> float:
    """How long before the end the handlers that still run are cancelled."""
    return min(RESERVE_S, shutdown_timeout_s / 5)


async def drain(sockets: Sequence[Ending], spread_s: float, forced: Callable[[], bool]) -> None:
    """Tell handler and peer of every socket and event stream that the server goes away, evenly over the time given."""
    batches = max(math.ceil(spread_s / TICK_S), 1)
    size = max(math.ceil(len(sockets) / batches), 1)
    begin = time.monotonic()
    for number, first in enumerate(range(0, len(sockets), size)):
        late = begin + number * TICK_S - time.monotonic()
        if late > 0 and not forced():
            await asyncio.sleep(late)
        for socket in sockets[first : first + size]:
            socket.shutdown()


async def wait_until(done: Callable[[], bool], deadline: float) -> bool:
    """Whether it was done before the deadline (of `time.monotonic`)."""
    while not done():
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(0.01)
    return True


def counted(number: int, what: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


class Watchdog:
    """
    Ends the process with status 0 at a deadline, without the help of the loop or the main thread.

    `arm()` may be called in a signal handler: it writes one byte to a pipe and takes no lock.
    """

    def __init__(self) -> None:
        self._deadline: float | None = None
        self._stopped = False
        self._reader, self._writer = os.pipe()
        self._thread = threading.Thread(target=self._watch, name="apistar: watchdog of the shutdown", daemon=True)
        self._thread.start()

    def arm(self, delay_s: float) -> None:
        """Leave in so many seconds, earlier or later than was said before."""
        self._deadline = time.monotonic() + delay_s
        os.write(self._writer, b"!")

    def stop(self) -> None:
        """The process ends by itself."""
        self._stopped = True
        os.write(self._writer, b"!")
        self._thread.join()
        os.close(self._reader)
        os.close(self._writer)

    def _watch(self) -> None:
        while not self._stopped:
            left_s = None if self._deadline is None else self._deadline - time.monotonic()
            if left_s is not None and left_s <= 0:
                # Not through logging: its lock may be held by whoever is stuck.
                os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, _LEFT)
                os._exit(0)
            if select.select([self._reader], [], [], left_s)[0]:
                os.read(self._reader, 1)


_LEFT: Final = b"apistar: a handler, a thread or the application's shutdown did not end in time; leaving it behind\n"
