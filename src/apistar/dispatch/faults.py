"""
What is logged, and what a test sees, when a handler fails.

One traceback per fault, with the route and the client; paths and addresses are escaped, so that no line can be forged.
The peer never learns more than a status or a close code.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

from starlette.exceptions import HTTPException as StarletteHTTPException

from ..exceptions import HTTPException, WebSocketDisconnect, WebSocketProtocolError
from ..injector import Resolution
from ..types import Scope

logger = logging.getLogger("apistar")

TESTING_EXTENSION = "apistar.testing"
"""The key in `extensions` under which a test client leaves a list for the faults of a connection."""


ANSWERS = (HTTPException, StarletteHTTPException, WebSocketProtocolError)
"""Exceptions that say what the peer gets."""


def plain(error: BaseException) -> BaseException:
    """
    What a group of exceptions comes to, as a task group raises it: an ending if everybody was told of the ending, an
    answer if there is nothing but answers, else the group.
    """
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = list(_leaves(error))
    faults = [leaf for leaf in leaves if not isinstance(leaf, WebSocketDisconnect)]
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


def report(scope: Scope, label: str, error: BaseException) -> None:
    """Log a fault with its traceback and hand it to the test client, if there is one."""
    logger.error("%s failed for %s %s", label, client_of(scope), path_of(scope), exc_info=error)
    testing = (scope.get("extensions") or {}).get(TESTING_EXTENSION)
    if testing is not None:
        testing["errors"].append(error)


def note(scope: Scope, label: str, what: str) -> None:
    """Log, as information, that a connection ended in a way the application may want to know."""
    logger.info("%s %s for %s %s", label, escaped(what), client_of(scope), path_of(scope))


def client_of(scope: Scope) -> str:
    """The peer's address and port."""
    client = scope.get("client")
    return escaped(f"{client[0]}:{client[1]}") if client else "an unknown client"


def path_of(scope: Scope) -> str:
    """The path without the query, which may carry tokens."""
    return escaped(scope.get("path", ""))


def escaped(text: str) -> str:
    """Text without line breaks, control characters and terminal codes."""
    return text if text.isascii() and text.isprintable() else text.encode("unicode_escape").decode("ascii")
