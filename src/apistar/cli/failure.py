"""
How a command says that it cannot: one paragraph that says what is wrong, where, and what to do next.
"""

from __future__ import annotations

from typing import IO, Any

import click

from . import colours


class Failure(click.ClickException):
    """
    Ends the command.

    Args:
        message: What is wrong, where, and what to do.
        report: Printed before it, such as the traceback of somebody's module.
    """

    def __init__(self, message: str, *, report: str = "") -> None:
        super().__init__(message)
        self.report = report

    def show(self, file: IO[Any] | None = None) -> None:
        if self.report:
            click.echo(f"{self.report}\n", err=True, file=file)
        error = click.style("Error:", fg="red", bold=True)
        click.echo(f"{error} {self.message}", err=True, file=file, color=colours.wanted())
