"""
`apistar run module:app`: serve an application.
"""

from __future__ import annotations

from typing import Any, Final

import click

from ..server import run as serve
from ..server.serving import DRAIN_S, SHUTDOWN_TIMEOUT_S

LOG_LEVELS: Final = ("critical", "error", "warning", "info", "debug", "trace")


@click.command(short_help="Serve an application.")
@click.argument("app", metavar="MODULE:APP")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--uds", metavar="PATH", help="Listen on a unix socket instead.")
@click.option("--fd", type=click.IntRange(0), metavar="N", help="Listen on a socket that is open already.")
@click.option("--reload", is_flag=True, help="Start again when a source file changes; for development.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
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
@click.option("--log-level", default="info", show_default=True, type=click.Choice(LOG_LEVELS), help="How much is told.")
@click.option("--access-log/--no-access-log", default=True, show_default=True, help="A line for each request.")
@click.option("--root-path", default="", metavar="PATH", help="Where a proxy has mounted the application.")
@click.option("--proxy-headers/--no-proxy-headers", default=True, show_default=True, help="Believe X-Forwarded-….")
@click.option("--forwarded-allow-ips", metavar="LIST", help="Proxies to believe.  [default: this machine]")
@click.option("--limit-concurrency", metavar="N", type=click.IntRange(1), help="Connections past which 503 is sent.")
@click.option(
    "--drain",
    "drain_s",
    default=DRAIN_S,
    type=click.FloatRange(0),
    show_default=True,
    help="Seconds over which sockets are closed.",
)
@click.option(
    "--shutdown-timeout",
    "shutdown_timeout_s",
    type=click.FloatRange(0),
    default=SHUTDOWN_TIMEOUT_S,
    show_default=True,
    help="Seconds that handlers then have.",
)
@click.option("--metrics", is_flag=True, help="Counters for Prometheus at /metrics.")
def run(app: str, **options: Any) -> None:
    """Serve the ASGI application APP of MODULE."""
    serve(app, **options)
