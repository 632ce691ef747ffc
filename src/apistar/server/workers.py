"""
Several server processes on one socket, and one that looks after them.

A worker that dies or answers no more is replaced; the others notice nothing. One that cannot even start is tried again
after a growing pause, as long as others serve; if none ever did, nobody goes on trying. The end is bounded here too:
workers get the time that they have been promised, and are killed after it. SIGHUP replaces the workers one by one,
SIGTTIN and SIGTTOU add and take away one. If this process is killed, its workers end as if they had got SIGTERM.
"""

from __future__ import annotations

import functools
import logging
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable
from socket import socket
from types import FrameType
from typing import Final, cast

from uvicorn.config import STARTUP_FAILURE
from uvicorn.server import Server as UvicornServer
from uvicorn.supervisors.multiprocess import Process

from ..exceptions import ConfigurationError
from .configuration import Settings
from .server import Server

TICK_S: Final = 0.1
SLACK_S: Final = 2.0
"""What a worker gets beyond its own time before it is killed; its watchdog ends it earlier."""
START_S: Final = 60.0
"""
Until a worker answers for the first time, and until one that is to replace another serves. Python and what it imports
take seconds where a container has a tenth of a core, or all start at once.
"""
MAX_PAUSE_S: Final = 30.0
"""Between two tries to start a worker that cannot."""

logger = logging.getLogger("uvicorn.error")


class Worker(Process):
    """
    One process with our `Server` in it.

    Attributes:
        served: It has once said that it serves.
        deadline: When it is killed, once it was told to end.
    """

    def __init__(self, config: Settings, sockets: list[socket]) -> None:
        super().__init__(config, sockets)
        self.served = False
        self.deadline = 0.0
        self._asked_at: float | None = None
        self._limit_s = START_S

    @property
    def server(self) -> UvicornServer:
        if self._server is None:
            self._server = Server(cast(Settings, self.config))
        return self._server

    def target(self, sockets: list[socket] | None = None) -> None:
        """What the process does."""
        try:
            super().target(sockets)
        except ConfigurationError as error:
            logger.error("%s", error.detail)
            sys.exit(STARTUP_FAILURE)

    def answers(self) -> bool:
        """Whether the process lives and answered the last question in time; does not wait for the answer."""
        if not self.process.is_alive():
            return False
        now = time.monotonic()
        try:
            if self._asked_at is not None and self.parent_conn.poll():
                self._asked_at = None
                self.served = self.parent_conn.recv() or self.served
                self._limit_s = self.config.timeout_worker_healthcheck
            if self._asked_at is None:
                self.parent_conn.send(b"ping")
                self._asked_at = now
        except (OSError, EOFError, pickle.UnpicklingError):
            return False
        return now < self._asked_at + self._limit_s


class Workers:
    """
    The supervisor.

    Args:
        sockets: Bound; every worker listens on them.
    """

    def __init__(self, config: Settings, sockets: list[socket]) -> None:
        self._config = config
        self._sockets = sockets
        self._wanted = config.workers
        self._workers: list[Worker] = []
        self._retired: list[Worker] = []
        self._signals: list[int] = []
        self._stopping = False
        self._failed = False
        self._announced = False
        self._failures = 0
        self._next_start = 0.0

    def run(self) -> int:
        """Run until a signal ends it; give the exit status."""
        numbers = [signal.SIGINT, signal.SIGTERM]
        numbers += [getattr(signal, name) for name in ("SIGHUP", "SIGTTIN", "SIGTTOU") if hasattr(signal, name)]
        before = {number: signal.signal(number, self._note) for number in numbers}
        try:
            logger.info("Started parent process [%d]", os.getpid())
            self._wait(lambda: self._failed)
            self._stop()
            logger.info("Stopping parent process [%d]", os.getpid())
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return STARTUP_FAILURE if self._failed else 0

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number in (signal.SIGINT, signal.SIGTERM):
            self._stopping = True
        self._signals.append(number)

    def _wait(self, done: Callable[[], bool]) -> None:
        """Look after the workers until something is done, or a signal says to stop."""
        while not done() and not self._stopping:
            self._look()
            if self._signals and not self._stopping:
                self._handle(self._signals.pop(0))
            time.sleep(TICK_S)

    def _handle(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._replace_all()
        elif number == signal.SIGTTIN:
            self._wanted += 1
        elif number == signal.SIGTTOU and self._wanted > 1:
            self._wanted -= 1

    def _look(self) -> None:
        for worker in list(self._workers):
            if not worker.answers():
                self._workers.remove(worker)
                self._bury(worker)
        while len(self._workers) > self._wanted:
            self._retire(self._workers.pop())
        if not self._failed and time.monotonic() >= self._next_start:
            while len(self._workers) < self._wanted:
                self._workers.append(self._started())
        if not self._announced and self._workers and all(worker.served for worker in self._workers):
            self._announced = True
            self._config.announce(self._sockets[0])
        self._reap()

    def _started(self) -> Worker:
        worker = Worker(self._config, self._sockets)
        worker.start()
        return worker

    def _bury(self, worker: Worker) -> None:
        """A worker died, or answers no more."""
        hung = worker.process.is_alive()
        worker.kill()
        worker.process.join()
        self._forget(worker)
        if worker.served or (worker.exitcode or 0) < 0:
            what = "answers no more" if hung else f"died with status {worker.exitcode}"
            logger.error("Worker [%d] %s; starting another", worker.pid, what)
            self._failures = 0
        elif self._announced:
            pause_s = min(2.0**self._failures, MAX_PAUSE_S)
            self._failures += 1
            self._next_start = time.monotonic() + pause_s
            logger.error("Worker [%d] could not start; trying again in %g s", worker.pid, pause_s)
        elif not self._failed:
            logger.error("Worker [%d] could not start; stopping all", worker.pid)
            self._failed = True

    def _replace_all(self) -> None:
        """Replace each worker, and none before the new one serves."""
        for old in list(self._workers):
            new = self._started()
            deadline = time.monotonic() + START_S
            while new.answers() and not new.served and time.monotonic() < deadline and not self._stopping:
                time.sleep(TICK_S)
                self._look()
            if not new.served:
                new.kill()
                new.process.join()
                if not self._stopping:
                    logger.error("Worker [%d] did not serve in time; keeping worker [%d]", new.pid, old.pid)
                return
            if old in self._workers:
                self._workers.remove(old)
                self._retire(old)
            self._workers.append(new)
            self._wait(functools.partial(self._gone, old))

    def _gone(self, worker: Worker) -> bool:
        return worker not in self._retired

    # The end

    def _stop(self) -> None:
        workers, self._workers = self._workers, []
        for worker in workers:
            self._retire(worker)
        passed_on = 1  # the first one asked for this end; a second one may come while the workers are told of it
        while self._retired:
            self._reap()
            if self._signals.count(signal.SIGINT) > passed_on:
                passed_on = self._signals.count(signal.SIGINT)
                for worker in self._retired:
                    _send(worker, signal.SIGINT)
            time.sleep(TICK_S / 4)

    def _retire(self, worker: Worker) -> None:
        config = self._config
        worker.deadline = time.monotonic() + config.drain_s + config.shutdown_timeout_s + SLACK_S
        worker.terminate()
        self._retired.append(worker)

    def _reap(self) -> None:
        for worker in list(self._retired):
            if worker.process.is_alive():
                if time.monotonic() < worker.deadline:
                    continue
                logger.error("Worker [%d] did not end in time and is killed", worker.pid)
                worker.process.kill()
            worker.process.join()
            self._retired.remove(worker)
            self._forget(worker)

    def _forget(self, worker: Worker) -> None:
        if self._config.metrics is not None and worker.pid is not None:
            from .metrics import forget_worker

            forget_worker(worker.pid)


def _send(worker: Worker, number: int) -> None:
    if worker.process.is_alive() and worker.pid is not None:
        os.kill(worker.pid, number)
