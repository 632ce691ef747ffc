"""From a routed connection to its end: the order of steps for HTTP and for WebSockets."""

from .compiler import RouteCompiler
from .http import serve_http
from .lifespan import Lifespan
from .operation import Operation
from .readiness import readiness_route
from .websocket import refuse_websocket, serve_websocket

__all__ = [
    "Lifespan",
    "Operation",
    "RouteCompiler",
    "readiness_route",
    "refuse_websocket",
    "serve_http",
    "serve_websocket",
]
