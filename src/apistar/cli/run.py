"""
`apistar run module:app`: serve an application.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

import click

from ..server import run as serve
from ..server.serving import DRAIN_S, SHUTDOWN_TIMEOUT_S
from .failure import Failure

LOG_LEVELS: Final = ("critical", "error", "warning", "info", "debug", "trace")
LEVELS: Final = f"{', '.join(LOG_LEVELS[:-1])} or {LOG_LEVELS[-1]}."


@click.command(short_help="Serve an application.")
@click.argument("app", metavar="MODULE:APP")
@click.option(
    "--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Where to listen; 0.0.0.0 for all."
)
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    metavar="N",
    help="Which port; 0 takes a free one.",
)
@click.option("--uds", metavar="PATH", help="Listen on a unix socket instead.")
@click.option("--fd", type=click.IntRange(0), metavar="N", help="Listen on a socket that is open already.")
@click.option("--reload", is_flag=True, help="Start again when a source file changes; for development.")
@click.option(
    "--reload-dir", "reload_dirs", multiple=True, metavar="DIR", help="Watch it, not this folder; repeatable."
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), metavar="N", help="Processes.")
@click.option("--factory", is_flag=True, help="APP is a function that makes the application.")
@click.option("--app-dir", default="", metavar="DIR", help="Where to import from.  [default: this folder]")
@click.option("--ssl-keyfile", metavar="FILE", help="TLS: the private key.")
@click.option("--ssl-certfile", metavar="FILE", help="TLS: the certificate with its chain.")
@click.option(
    "--ssl-keyfile-password",
    metavar="TEXT",
    envvar="APISTAR_SSL_KEYFILE_PASSWORD",
    show_envvar=True,
    help="TLS: the key's password.",
)
@click.option(
    "--log-level",
    default="info",
    show_default=True,
    type=click.Choice(LOG_LEVELS),
    metavar="LEVEL",
    help=LEVELS,
)
@click.option("--access-log/--no-access-log", default=True, show_default=True, help="A line for each request.")
@click.option("--root-path", default="", metavar="PATH", help="Where a proxy has mounted the application.")
@click.option("--proxy-headers/--no-proxy-headers", default=True, show_default=True, help="Believe X-Forwarded-….")
@click.option("--forwarded-allow-ips", metavar="LIST", help="Proxies to believe.  [default: this machine]")
@click.option("--limit-concurrency", metavar="N", type=click.IntRange(1), help="Connections past which 503 is sent.")
@click.option(
    "--timeout-keep-alive",
    default=5,
    show_default=True,
    type=click.IntRange(0),
    metavar="SECONDS",
    help="Close a connection of plain HTTP that was idle for so long.",
)
@click.option(
    "--drain",
    "drain_s",
    default=DRAIN_S,
    metavar="SECONDS",
    type=click.FloatRange(0),
    show_default=True,
    help="Spread the closing of sockets over so long when the server stops.",
)
@click.option(
    "--shutdown-timeout",
    "shutdown_timeout_s",
    type=click.FloatRange(0),
    default=SHUTDOWN_TIMEOUT_S,
    metavar="SECONDS",
    show_default=True,
    help="Then wait so long for handlers to end.",
)
@click.option("--env-file", metavar="FILE", help="Set the environment from it, before anything is imported.")
@click.option("--metrics", is_flag=True, help="Counters for Prometheus at /metrics.")
@click.option("--metrics-allow-ips", metavar="LIST", help="Who may read /metrics.  [default: this machine]")
def run(app: str, env_file: str | None, **options: Any) -> None:
    """
    Serve the ASGI application APP of MODULE, from API Star or any other framework.

    \b
    Examples:
      apistar run chat:app --reload
      apistar run chat:app --host 0.0.0.0 --workers 4

    \b
    Exit codes:
      0  ended by SIGTERM or ctrl-c
      1  not started: no such module, application, certificate or address
      3  the application's own start-up failed
    """
    if env_file is not None:
        _set_environment(env_file)
    serve(app, **options)


def _set_environment(path: str) -> None:
    """Set the variables of a file; those that are set already stay."""
    try:
        dotenv = importlib.import_module("dotenv")
    except ImportError:
        raise Failure("--env-file needs python-dotenv: pip install 'apistar[env]'") from None
    try:
        with open(path, encoding="utf-8") as file:
            dotenv.load_dotenv(stream=file)
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None
