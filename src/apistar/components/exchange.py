"""
The root of every plan: one HTTP exchange or one WebSocket, as the built-in sources read it.

Everything is made when it is first asked for: an exchange that nobody asks costs one small object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.datastructures import QueryParams
from starlette.requests import HTTPConnection
from starlette.responses import Response

from ..http.query import fields_of
from ..http.request import LimitedRequest
from ..limits import Limits
from ..types import Receive, Scope, Send

if TYPE_CHECKING:
    from ..http.event_stream import EventStream
    from ..websocket import WebSocket


class Exchange:
    """
    What is known of one connection.

    Attributes:
        scope, receive, send: ASGI's.
        route: The route that matched, or `None`.
        path_params: Converted, by name.
        limits: Of the route.
        websocket: Of a WebSocket route.
        stream: Of an async generator of events, once it runs.
        response: What will be sent, for `on_response` and `on_error` hooks.
        error: What went wrong, for `on_error` hooks.
        ended_by: What the handler was left with, for clean-ups: `error`, or an exception that is an answer.
    """

    __slots__ = (
        "_connection",
        "_fields",
        "_request",
        "_values",
        "ended_by",
        "error",
        "limits",
        "path_params",
        "receive",
        "response",
        "route",
        "scope",
        "send",
        "stream",
        "websocket",
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        limits: Limits,
        route: object = None,
        path_params: dict[str, Any] | None = None,
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.limits = limits
        self.route = route
        self.path_params = path_params or {}
        self.websocket: WebSocket[Any, Any] | None = None
        self.stream: EventStream | None = None
        self.response: Response | None = None
        self.error: BaseException | None = None
        self.ended_by: BaseException | None = None
        self._request: LimitedRequest | None = None
        self._connection: HTTPConnection | None = None
        self._fields: list[tuple[str, str]] | None = None
        self._values: dict[str, str] | None = None

    @property
    def request(self) -> LimitedRequest:
        """Starlette's request, within the limits; for HTTP only."""
        if self._request is None:
            self._request = LimitedRequest(self.scope, self.receive, self.send, self.limits)
        return self._request

    @property
    def body_done(self) -> bool:
        """Whether nobody will read a body: it was read, or the method has none."""
        request = self._request
        return self.scope["method"] in ("GET", "HEAD") or (request is not None and hasattr(request, "_body"))

    @property
    def listener(self) -> Receive:
        """What a response that is sent in pieces learns from that the client has gone."""
        return self.receive if self._request is None else self._request.listener()

    async def close(self) -> None:
        """Stop an event stream; close the files that came in a form."""
        if self.stream is not None:
            await self.stream.close()
        if self._request is not None:
            await self._request.close()

    @property
    def connection(self) -> HTTPConnection:
        """Headers, cookies and address, for HTTP and WebSocket alike."""
        if self._connection is None:
            self._connection = self.request if self.scope["type"] == "http" else HTTPConnection(self.scope)
        return self._connection

    def header(self, name: bytes) -> str | None:
        """The first header of a name in lower case, without an object for all of them."""
        for key, value in self.scope["headers"]:
            if key == name:
                text: str = value.decode("latin-1")
                return text
        return None

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The query's fields in order; a query that is not UTF-8 is a `BadRequest`."""
        if self._fields is None:
            self._fields = fields_of(self.scope["query_string"])
        return self._fields

    @property
    def values(self) -> dict[str, str]:
        """The last value of each of the query's fields."""
        if self._values is None:
            self._values = dict(self.fields)
        return self._values

    @property
    def query(self) -> QueryParams:
        """The query parameters as Starlette's object."""
        return QueryParams(self.fields)
