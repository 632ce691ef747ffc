"""The first step of an awaitable, whatever kind of awaitable a server's `send` gives."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from apistar.transports.stepping import first_step


class Bare:
    """An iterator and nothing else, as granian's futures are: no `send`, no `throw`."""

    def __init__(self, future: asyncio.Future[None]) -> None:
        self._steps: Iterator[Any] = iter(future)

    def __await__(self) -> Bare:
        return self

    def __iter__(self) -> Bare:
        return self

    def __next__(self) -> Any:
        return next(self._steps)


class Waits:
    """An object with `__await__` as a generator."""

    def __init__(self, future: asyncio.Future[None]) -> None:
        self._future = future

    def __await__(self) -> Generator[Any, Any, None]:
        yield from self._future


async def coroutine(future: asyncio.Future[None]) -> None:
    await future


KINDS = pytest.mark.parametrize("kind", [Bare, Waits, coroutine, lambda future: future])
Kind = Any


@KINDS
async def test_awaitable_that_waits_is_gone_on_with(kind: Kind) -> None:
    future = asyncio.get_running_loop().create_future()
    step = first_step(kind(future))
    assert step is not None
    asyncio.get_running_loop().call_soon(future.set_result, None)
    await step


@KINDS
async def test_awaitable_that_is_done_needs_no_second_step(kind: Kind) -> None:
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    assert first_step(kind(future)) is None


@KINDS
async def test_fault_of_an_awaitable_is_raised_where_it_is_awaited(kind: Kind) -> None:
    future = asyncio.get_running_loop().create_future()
    step = first_step(kind(future))
    assert step is not None
    asyncio.get_running_loop().call_soon(future.set_exception, OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        await step


@KINDS
async def test_wait_can_be_cancelled(kind: Kind) -> None:
    future = asyncio.get_running_loop().create_future()
    step = first_step(kind(future))
    assert step is not None
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await step
    if kind.__name__ != "Bare":
        assert future.cancelled()
