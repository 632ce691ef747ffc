"""
A route, compiled: everything that is known before the first connection.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from ..http.responses import response_of
from ..http.server_sent_event import ServerSentEvent
from ..injector import Plan, Program, Resolution
from ..limits import Limits
from ..messages.message_types import MessageTypes
from ..routing import Route, RouteKind


class Style(enum.Enum):
    """How a handler is run."""

    ASYNC = "async"
    SYNC = "sync, in a worker thread"
    GENERATOR = "async generator"
    """Its values are sent over a WebSocket as they come."""
    EVENTS = "async generator of events"
    """Its values are an event stream over HTTP."""


class HookPlans(msgspec.Struct, frozen=True):
    """
    The event hooks that concern one route.

    Attributes:
        instances: The slot of each hook and the plan that makes it, one instance per connection.
        on_request: In order.
        on_response, on_error: In reverse order.
    """

    instances: tuple[tuple[int, Plan], ...] = ()
    on_request: tuple[Plan, ...] = ()
    on_response: tuple[Plan, ...] = ()
    on_error: tuple[Plan, ...] = ()

    @property
    def start_anything(self) -> bool:
        """Whether `start()` does anything."""
        return bool(self.instances or self.on_request)

    async def start(self, resolution: Resolution) -> None:
        """Make the instances, then run `on_request`."""
        for slot, plan in self.instances:
            resolution.values[slot] = await resolution.run(plan)
        for plan in self.on_request:
            await resolution.run(plan)


class Operation(msgspec.Struct, frozen=True):
    """
    One route as dispatch runs it.

    Attributes:
        label: The handler with file and line, for logs and `apistar routes`.
        messages: Types of the WebSocket; `None` for a raw one and for HTTP.
        url: The template with the prefixes of its includes.
        documented: Whether the schema and the docs page show it.
        path_types: Annotations of the path parameters by name.
        respond: Makes a response of what an HTTP handler returns.
        encode_event: Makes bytes of what an async generator of events yields.
        connects: Whether an async generator takes the socket, and so may complete or refuse the handshake itself.
    """

    route: Route | None
    kind: RouteKind
    label: str
    program: Program
    plan: Plan
    style: Style
    hooks: HookPlans
    limits: Limits
    messages: MessageTypes | None = None
    url: str = ""
    documented: bool = True
    path_types: Mapping[str, Any] = msgspec.field(default_factory=dict)
    respond: Callable[[Any], Response] = response_of
    encode_event: Callable[[ServerSentEvent[Any]], bytes] | None = None
    connects: bool = False
