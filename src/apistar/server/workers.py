"""
Several server processes on one socket, and one that looks after them.

A worker that dies or answers no more is replaced; the others notice nothing. The end is bounded here too: workers get
the time that they have been promised, and are killed after it. SIGHUP replaces the workers one by one, SIGTTIN and
SIGTTOU add and take away one.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from socket import socket
from types import FrameType
from typing import Final, cast

from uvicorn.config import STARTUP_FAILURE
from uvicorn.server import Server as UvicornServer
from uvicorn.supervisors.multiprocess import Process

from .configuration import Settings
from .server import Server

TICK_S: Final = 0.1
CHECK_S: Final = 0.5
"""How often workers are asked whether they live."""
SLACK_S: Final = 2.0
"""What a worker gets beyond its own time before it is killed; its watchdog ends it earlier."""

logger = logging.getLogger("uvicorn.error")


class Worker(Process):
    """
    One process with our `Server` in it.

    Attributes:
        ready: Whether it served when it was asked last.
    """

    ready = False

    def ping(self, timeout: float = 5) -> bool:
        answer = self._healthcheck(timeout)
        self.ready = answer is True
        return answer is not None

    @property
    def server(self) -> UvicornServer:
        if self._server is None:
            self._server = Server(cast(Settings, self.config))
        return self._server


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
        self._signals: list[int] = []
        self._failed = False
        self._announced = False

    def run(self) -> int:
        """Run until a signal ends it; give the exit status."""
        numbers = [signal.SIGINT, signal.SIGTERM]
        numbers += [getattr(signal, name) for name in ("SIGHUP", "SIGTTIN", "SIGTTOU") if hasattr(signal, name)]
        before = {number: signal.signal(number, self._note) for number in numbers}
        try:
            logger.info("Started parent process [%d]", os.getpid())
            self._supervise()
            self._stop()
            logger.info("Stopping parent process [%d]", os.getpid())
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return STARTUP_FAILURE if self._failed else 0

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signals.append(number)

    def _supervise(self) -> None:
        checked = 0.0
        while not self._failed:
            while self._signals:
                number = self._signals.pop(0)
                if number in (signal.SIGINT, signal.SIGTERM):
                    return
                self._handle(number)
            if time.monotonic() >= checked + CHECK_S:
                self._replace_dead()
                while len(self._workers) < self._wanted:
                    self._workers.append(self._started())
                if not self._announced and all(worker.ready for worker in self._workers):
                    self._announced = True
                    self._config.announce(self._sockets[0])
                checked = time.monotonic()
            time.sleep(TICK_S)

    def _started(self) -> Worker:
        worker = Worker(self._config, self._sockets)
        worker.start()
        return worker

    def _replace_dead(self) -> None:
        for index, worker in enumerate(self._workers):
            if worker.is_alive(self._config.timeout_worker_healthcheck):
                continue
            worker.kill()
            worker.join()
            if worker.exitcode == STARTUP_FAILURE:
                logger.error("Worker [%d] failed to start, stopping the parent process", worker.pid)
                self._failed = True
                return
            logger.error("Worker [%d] died with status %s; starting another", worker.pid, worker.exitcode)
            if self._config.metrics and worker.pid is not None:
                from .metrics import forget_worker

                forget_worker(worker.pid)
            self._workers[index] = self._started()

    def _handle(self, number: int) -> None:
        if number == signal.SIGHUP:
            for index, old in enumerate(self._workers):
                new = self._started()
                if not new.wait_until_ready(self._config.timeout_worker_healthcheck):
                    logger.error("Worker [%d] was not ready in time; keeping worker [%d]", new.pid, old.pid)
                    new.kill()
                    new.join()
                    return
                self._workers[index] = new
                self._retire([old])
        elif number == signal.SIGTTIN:
            self._wanted += 1
        elif number == signal.SIGTTOU and self._wanted > 1:
            self._wanted -= 1
            self._retire([self._workers.pop()])

    def _stop(self) -> None:
        workers, self._workers = self._workers, []
        self._retire(workers)

    def _retire(self, workers: list[Worker]) -> None:
        for worker in workers:
            worker.terminate()
        config = self._config
        deadline = time.monotonic() + config.drain_s + config.shutdown_timeout_s + SLACK_S
        for worker in workers:
            worker.process.join(max(deadline - time.monotonic(), 0.0))
            if worker.process.is_alive():
                logger.error("Worker [%d] did not end in time and is killed", worker.pid)
                worker.process.kill()
                worker.process.join()
