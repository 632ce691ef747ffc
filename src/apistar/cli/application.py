"""
The application that a command asks about: imported as `apistar run` does, and one of ours.
"""

from __future__ import annotations

import sys

import click

from ..app import ASyncApp
from ..exceptions import ConfigurationError
from ..server.application import application_of

MAX_WRAPPERS = 20
"""Middleware that is looked through for the application in it."""


def app_argument(function: click.decorators.FC) -> click.decorators.FC:
    """The options by which every command names an application."""
    for decorator in (
        click.option("--app-dir", default="", metavar="DIR", help="Where to import from.  [default: this folder]"),
        click.option("--factory", is_flag=True, help="APP is a function that makes the application."),
        click.argument("app", metavar="MODULE:APP"),
    ):
        function = decorator(function)
    return function


def own_application(where: str, factory: bool, app_dir: str) -> ASyncApp:
    """
    Import an `ASyncApp`, or the one in an `App` or in middleware that keeps what it wraps as `app`.

    Raises:
        ConfigurationError: If there is none.
    """
    sys.path.insert(0, app_dir)
    found = application_of(where, factory=factory)
    inner = found
    for _ in range(MAX_WRAPPERS):
        if isinstance(inner, ASyncApp):
            return inner
        inner = getattr(inner, "app", None)
    raise ConfigurationError(
        f"{where} is of {type(found).__module__}.{type(found).__qualname__}; only an ASyncApp or an App can tell its "
        "routes (`apistar run` serves any ASGI application)"
    )
