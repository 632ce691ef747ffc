"""
How a command says that it cannot: one paragraph that says what is wrong, where, and what to do next.
"""

from __future__ import annotations

from typing import IO, Any

import click


class Failure(click.ClickException):
    """
    Ends the command.

    Args:
        message: What is wrong, where, and what to do.
        exit_code: See `main.py`.
    """

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"{click.style('Error:', fg='red', bold=True)} {self.message}", err=True, file=file)
