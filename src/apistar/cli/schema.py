"""
`apistar schema module:app`: print the documents of an application, or compare one with a file.
"""

from __future__ import annotations

from pathlib import Path

import click

from ..exceptions import ConfigurationError
from ..schema.comparison import report
from ..schema.documents import Format, Kind, check, document, text
from .application import app_argument, own_application
from .failure import Failure


@click.command(short_help="Print the OpenAPI or AsyncAPI document, or compare it with a file.")
@app_argument
@click.option("--openapi", "kind", flag_value=Kind.OPENAPI, type=Kind, default=Kind.OPENAPI, help="HTTP.  [default]")
@click.option("--asyncapi", "kind", flag_value=Kind.ASYNCAPI, type=Kind, help="WebSockets.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice([format.value for format in Format]),
    default=Format.JSON.value,
    show_default=True,
    help="How it is written.",
)
@click.option("--check", "file", metavar="FILE", help="Print no document; fail if it is not the one in FILE.")
def schema(app: str, factory: bool, app_dir: str, kind: Kind, format_name: str, file: str | None) -> None:
    """
    Print the document that describes APP in MODULE.

    With --check nothing is printed but the differences to FILE, breaking ones first; FILE itself says whether it is
    OpenAPI or AsyncAPI, JSON or YAML. The exit code is 0 without differences, 1 with any.

    \b
    Examples:
      apistar schema chat:app --asyncapi --format yaml > asyncapi.yaml
      apistar schema chat:app --check asyncapi.yaml
    """
    reference = own_application(app, factory, app_dir).reference()
    if file is None:
        click.echo(text(document(reference, kind), Format(format_name)), nl=False)
        return
    try:
        written = Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigurationError(f"{file} cannot be read: {reason}") from None
    try:
        changes = check(reference, written)
    except ConfigurationError as error:
        raise ConfigurationError(f"{file}: {error.detail}") from None
    if not changes:
        click.echo(f"{file} is up to date")
        return
    click.echo(report(changes))
    breaking = sum(change.breaking for change in changes)
    what = "1 change breaks clients" if breaking == 1 else f"{breaking or 'no'} changes break clients"
    raise Failure(
        f"{file} is not up to date: {len(changes)} difference{'s' if len(changes) > 1 else ''}, {what}; "
        f"if they are meant, write it anew with apistar schema"
    )
