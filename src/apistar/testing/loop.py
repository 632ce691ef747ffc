"""
An event loop in a daemon thread, for sync tests of async applications.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

GRACE_S: Final = 2.0
"""Beyond a wait's own limit, after which the loop itself must be blocked."""


class LoopBlocked(AssertionError):
    """Nothing ran on the application's event loop: a handler blocks it."""


class LoopThread:
    """
    Runs coroutines for other threads. The thread ends with `stop()`, and never keeps the interpreter alive.

    Attributes:
        blocked: Whether it was found so, once.
    """

    def __init__(self) -> None:
        self.blocked = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="apistar test loop", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def call(self, coroutine: Coroutine[Any, Any, T], limit_s: float | None) -> T:
        """
        Run a coroutine on the loop and wait for it.

        Args:
            limit_s: Of the coroutine itself; a loop that does not answer for longer is blocked.

        Raises:
            LoopBlocked: If it is.
        """
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(None if limit_s is None else limit_s + GRACE_S)
        except concurrent.futures.TimeoutError:
            if future.done():
                raise
            future.cancel()
            self.blocked = True
            raise LoopBlocked(
                f"the event loop of the application did not answer for {limit_s} s: a handler blocks it "
                "(time.sleep(), a sync call in an async handler)"
            ) from None

    def stop(self) -> None:
        """End the thread; what still runs on the loop is cancelled."""
        if self._loop.is_closed() or not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._cancel_all)
        self._thread.join(GRACE_S)

    def _cancel_all(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.call_soon(self._loop.call_soon, self._loop.stop)
