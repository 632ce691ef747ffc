"""From a routed connection to its end: the order of steps for HTTP and for WebSockets."""

from .compiler import RouteCompiler
from .http import serve_http
from .lifespan import Lifespan
from .operation import Operation
from .websocket import refuse_websocket, serve_websocket

__all__ = ["Lifespan", "Operation", "RouteCompiler", "refuse_websocket", "serve_http", "serve_websocket"]
