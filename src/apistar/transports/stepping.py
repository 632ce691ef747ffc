"""
The first step of an awaitable, taken at once.

An ASGI server's `send` seldom waits. Taking its first step by hand tells whether it does, so that a coroutine and a
time limit are made only for the sends that need them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from types import CoroutineType
from typing import Any


class Started:
    """An awaitable after its first step; `await` it to go on."""

    __slots__ = ("_first", "_iterator")

    def __init__(self, iterator: Any, first: Any) -> None:
        self._iterator = iterator
        self._first = first

    def __await__(self) -> Generator[Any, Any, None]:
        # As `yield from` does it (PEP 380): an iterator need not have `send` or `throw`, and granian's has not.
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
                send = getattr(self._iterator, "send", None)
                step = (next, self._iterator) if send is None else (send, value)
            try:
                waiting = step[0](step[1])
            except StopIteration:
                return


def first_step(awaitable: Awaitable[None]) -> Started | None:
    """
    Start an awaitable; `None` if it is done.

    Whatever the first step raises is raised here.
    """
    iterator: Any = awaitable if type(awaitable) is CoroutineType else iter(awaitable.__await__())
    try:
        first = iterator.send(None) if type(iterator) is CoroutineType else next(iterator)
    except StopIteration:
        return None
    return Started(iterator, first)
