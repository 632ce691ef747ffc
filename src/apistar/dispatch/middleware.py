"""
ASGI middleware around an application, in the two ways in which it is written.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..exceptions import ConfigurationError
from ..injector import name_of, where
from ..security import check_cors
from ..types import ASGIApp
from .calls import check_call

if TYPE_CHECKING:
    from starlette.middleware import Middleware

_HINT = "write the class itself, or Middleware(cls, …) of starlette.middleware"


def wrapped(app: ASGIApp, middleware: Sequence[Middleware | Callable[..., ASGIApp]]) -> ASGIApp:
    """
    The application with its middleware around it.

    Args:
        middleware: Outermost first: callables `app -> app`, or Starlette's `Middleware(cls, …)`, which its releases
            unpack to `cls, args, kwargs` or to `cls, kwargs`.

    Raises:
        ConfigurationError: If one is neither, makes no ASGI application, or is CORS that lets everybody in.
    """
    for entry in reversed(middleware):
        factory, positional, options = _call(entry)
        check_call("middleware", factory, ["app", *("…" for _ in positional)], options, hint=_HINT)
        app = _application(factory(app, *positional, **options), factory)
        check_cors(app)
    return app


def _call(entry: object) -> tuple[Callable[..., Any], Sequence[Any], dict[str, Any]]:
    if callable(entry):
        return entry, (), {}
    if isinstance(entry, Iterable) and not isinstance(entry, str):
        factory, *rest = [*entry] or [None]
        if callable(factory) and len(rest) <= 2:
            return factory, rest[0] if len(rest) == 2 else (), rest[-1] if rest else {}
    raise ConfigurationError(f"middleware {entry!r} cannot be called with an application; {_HINT}")


def _application(made: object, factory: Callable[..., Any]) -> ASGIApp:
    if not callable(made):
        kind = type(made).__qualname__
        if inspect.iscoroutine(made):
            made.close()
            kind += ", as it is an `async def`"
        raise ConfigurationError(
            f"middleware {name_of(factory)} ({where(factory)}) makes no ASGI application of `app`, but a {kind}"
        )
    check_call(f"what middleware {name_of(factory)} makes,", made, ("scope", "receive", "send"))
    return made
