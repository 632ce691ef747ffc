"""
The first step of an awaitable, taken at once.

An ASGI server's `send` seldom waits. Taking its first step by hand tells whether it does, so that a time limit is
armed only for the sends that need one (a timer per message costs more than the message).
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any


class FirstStep:
    """
    An awaitable that has been started; `await` it to go on, unless it is `done`.

    Whatever the first step raises is raised by the constructor.
    """

    __slots__ = ("_first", "_iterator", "done")

    def __init__(self, awaitable: Awaitable[None]) -> None:
        self._iterator = awaitable.__await__()
        self.done = False
        try:
            self._first = next(self._iterator)
        except StopIteration:
            self.done = True

    def __await__(self) -> Generator[Any, Any, None]:
        waiting = self._first
        while True:
            try:
                value = yield waiting
            except BaseException as error:
                throw = getattr(self._iterator, "throw", None)
                if throw is None:
                    raise
                step = throw, error
            else:
                step = self._iterator.send, value
            try:
                waiting = step[0](step[1])
            except StopIteration:
                return
