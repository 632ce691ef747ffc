"""A `Driven` coroutine over a place that messages come to, in every way in which it can go on."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from typing import Any

import pytest

from apistar.transports.driven import Driven

Body = Callable[["Inbox"], Coroutine[Any, Any, Any]]
NAME: ContextVar[str] = ContextVar("NAME", default="outside")


class Inbox:
    """The least that a place is: what a task waits for, with one message at a time."""

    def __init__(self) -> None:
        self.driven: Driven | None = None
        self.message: str | None = None
        self.woken = 0
        self._asyncio_future_blocking = False
        self._loop = asyncio.get_running_loop()
        self._wakeup: Callable[[object], None] | None = None
        self._context: Context | None = None
        self._cancelled = False

    @types.coroutine
    def receive(self) -> Generator[object, None, str]:
        while self.message is None:
            self._asyncio_future_blocking = True
            yield self
        message, self.message = self.message, None
        return message

    def put(self, message: str) -> None:
        """As a transport does: step, and wake the task where that does not do."""
        self.message = message
        driven, self.driven = self.driven, None
        assert self._context is not None
        if driven is not None and driven.go_on(self._context):
            self.driven = driven
        elif self._wakeup is not None:
            self.wake()

    def wake(self) -> None:
        wakeup, self._wakeup = self._wakeup, None
        self.driven = None
        self.woken += 1
        assert wakeup is not None
        self._loop.call_soon(wakeup, self, context=self._context)

    def add_done_callback(self, callback: Callable[[object], None], *, context: Context | None = None) -> None:
        self._wakeup, self._context = callback, context

    def result(self) -> None:
        if self._cancelled:
            self._cancelled = False
            raise asyncio.CancelledError

    def cancel(self, msg: object = None) -> bool:
        if self._wakeup is None:
            return False
        self._cancelled = True
        self.wake()
        return True


async def parked(body: Body) -> tuple[Inbox, asyncio.Task[Any]]:
    """Start a body, up to its first wait."""
    inbox = Inbox()
    coroutine = body(inbox)
    assert isinstance(coroutine, types.CoroutineType)
    task = asyncio.get_running_loop().create_task(Driven(coroutine, inbox, inbox._loop))
    await waiting(inbox)
    return inbox, task


async def listening() -> tuple[list[str], Inbox, asyncio.Task[Any]]:
    """Start one that listens without end; what it hears comes first."""
    heard: list[str] = []

    async def body(inbox: Inbox) -> None:
        while True:
            heard.append(await inbox.receive())

    return heard, *await parked(body)


async def waiting(inbox: Inbox) -> None:
    """Let the loop turn until the coroutine waits for a message."""
    for _ in range(8):
        if inbox.driven is not None:
            return
        await asyncio.sleep(0)
    raise AssertionError("the coroutine does not wait for a message")


def outside_of_tasks(work: Callable[[], object]) -> Awaitable[None]:
    """Run something where bytes come from: in a callback of the loop, with a context of its own."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def run() -> None:
        try:
            work()
        finally:
            done.set_result(None)

    loop.call_soon(run, context=copy_context())
    return done


async def test_coroutine_goes_on_at_once_as_its_task_and_in_its_context() -> None:
    heard: list[tuple[str, object, str]] = []

    async def body(inbox: Inbox) -> None:
        NAME.set("inside")
        while True:
            heard.append((await inbox.receive(), asyncio.current_task(), NAME.get()))

    inbox, task = await parked(body)

    def two_messages() -> None:
        inbox.put("one")
        assert heard == [("one", task, "inside")]
        inbox.put("two")
        assert asyncio.current_task() is None
        assert NAME.get() == "outside"

    await outside_of_tasks(two_messages)
    assert [message for message, _, _ in heard] == ["one", "two"]
    assert inbox.woken == 0
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_coroutine_waits_for_something_else_and_comes_back() -> None:
    heard: list[str] = []
    gate = asyncio.Event()

    async def body(inbox: Inbox) -> None:
        for _ in range(2):
            heard.append(await inbox.receive())
            await asyncio.sleep(0)
            await gate.wait()
        heard.append(await inbox.receive())

    inbox, task = await parked(body)
    await outside_of_tasks(lambda: inbox.put("one"))
    assert heard == ["one"]
    gate.set()
    await waiting(inbox)
    await outside_of_tasks(lambda: inbox.put("two"))
    await waiting(inbox)
    await outside_of_tasks(lambda: inbox.put("three"))
    await task
    assert heard == ["one", "two", "three"]


@pytest.mark.parametrize("error", [ValueError("mine"), RuntimeError("mine"), asyncio.CancelledError("mine")])
async def test_what_the_coroutine_raises_its_task_raises(error: BaseException) -> None:
    async def body(inbox: Inbox) -> None:
        await inbox.receive()
        raise error

    inbox, task = await parked(body)
    await outside_of_tasks(lambda: inbox.put("one"))
    with pytest.raises(type(error), match="mine"):
        await task


async def test_what_the_coroutine_returns_its_task_returns() -> None:
    async def body(inbox: Inbox) -> str:
        return await inbox.receive()

    inbox, task = await parked(body)
    await outside_of_tasks(lambda: inbox.put("one"))
    assert await task == "one"


async def test_task_takes_the_step_where_another_task_is_running() -> None:
    heard, inbox, task = await listening()
    inbox.put("one")  # by the task of this test
    assert heard == []
    assert inbox.woken == 1
    await waiting(inbox)
    assert heard == ["one"]
    task.cancel()


async def test_task_takes_the_step_where_its_context_is_in_use() -> None:
    heard, inbox, task = await listening()
    context = inbox._context
    assert context is not None
    inbox._loop.call_soon(inbox.put, "one", context=context)
    await asyncio.sleep(0)
    assert inbox.woken == 1
    await waiting(inbox)
    assert heard == ["one"]
    task.cancel()


async def test_cancellation_reaches_the_coroutine_where_it_waits() -> None:
    seen: list[str] = []

    async def body(inbox: Inbox) -> str:
        try:
            await inbox.receive()
        except asyncio.CancelledError:
            seen.append("cancelled")
        return await inbox.receive()

    inbox, task = await parked(body)
    await outside_of_tasks(task.cancel)
    await waiting(inbox)
    assert seen == ["cancelled"]
    await outside_of_tasks(lambda: inbox.put("later"))
    assert await task == "later"


async def test_coroutine_that_cancels_its_own_task_is_cancelled_at_its_next_wait() -> None:
    steps: list[str] = []

    async def body(inbox: Inbox) -> None:
        await inbox.receive()
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        steps.append("goes on")
        await asyncio.sleep(0)
        steps.append("never")

    inbox, task = await parked(body)
    await outside_of_tasks(lambda: inbox.put("one"))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["goes on"]


async def test_coroutine_that_cancels_its_own_task_and_ends_is_cancelled() -> None:
    async def body(inbox: Inbox) -> None:
        await inbox.receive()
        current = asyncio.current_task()
        assert current is not None
        current.cancel()

    inbox, task = await parked(body)
    await outside_of_tasks(lambda: inbox.put("one"))
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_time_limit_within_a_step_holds() -> None:
    async def body(inbox: Inbox) -> None:
        await inbox.receive()
        async with asyncio.timeout(0):
            await inbox.receive()

    inbox, task = await parked(body)
    await outside_of_tasks(lambda: inbox.put("one"))
    with pytest.raises(TimeoutError):
        await task


async def test_task_shows_the_coroutine_that_it_runs() -> None:
    async def body(inbox: Inbox) -> None:
        await inbox.receive()

    _, task = await parked(body)
    assert "body" in repr(task)
    assert [frame.f_code.co_name for frame in task.get_stack()] == ["body"]
    task.cancel()
