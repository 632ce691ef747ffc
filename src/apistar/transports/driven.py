"""
A coroutine that goes on the moment its message is there, without its task.

A task that waits for a message costs, for each message, more than the message: the call of its wake-up, the future's
interface, and a callback that is registered anew. Where a task runs nothing but a `Driven`, the transport takes the
coroutine's next step itself, as that task and in its context. While the coroutine does nothing but wait for the next
message again, the task does not notice; as soon as it waits for anything else, returns or raises, the task is woken
and takes over what came out. A cancellation goes to the task, as always.

Measured with `benchmarks.wire`: 0.5 of the 2.0 µs that an echo cost.

Source: "Extending asyncio" in Python's documentation, for entering and leaving a task.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Task, current_task
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from functools import partial
from types import CodeType, CoroutineType, FrameType
from typing import Any, NoReturn, Protocol


class Place(Protocol):
    """Where messages come; a coroutine waits for one by yielding the place itself."""

    driven: Driven | None
    """Who waits here and may go on without its task; set by the `Driven`, unset by the place."""


class Driven(Coroutine[Any, Any, None]):
    """
    The coroutine of one connection's task: `loop.create_task(Driven(coroutine, transport, loop))`.

    It looks like the coroutine that it holds, so that a task's stack can be printed.
    """

    __slots__ = ("_coroutine", "_left", "_loop", "_place", "_step", "_task")

    def __init__(self, coroutine: CoroutineType[Any, Any, None], place: Place, loop: AbstractEventLoop) -> None:
        self._coroutine = coroutine
        self._step = coroutine.send
        self._place = place
        self._loop = loop
        self._task: Task[Any] | None = None
        # What the coroutine came to while its task did not look: called, it gives or raises it.
        self._left: Callable[[], object] | None = None

    def go_on(self, context: Context) -> bool:
        """
        Take the next step here and now; whether the coroutine waits for a message again.

        If not, the task must be woken: it goes on from where this step ended, or takes the step where this is not the
        place for it (another task is running, or its context is in use).
        """
        loop, task = self._loop, self._task
        assert task is not None
        try:
            _enter_task(loop, task)
        except RuntimeError:
            return False
        try:
            waits_for = context.run(self._step, None)
        except BaseException as error:
            if not isinstance(error, RuntimeError) or _raised_below(error):
                self._left = partial(_raise, error)
            return False
        finally:
            _leave_task(loop, task)
        if waits_for is self._place:
            return True
        self._left = partial(_give, waits_for)
        return False

    # A coroutine's interface, for the task

    def send(self, value: Any) -> Any:
        left = self._left
        if left is None:
            return self._parked(self._step(value))
        self._left = None
        return self._parked(left())

    def throw(self, *error: Any) -> Any:
        left, self._left = self._left, None
        if left is not None and self._coroutine.cr_frame is None:
            raise error[0]
        return self._parked(self._coroutine.throw(*error))

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        return (yield from self._coroutine.__await__())

    def _parked(self, waits_for: object) -> object:
        if waits_for is self._place:
            self._task = current_task()
            self._place.driven = self
        return waits_for

    # What a task's repr and stack ask of it. No `__getattr__`: a class that has one loses the interpreter's fast way to
    # its attributes, which go_on() takes with every message.

    @property
    def __name__(self) -> str:
        return self._coroutine.__qualname__  # under its own name it would be the class's

    @property
    def cr_code(self) -> CodeType:
        return self._coroutine.cr_code

    @property
    def cr_frame(self) -> FrameType | None:
        return self._coroutine.cr_frame

    @property
    def cr_running(self) -> bool:
        return self._coroutine.cr_running

    @property
    def cr_await(self) -> object:
        return self._coroutine.cr_await


def _raised_below(error: BaseException) -> bool:
    """Whether the coroutine raised it, and not `Context.run` that would not be entered."""
    return error.__traceback__ is not None and error.__traceback__.tb_next is not None


def _raise(error: BaseException) -> NoReturn:
    raise error


def _give(value: object) -> object:
    return value
