"""
The source of `http.Body[T]`, and of `http.FormData`, which is short for `http.Body[http.FormData]`.
"""

from __future__ import annotations

import inspect
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

from ..annotations import optional_of
from ..http.annotations import BODY, Body, FormData
from ..http.body import NOTHING, body_reader
from ..injector import Binding, BindingKind, NotApplicable
from ..injector.signature import words
from ..routing import RouteKind
from .exchange import Exchange
from .site import Site


class BodyInfo(msgspec.Struct, frozen=True):
    """What the schema says of a body: its type, `bytes` where it is taken as it comes, and whether it must be there."""

    annotation: Any
    required: bool = True


class BodySource:
    """`order: http.Body[Order]`; an empty body is the default, and `None` for `http.Body[Order | None]`."""

    def bind(self, parameter: inspect.Parameter, site: object) -> Binding | None:
        wanted: Any = Body[FormData] if parameter.annotation is FormData else parameter.annotation
        if get_origin(wanted) is not Annotated or BODY not in wanted.__metadata__:
            return None
        annotation, *metadata = get_args(wanted)
        if isinstance(site, Site) and site.kind is RouteKind.WEBSOCKET:
            raise NotApplicable("http.Body exists only for HTTP routes; declare messages as WebSocket[In, Out]")
        if isinstance(annotation, TypeVar):
            annotation = bytes
        rest = [item for item in metadata if item is not BODY]
        if rest:
            annotation = Annotated[(annotation, *rest)]
        default = NOTHING if parameter.default is parameter.empty else parameter.default
        if default is NOTHING and optional_of(annotation) is not None:
            default = None
        read = body_reader(annotation, default)

        async def body(exchange: Exchange) -> Any:
            return await read(exchange.request)

        return Binding(
            ("body", str(annotation), repr(default)),
            body,
            f"body: {words(annotation)}",
            BindingKind.READ_ASYNC,
            BodyInfo(annotation, default is NOTHING),
        )
