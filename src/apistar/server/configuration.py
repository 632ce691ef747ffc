"""
uvicorn's `Config` with the settings of our server, in one picklable object that every worker gets.
"""

from __future__ import annotations

import copy
import inspect
import logging
import socket
import sys
from typing import Any, Final

from uvicorn import Config
from uvicorn.config import LOGGING_CONFIG, STARTUP_FAILURE

from ..exceptions import ConfigurationError
from ..limits import Limits
from ..observer import Observer
from .application import BrokenModule, application_of, takes
from .listeners import EVERYWHERE, url_of
from .metrics_access import MetricsAccess

HTTP_PROTOCOL: Final = "apistar.server.http_protocol:HTTPProtocol"
WEBSOCKET_PROTOCOL: Final = "apistar.server.websocket_protocol:WebSocketProtocol"

logger = logging.getLogger("uvicorn.error")


class Settings(Config):
    """
    What `run()` was given.

    Attributes:
        limits: Of handshakes, and of every connection of an application that is not ours; `None`: the application's.
        drain_s, shutdown_timeout_s: See `shutdown.py`.
        metrics: Who may read the counters at `/metrics`; `None` where there are none.
        observer: Of the metrics, once the application is loaded.
    """

    def __init__(
        self,
        app: Any,
        *,
        limits: Limits | None = None,
        drain_s: float,
        shutdown_timeout_s: float,
        metrics: MetricsAccess | None = None,
        **options: Any,
    ) -> None:
        self.limits = limits
        self.drain_s = drain_s
        self.shutdown_timeout_s = shutdown_timeout_s
        self.metrics = metrics
        self.observer: Observer | None = None
        super().__init__(
            app,
            http=HTTP_PROTOCOL,
            ws=WEBSOCKET_PROTOCOL,
            log_config=_logging(options.get("log_level") or "info"),
            server_header=False,
            **options,
        )

    def load(self) -> None:
        super().load()
        if self.metrics is not None:
            from .metrics import measured

            self.loaded_app, self.observer = measured(self.loaded_app, self.metrics)

    def load_app(self) -> Any:
        """Import the application; exits with STARTUP_FAILURE and a reason where that cannot be done."""
        app = self.app
        if isinstance(app, str):
            try:
                app = application_of(app, factory=self.factory)
            except ConfigurationError as error:
                if isinstance(error, BrokenModule):
                    logger.error(error.report)
                logger.error(error.detail)
                sys.exit(STARTUP_FAILURE)
            self.factory = False  # it was called
        # uvicorn calls all but coroutine functions with the scope alone, as ASGI 2 has it: a method, a
        # `functools.partial`, a plain function or `__call__` that returns what another application returned.
        if not self.factory and not inspect.isclass(app) and takes(app, 3):
            self.interface = "asgi3"
        return app

    def announce(self, listener: socket.socket) -> None:
        """Tell a person where to go."""
        everywhere = self.uds is None and self.fd is None and self.host in EVERYWHERE
        where = url_of(listener, self.host, self.is_ssl)
        logger.info(
            "API Star is at %s%s (ctrl-c stops it)",
            where,
            " and every other address of this machine" if everywhere else "",
            extra={"color_message": "API Star is at \033[1;4m%s\033[0m%s (ctrl-c stops it)"},
        )


def _logging(level: str) -> dict[str, Any]:
    """uvicorn's logging, with the values of queries hidden and exceptions that forge no line."""
    config: dict[str, Any] = copy.deepcopy(LOGGING_CONFIG)
    config["filters"] = {
        "hide_query_values": {"()": "apistar.server.access_log.HideQueryValues"},
        "no_lost_sends": {"()": "apistar.server.log_lines.NoLostSends"},
    }
    config["loggers"]["asyncio"] = {"filters": ["no_lost_sends"]}
    config["loggers"]["uvicorn.access"]["filters"] = ["hide_query_values"]
    config["formatters"]["default"]["()"] = "apistar.server.log_lines.Lines"
    config["loggers"]["apistar"] = {"handlers": ["default"], "level": level.upper(), "propagate": False}
    return config
