"""
ASGI middleware around an application, in the two ways in which it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ..exceptions import ConfigurationError
from ..security import check_cors
from ..types import ASGIApp

if TYPE_CHECKING:
    from starlette.middleware import Middleware


def wrapped(app: ASGIApp, middleware: Sequence[Middleware | Callable[..., ASGIApp]]) -> ASGIApp:
    """
    The application with its middleware around it.

    Args:
        middleware: Outermost first: callables `app -> app`, or Starlette's `Middleware(cls, …)`, which its releases
            unpack to `cls, args, kwargs` or to `cls, kwargs`.

    Raises:
        ConfigurationError: If one is neither, or is CORS that lets everybody in.
    """
    for entry in reversed(middleware):
        if callable(entry):
            app = entry(app)
        elif isinstance(entry, Iterable) and not isinstance(entry, str):
            factory, *rest = entry
            options = rest[-1] if rest else {}
            positional = rest[0] if len(rest) == 2 else ()
            app = factory(app, *positional, **options)
        else:
            raise ConfigurationError(
                f"middleware {entry!r} cannot be called with an application; write the class itself, or "
                "Middleware(cls, …) of starlette.middleware"
            )
        check_cors(app)
    return app
