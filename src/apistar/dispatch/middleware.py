"""
ASGI middleware around an application, in the two ways in which it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..types import ASGIApp

if TYPE_CHECKING:
    from starlette.middleware import Middleware


def wrapped(app: ASGIApp, middleware: Sequence[Middleware | Callable[..., ASGIApp]]) -> ASGIApp:
    """
    The application with its middleware around it.

    Args:
        middleware: Outermost first: callables `app -> app`, or Starlette's `Middleware(cls, …)`, which its releases
            unpack to `cls, args, kwargs` or to `cls, kwargs`.
    """
    for entry in reversed(middleware):
        if callable(entry):
            app = entry(app)
        else:
            factory, *rest = entry
            options = rest[-1] if rest else {}
            positional = rest[0] if len(rest) == 2 else ()
            app = factory(app, *positional, **options)
    return app
