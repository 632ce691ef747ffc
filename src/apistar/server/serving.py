"""
`run()`: serve an application, as `apistar run` does.

uvicorn runs the processes, the loop, TLS, reload and plain HTTP; the protocol classes, the shutdown and the workers
are ours.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import ChangeReload

from ..exceptions import ConfigurationError
from ..limits import Limits
from ..types import ASGIApp, WSGIFace, asgi_of
from .application import application_of
from .configuration import Settings
from .listeners import listeners_at
from .metrics_access import MetricsAccess
from .server import Server
from .tls import check_certificate
from .workers import Workers

DRAIN_S: Final = 10.0
SHUTDOWN_TIMEOUT_S: Final = 10.0
"""Both together stay below the 30 s that Kubernetes waits before it kills, and Docker's `stop -t 30`."""
BACKLOG: Final = 4096
"""Connections that the operating system holds for us; a storm of reconnects finds room."""


def run(
    app: ASGIApp | WSGIFace | str,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    uds: str | None = None,
    fd: int | None = None,
    reload: bool = False,
    reload_dirs: Sequence[str] | None = None,
    workers: int = 1,
    ssl_keyfile: str | None = None,
    ssl_certfile: str | None = None,
    ssl_keyfile_password: str | None = None,
    log_level: str = "info",
    access_log: bool = True,
    root_path: str = "",
    proxy_headers: bool = True,
    forwarded_allow_ips: Sequence[str] | str | None = None,
    limit_concurrency: int | None = None,
    timeout_keep_alive: int = 5,
    drain_s: float = DRAIN_S,
    shutdown_timeout_s: float = SHUTDOWN_TIMEOUT_S,
    metrics: bool = False,
    metrics_allow_ips: Sequence[str] | str | None = None,
    limits: Limits | None = None,
    factory: bool = False,
    app_dir: str | None = "",
) -> None:
    """
    Serve an application until a signal ends it.

    SIGTERM and SIGINT end it within `drain_s + shutdown_timeout_s` with status 0 (see `shutdown.py`); a second
    SIGINT drops everything at once.

    Args:
        app: An ASGI application, an `App`, or where to import one: `"module:app"`. Reload and workers need the latter.
        host, port: Where to listen; port 0 takes a free one.
        uds: A unix socket instead.
        fd: A socket that whoever started this process has opened, by its file descriptor.
        reload: Start again when a source file changes; sockets are told and dropped within 0.2 s.
        reload_dirs: Where source files are; the working directory where nothing is given.
        workers: Processes.
        ssl_keyfile, ssl_certfile, ssl_keyfile_password: TLS.
        log_level: critical, error, warning, info, debug or trace.
        access_log: A line for each request and each handshake; values of queries are hidden.
        root_path: Where a proxy has mounted the application.
        proxy_headers: Take `X-Forwarded-For` and `X-Forwarded-Proto` from `forwarded_allow_ips`
            ($FORWARDED_ALLOW_IPS or this machine where nothing is given).
        limit_concurrency: Connections or tasks past which requests and handshakes are answered with 503.
        timeout_keep_alive: Seconds after which an idle connection of plain HTTP closes.
        drain_s: Over how many seconds at most the sockets are closed.
        shutdown_timeout_s: How long handlers may then go on.
        metrics: Expose counters for Prometheus at `/metrics`; needs the extra `metrics`.
        metrics_allow_ips: Addresses and networks that may read them, directly and not through a proxy; this machine
            where nothing is given, `"*"` for everybody.
        limits: Of handshakes, and of the sockets of an application that is not API Star's; an API Star application has
            its own limits, which are taken where nothing is given.
        factory: `app` is to be called for the application.
        app_dir: Put first on the import path; the working directory by default, `None` leaves the path alone.

    Raises:
        ConfigurationError: If the arguments contradict each other, or there is no such application, certificate or
            address.
        SystemExit: With status 3 if the application's own start-up failed.
    """
    _check_processes(app, reload, workers)
    for name, value in (("drain_s", drain_s), ("shutdown_timeout_s", shutdown_timeout_s)):
        if value < 0:
            raise ConfigurationError(f"{name} must be 0 or more, not {value!r}")
    if fd is not None and uds is not None:
        raise ConfigurationError("fd and uds exclude each other; each is a place to listen on")
    check_certificate(ssl_certfile, ssl_keyfile, ssl_keyfile_password)
    if metrics_allow_ips is not None and not metrics:
        raise ConfigurationError("metrics_allow_ips says who may read the metrics; switch them on with metrics=True")
    access = MetricsAccess(metrics_allow_ips) if metrics else None
    if metrics:
        importlib.import_module(".metrics", __package__)  # says what is missing, before anything starts
    if app_dir is not None:
        sys.path.insert(0, app_dir)
    target, factory = _target_of(app, factory, reload, workers)
    with _listening(host, port, uds, fd) as listeners:
        trusted = forwarded_allow_ips
        config = Settings(
            target,
            limits=limits,
            drain_s=drain_s,
            shutdown_timeout_s=shutdown_timeout_s,
            metrics=access,
            host=host,
            port=port,
            uds=uds,
            fd=fd,
            reload=reload,
            reload_dirs=list(reload_dirs) if reload_dirs else None,
            workers=workers,
            ssl_keyfile=ssl_keyfile,
            ssl_certfile=ssl_certfile,
            ssl_keyfile_password=ssl_keyfile_password,
            log_level=log_level,
            access_log=access_log,
            root_path=root_path,
            proxy_headers=proxy_headers,
            forwarded_allow_ips=trusted if trusted is None or isinstance(trusted, str) else list(trusted),
            limit_concurrency=limit_concurrency,
            timeout_keep_alive=timeout_keep_alive,
            backlog=BACKLOG,
            factory=factory,
        )
        status = _run(config, listeners)
    if status:
        sys.exit(status)


def _check_processes(app: object, reload: bool, workers: int) -> None:
    if not isinstance(app, str) and (reload or workers > 1):
        what = "reload" if reload else "workers"
        raise ConfigurationError(f"{what} needs the application as an import string: run('module:app', {what}=…)")
    if reload and workers > 1:
        raise ConfigurationError("reload and workers exclude each other; reload is for development")


def _target_of(app: ASGIApp | WSGIFace | str, factory: bool, reload: bool, workers: int) -> tuple[Any, bool]:
    """What uvicorn is to serve, and whether it has yet to call it."""
    if not isinstance(app, str):
        target: Any = asgi_of(app)
        if not callable(target):
            raise ConfigurationError(f"app is {app!r}, where an ASGI application is needed, or its name: 'module:app'")
        return target, factory
    # With reload it is the child who says what is wrong with the application, and waits until it is mended.
    if not reload:
        loaded = application_of(app, factory=factory)
        if workers == 1:
            return loaded, False
        if refusal := getattr(loaded, "single_process", None):
            raise ConfigurationError(f"{workers} workers cannot serve {app}: {refusal}")
    return app, factory


def _run(config: Settings, listeners: list[socket.socket]) -> int:
    server = Server(config)
    try:
        if config.reload:
            ChangeReload(config, target=server.run, sockets=listeners).run()
        elif config.workers > 1:
            with _metrics_of_workers(config.metrics is not None):
                return Workers(config, listeners).run()
        else:
            server.run(listeners)
            return 0 if server.started else STARTUP_FAILURE
    except KeyboardInterrupt:
        pass  # a second interrupt before the server was up
    return 0


@contextlib.contextmanager
def _listening(host: str, port: int, uds: str | None, fd: int | None) -> Iterator[list[socket.socket]]:
    """Bind, and leave nothing behind."""
    listeners = listeners_at(host, port, uds, fd)
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.close()
        if uds is not None and os.path.exists(uds):
            os.remove(uds)


def _metrics_of_workers(metrics: bool) -> contextlib.AbstractContextManager[None]:
    """Where workers leave their counters for each other."""
    if not metrics:
        return contextlib.nullcontext()
    from .metrics import shared_counters

    return shared_counters()
