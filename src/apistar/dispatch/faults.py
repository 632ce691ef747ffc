"""
What is logged, and what a test sees, when a handler fails.

One traceback per fault, with the route and the client; paths and addresses are escaped, so that no line can be forged.
The peer never learns more than a status or a close code.
"""

from __future__ import annotations

import logging

from ..exceptions import BrokerUnavailable, HTTPException, InternalServerError, ServiceUnavailable
from ..log_text import client_of, escaped
from ..types import TESTING_EXTENSION, Scope

logger = logging.getLogger("apistar")


def report(scope: Scope, label: str, error: BaseException) -> None:
    """Log a fault with its traceback and hand it to the test client, if there is one."""
    logger.error("%s failed for %s %s", label, _client_of(scope), _path_of(scope), exc_info=error)
    testing = (scope.get("extensions") or {}).get(TESTING_EXTENSION)
    if testing is not None:
        testing["errors"].append(error)


def refusal_of(error: BaseException) -> HTTPException:
    """What a peer is told of a fault that is not its own: to try again later where the world failed, else nothing."""
    return ServiceUnavailable() if isinstance(error, BrokerUnavailable) else InternalServerError()


def note(scope: Scope, label: str, what: str) -> None:
    """Log, as information, that a connection ended in a way the application may want to know."""
    logger.info("%s %s for %s %s", label, escaped(what), _client_of(scope), _path_of(scope))


def note_translated(scope: Scope, label: str, error: BaseException, answer: str) -> None:
    """Log, as information, that an `on_error` hook knew an exception, and what it made of it."""
    note(scope, label, f"raised {type(error).__name__}, which on_error answered with {answer}")


def _client_of(scope: Scope) -> str:
    return client_of(scope) or "an unknown client"


def _path_of(scope: Scope) -> str:
    """The path without the query, which may carry tokens."""
    return escaped(scope.get("path", ""))
