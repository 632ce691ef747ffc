"""
What ended a handler, where Python says it with a group of exceptions or a cancellation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect

from ..exceptions import BrokerUnavailable, HTTPException, WebSocketDisconnect, WebSocketProtocolError
from ..injector import Resolution

ENDINGS = (WebSocketDisconnect, ClientDisconnect)
"""Exceptions that say that the peer has left."""

ANSWERS = (HTTPException, StarletteHTTPException, WebSocketProtocolError, BrokerUnavailable)
"""Exceptions that say what the peer gets."""


def plain(error: BaseException) -> BaseException:
    """
    What a group of exceptions comes to, as a task group raises it: an ending if everybody was told of the ending, an
    answer if there is nothing but answers, else the group.
    """
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = list(_leaves(error))
    faults = [leaf for leaf in leaves if not isinstance(leaf, ENDINGS)]
    if not faults:
        return leaves[0]
    return faults[0] if all(isinstance(fault, ANSWERS) for fault in faults) else error


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _leaves(member)
    else:
        yield error


async def cause_of(cancelled: asyncio.CancelledError, resolution: Resolution) -> BaseException:
    """
    Who cancelled: the server, or a task group of the handler one of whose tasks failed.

    A task group cancels its parent and raises what its tasks raised when it is left, so clean-ups are run here.
    """
    cleanup = resolution.close(cancelled)
    if cleanup is not None:
        try:
            await cleanup
        except BaseException as fault:
            return plain(fault)
    return cancelled
