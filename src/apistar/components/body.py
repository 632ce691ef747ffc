"""
The source of `http.Body[T]`, and of nothing else.
"""

from __future__ import annotations

import inspect
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

from ..http.annotations import BODY
from ..http.body import body_reader
from ..injector import Binding, BindingKind, NotApplicable
from ..injector.signature import words
from ..routing import RouteKind
from .exchange import Exchange
from .site import Site


class BodyInfo(msgspec.Struct, frozen=True):
    """What the schema says of a body: its type, `bytes` where it is taken as it comes."""

    annotation: Any


class BodySource:
    """`order: http.Body[Order]`."""

    def bind(self, parameter: inspect.Parameter, site: object) -> Binding | None:
        if get_origin(parameter.annotation) is not Annotated or BODY not in parameter.annotation.__metadata__:
            return None
        annotation, *metadata = get_args(parameter.annotation)
        if isinstance(site, Site) and site.kind is RouteKind.WEBSOCKET:
            raise NotApplicable("http.Body exists only for HTTP routes; declare messages as WebSocket[In, Out]")
        if isinstance(annotation, TypeVar):
            annotation = bytes
        rest = [item for item in metadata if item is not BODY]
        if rest:
            annotation = Annotated[(annotation, *rest)]
        read = body_reader(annotation)

        async def body(exchange: Exchange) -> Any:
            return await read(exchange.request, exchange.limits.max_message_bytes)

        return Binding(
            ("body", str(annotation)),
            body,
            f"body: {words(annotation)}",
            BindingKind.READ_ASYNC,
            BodyInfo(annotation),
        )
