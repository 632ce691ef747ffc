"""
`apistar`: the group of commands, each imported when it is used.

Exit codes: 0 all is well · 1 the command says what is wrong · 2 the command line is wrong
· 3 the server could not start.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Final

import click

from .. import __version__
from ..exceptions import ConfigurationError
from ..server.application import BrokenModule
from . import colours
from .failure import Failure

COMMANDS: Final = ("run", "routes", "schema", "ws")
"""Each is a module here, with a command of the same name."""


class Commands(click.Group):
    """Imports a command when it is asked for; a `ConfigurationError` that leaves it is told as its own text."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f".{cmd_name}", __package__), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(COMMANDS)}"
            ctx.fail(f"no command is named {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        ctx.color = colours.wanted()
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            raise Failure(error.detail, report=error.report if isinstance(error, BrokenModule) else "") from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="apistar")
def main() -> None:
    """API Star: typed, real-time APIs in Python."""
