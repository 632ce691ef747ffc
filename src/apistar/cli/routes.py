"""
`apistar routes module:app`: what an application answers to, and the plan of a route step by step.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from typing import Any, Final

import click

from ..app import ASyncApp
from ..dispatch.operation import Operation, Style
from ..exceptions import ConfigurationError, HTTPException
from ..injector.explain import explained
from ..injector.signature import unwrapped
from ..limits import DEFAULTS
from ..messages.spelling import spell
from ..routing import RouteKind
from ..routing.route import METHODS
from ..routing.router import Entry, Match
from .application import app_argument, own_application
from .table import table

OURS: Final = __name__.partition(".")[0]
TITLES: Final = ("METHOD", "URL", "HANDLER", "NAME", "KIND")


@click.command(short_help="List the routes of an application, or explain one.")
@app_argument
@click.option("--explain", metavar="PATH", help="Show what happens for a URL or a concrete path, step by step.")
@click.option("--all", "everything", is_flag=True, help="Also list what the schema documents leave out.")
def routes(app: str, factory: bool, app_dir: str, explain: str | None, everything: bool) -> None:
    """
    List the routes of APP in MODULE: method, URL, handler, name and kind.

    \b
    Examples:
      apistar routes chat:app
      apistar routes chat:app --explain /chat/lobby
    """
    application = own_application(app, factory, app_dir)
    if explain is not None:
        _explain(application, explain)
        return
    entries = [entry for entry in application.router.entries if everything or entry.target.documented]
    rows = [
        (_method(entry), entry.path.template, _short(entry.origin), entry.name, _kind(entry.target))
        for entry in entries
    ]
    rows += [
        ("any", f"{mounted.prefix}/…", type(mounted.mount.app).__name__, "", "mounted")
        for mounted in application.router.mounts
    ]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in table(TITLES, rows, width) if rows else ():
        click.echo(line)
    _tell_what_is_left(application, entries)


def _tell_what_is_left(application: ASyncApp, entries: list[Entry[Operation]]) -> None:
    left = [unwrapped(entry.route.handler).__module__ for entry in application.router.entries if entry not in entries]
    ours = sum(module.partition(".")[0] == OURS for module in left)
    said = [f"{ours} of the page and the schema documents"] if ours else []
    if len(left) > ours:
        said.append(f"{len(left) - ours} with documented=False")
    if said:
        none = "" if entries else "no route is documented\n"
        click.echo(f"\n{none}not listed: {' and '.join(said)}; --all lists them", err=True)
    elif not entries:
        click.echo("there are no routes", err=True)


def _method(entry: Entry[Operation]) -> str:
    return "WebSocket" if entry.kind is RouteKind.WEBSOCKET else entry.route.method


def _kind(operation: Operation) -> str:
    if operation.kind is RouteKind.HTTP:
        kinds = {Style.SYNC: "HTTP, in a thread", Style.EVENTS: "HTTP, events as they come"}
        return kinds.get(operation.style, "HTTP")
    types = operation.messages
    if operation.style is Style.GENERATOR:
        return f"generator of {spell(types.outgoing)}" if types is not None else "generator"
    return f"typed: {spell(types.incoming)} → {spell(types.outgoing)}" if types is not None else "raw"


def _short(text: str) -> str:
    """Paths below the working directory as they are seen from there."""
    return text.replace(os.getcwd() + os.sep, "")


# Explaining


def _explain(application: ASyncApp, path: str) -> None:
    found = list(_found(application, path))
    if not found:
        known = dict.fromkeys(entry.path.template for entry in application.router.entries if entry.target.documented)
        raise ConfigurationError(f"nothing is at {path}; there are {', '.join(known) or 'no routes'}")
    for number, (entry, params) in enumerate(found):
        if number:
            click.echo()
        title = f"{_method(entry)} {entry.path.template}"
        click.echo(f"{click.style(title, bold=True)}  {_short(entry.origin)}")
        if params:
            click.echo(f"  {path} matches with " + ", ".join(f"{name} = {value!r}" for name, value in params.items()))
        for title, lines in _sections(entry.target):
            click.echo(f"  {title}")
            for line in lines:
                click.echo(f"    {_short(line)}")


def _found(application: ASyncApp, path: str) -> Iterator[tuple[Entry[Operation], dict[str, Any]]]:
    """Routes whose template or name this is; else those that a request for it reaches."""
    written = [entry for entry in application.router.entries if path in (entry.path.template, entry.name)]
    if written:
        yield from ((entry, {}) for entry in written)
        return
    shown: list[int] = []
    for match in _matches(application, path.partition("?")[0]):
        if match.entry is not None and id(match.entry) not in shown:
            shown.append(id(match.entry))
            yield match.entry, match.params
        if match.mount is not None and not shown:
            raise ConfigurationError(
                f"{path} is answered by the application mounted at {match.prefix}, a {type(match.mount.app).__name__}"
            )


def _matches(application: ASyncApp, path: str) -> Iterator[Match[Operation]]:
    router = application.router
    for method in ("GET", *sorted(METHODS - {"GET"})):
        try:
            yield router.match(path, method)
        except HTTPException:
            continue
    try:
        yield router.match_websocket(path)
    except HTTPException:
        return


def _sections(operation: Operation) -> Iterator[tuple[str, list[str]]]:
    """Titles and lines of one operation, in the order in which they run."""
    hooks = operation.hooks
    for title, plans in (
        ("event hooks, before", [plan for _, plan in hooks.instances] + list(hooks.on_request)),
        ("handler", [operation.plan]),
        ("event hooks, after", list(hooks.on_response)),
        ("event hooks, on an exception that nobody caught", list(hooks.on_error)),
    ):
        lines = [line for plan in plans for line in explained(plan)]
        if lines:
            yield title, _numbered(lines) if len(plans) > 1 else lines
    if operation.messages is not None:
        types = operation.messages
        yield (
            "messages",
            [
                f"client sends  {spell(types.incoming)}",
                f"server sends  {spell(types.outgoing)}",
                f"codecs        {', '.join(codec.name for codec in types.codecs)}",
            ],
        )
    changed = {name: value for name, value in operation.limits.fields().items() if value != DEFAULTS.fields()[name]}
    if changed:
        yield "limits that are not the defaults", [f"{name} = {value!r}" for name, value in changed.items()]


def _numbered(lines: list[str]) -> list[str]:
    """Lines of several plans, numbered through."""
    return [f"{number}. {re.sub(r'^[0-9]+[.] ', '', line)}" for number, line in enumerate(lines, start=1)]
