"""
uvicorn's `Config` with the settings of our server, in one picklable object that every worker gets.
"""

from __future__ import annotations

import copy
import logging
import os
import socket
import sys
from typing import Any, Final

from uvicorn import Config
from uvicorn.config import LOGGING_CONFIG, STARTUP_FAILURE

from ..limits import Limits
from ..observer import Observer

HTTP_PROTOCOL: Final = "apistar.server.http_protocol:HTTPProtocol"
WEBSOCKET_PROTOCOL: Final = "apistar.server.websocket_protocol:WebSocketProtocol"
UNIX_SOCKET_MODE: Final = 0o666
"""As uvicorn's: whoever reaches the folder may connect."""

logger = logging.getLogger("uvicorn.error")


class Settings(Config):
    """
    What `run()` was given.

    Attributes:
        limits: Of handshakes, and of every connection of an application that is not ours; `None`: the application's.
        drain_s, shutdown_timeout_s: See `shutdown.py`.
        metrics: Expose counters at `/metrics`.
        observer: Of the metrics, once the application is loaded.
    """

    def __init__(
        self,
        app: Any,
        *,
        limits: Limits | None = None,
        drain_s: float,
        shutdown_timeout_s: float,
        metrics: bool = False,
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
            log_config=_logging(),
            server_header=False,
            **options,
        )

    def load(self) -> None:
        super().load()
        if self.metrics:
            from .metrics import measured

            self.loaded_app, self.observer = measured(self.loaded_app)

    def bind_socket(self) -> socket.socket:
        """
        Bind the socket that all processes share.

        Exits with STARTUP_FAILURE where the address is not to be had.
        """
        try:
            if self.uds is not None:
                bound = socket.socket(socket.AF_UNIX)
                bound.bind(self.uds)
                os.chmod(self.uds, UNIX_SOCKET_MODE)
            else:
                bound = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                bound.bind((self.host, self.port))
        except OSError as error:
            logger.error(error)
            sys.exit(STARTUP_FAILURE)
        bound.set_inheritable(True)
        self.announce(bound)
        return bound

    def announce(self, listener: socket.SocketType) -> None:
        """Tell a person where to go."""
        if self.uds is not None:
            where = f"unix:{self.uds}"
        else:
            address = listener.getsockname()
            host = f"[{self.host}]" if ":" in self.host else self.host
            where = f"http{'s' if self.is_ssl else ''}://{host}:{address[1]}/"
        logger.info(
            "API Star is at %s (ctrl-c stops it)",
            where,
            extra={"color_message": "API Star is at \033[1;4m%s\033[0m (ctrl-c stops it)"},
        )


def _logging() -> dict[str, Any]:
    """uvicorn's logging, with the values of queries hidden."""
    config: dict[str, Any] = copy.deepcopy(LOGGING_CONFIG)
    config["filters"] = {"hide_query_values": {"()": "apistar.server.access_log.HideQueryValues"}}
    config["loggers"]["uvicorn.access"]["filters"] = ["hide_query_values"]
    config["loggers"]["apistar"] = {"handlers": ["default"], "level": "INFO", "propagate": False}
    return config
