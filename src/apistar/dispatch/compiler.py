"""
Routes become operations when the application is built.

A handler is first compiled as HTTP; when it, or a component that it needs, asks for a WebSocket, it is compiled as
a WebSocket route. An async generator is a WebSocket route by itself.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, get_args, get_origin

from starlette.responses import Response

from ..annotations import signature_of
from ..components import ChannelInfo, Site
from ..exceptions import ConfigurationError, RouteConfigurationError, UnsupportedType
from ..http.responses import response_of
from ..http.returned import responder
from ..http.server_sent_event import ASYNC_ITERATION, ServerSentEvent, data_type, event_encoder
from ..injector import MISSING, Injector, NotApplicable, Plan, Program, name_of, where
from ..injector.signature import hints_of, parameters_of, unwrapped, words, yields
from ..limits import Limits
from ..messages.codec import Codec
from ..messages.spelling import strip
from ..routing import Path, Route, RouteKind
from ..websocket import WebSocket
from .operation import HookPlans, Operation, Style

HOOK_METHODS = ("on_request", "on_response", "on_error")


class RouteCompiler:
    """Compiles every route against one injector, one list of hooks and one set of limits."""

    def __init__(self, injector: Injector, hooks: Sequence[object], limits: Limits, codecs: Sequence[Codec]) -> None:
        self._injector = injector
        self._hooks = [_hook(hook) for hook in hooks]
        self._limits = limits
        # Names that are local to the functions in which routes were written; hooks may use them for every route.
        self._namespace: dict[str, Any] = {}
        self._codecs = {codec.name: codec for codec in codecs}

    def compile(self, route: Route, path: Path, documented: bool = True) -> Operation:
        """
        Compile one route.

        Raises:
            ConfigurationError: With the chain, and the handler's file and line.
        """
        style = _style(route)
        _check_handler(route)
        if style is not Style.GENERATOR:
            try:
                return self._compile(route, path, RouteKind.HTTP, style, documented)
            except NotApplicable:
                if style is Style.EVENTS:
                    raise ConfigurationError(
                        f"{_label(route.handler)} yields http.ServerSentEvent and is plain HTTP, but it, or a "
                        "component that it needs, takes a WebSocket; over a WebSocket yield the data itself"
                    ) from None
                if style is Style.SYNC:
                    raise ConfigurationError(
                        f"{_label(route.handler)} takes a WebSocket and must be `async def`; only plain HTTP handlers "
                        "run in a worker thread"
                    ) from None
        try:
            return self._compile(route, path, RouteKind.WEBSOCKET, style, documented)
        except NotApplicable as error:
            raise ConfigurationError(f"route {route.url!r}: {error.detail}") from None

    def _compile(self, route: Route, path: Path, kind: RouteKind, style: Style, documented: bool) -> Operation:
        site = Site(kind, tuple(path.names), self._codecs_of(route))
        self._namespace.update(route.namespace or {})
        program = self._injector.program(site, self._namespace)
        hooks = self._hook_plans(program, site)
        plan = program.plan(route.handler)
        if style is Style.GENERATOR:
            if site.messages is not None:
                raise UnsupportedType(
                    f"{_label(route.handler)}: the values of an async generator are what its socket sends; it may take "
                    "a `WebSocket` without types, for the handshake. To receive messages, write a handler that "
                    "receives and sends"
                )
            site.declare(str | bytes, _item(route))
        _check_channels(route, program)
        missing = [name for name in path.names if name not in site.path_types]
        if not site.all_names and not site.untyped.issuperset(missing):
            missing = [name for name in missing if name not in site.untyped]
            raise RouteConfigurationError(
                f"{_label(route.handler)} takes no parameter {missing[0]!r}, which {path.template!r} has; "
                "add it to the signature of the handler or of a component that it needs"
            )
        return Operation(
            route=route,
            kind=kind,
            label=_label(route.handler),
            program=program,
            plan=plan,
            style=style,
            hooks=hooks,
            limits=self._limits if route.limits is None else route.limits.over(self._limits),
            messages=site.messages,
            url=path.template,
            documented=documented,
            path_types={**dict.fromkeys(missing, str), **site.path_types},
            respond=_responder(route) if kind is RouteKind.HTTP and style is not Style.EVENTS else response_of,
            encode_event=_event_encoder(route) if style is Style.EVENTS else None,
            connects=any(strip(parameter.annotation) is WebSocket for parameter in _parameters(route)),
        )

    def unrouted(self, kind: RouteKind) -> Operation:
        """The operation of a request that no route takes: hooks run, those that need a route do not."""
        program = self._injector.program(Site(kind), self._namespace)
        hooks = self._hook_plans(program, Site(kind), lenient=True)
        plan = program.plan(_nothing)
        return Operation(None, kind, "no route", program, plan, Style.ASYNC, hooks, self._limits)

    def _codecs_of(self, route: Route) -> list[Codec]:
        codecs: dict[str, Codec] = {}
        for written in route.codecs:
            codec = written if isinstance(written, Codec) else self._codecs.get(written)
            if codec is None:
                known = ", ".join(map(repr, sorted(self._codecs)))
                raise RouteConfigurationError(
                    f"route {route.url!r} allows codec {written!r}; known are {known}, and instances of Codec"
                )
            if codecs.setdefault(codec.subprotocol, codec) is not codec:
                raise RouteConfigurationError(
                    f"route {route.url!r}: {codec.title} and {codecs[codec.subprotocol].title} have one subprotocol, "
                    f"{codec.subprotocol!r}; a client could not tell them apart"
                )
        if not codecs:
            raise RouteConfigurationError(f"route {route.url!r} allows no codec; leave `codecs` out for JSON")
        return list(codecs.values())

    def _hook_plans(self, program: Program, site: Site, lenient: bool = False) -> HookPlans:
        instances: list[tuple[int, Plan]] = []
        plans: dict[str, list[Plan]] = {name: [] for name in HOOK_METHODS}
        for index, (hook, methods) in enumerate(self._hooks):
            slot = program.constant(("hook", index), MISSING if isinstance(hook, type) else hook)
            concerned = False
            for name, method in methods.items():
                try:
                    plan = program.plan(method, given={_first_parameter(method): slot})
                except NotApplicable:
                    continue
                except ConfigurationError:
                    if lenient:
                        continue
                    raise
                plans[name].append(plan)
                concerned = True
            if concerned and isinstance(hook, type):
                instances.append((slot, program.plan(hook)))
        return HookPlans(
            tuple(instances),
            tuple(plans["on_request"]),
            tuple(reversed(plans["on_response"])),
            tuple(reversed(plans["on_error"])),
        )


def _check_channels(route: Route, program: Program) -> None:
    for step in program.steps.values():
        info = step.about
        if isinstance(info, ChannelInfo) and info.missing:
            name = info.channel.__qualname__
            raise RouteConfigurationError(
                f"{_label(route.handler)}: the topic {info.channel.template!r} of {name} needs {{{info.missing[0]}}}, "
                f"which the URL {route.url!r} does not have; ask for Provider[{name}] and give it by name"
            )


def _hook(hook: object) -> tuple[object, dict[str, Callable[..., Any]]]:
    owner = hook if isinstance(hook, type) else type(hook)
    methods = {name: getattr(owner, name) for name in HOOK_METHODS if callable(getattr(owner, name, None))}
    if not methods:
        raise ConfigurationError(
            f"event hook {hook!r} has none of {', '.join(HOOK_METHODS)}; pass a class with at least one of them"
        )
    for name, method in methods.items():
        of_no_instance = isinstance(inspect.getattr_static(owner, name), staticmethod | classmethod)
        if of_no_instance or not inspect.isfunction(unwrapped(method)) or not signature_of(method).parameters:
            raise ConfigurationError(f"{owner.__qualname__}.{name} must be a method that takes `self`")
        if yields(method):
            raise ConfigurationError(
                f"{owner.__qualname__}.{name} ({where(method)}) yields, and would never run; what must be cleaned up "
                "belongs into on_response and on_error, or into a Component"
            )
    if on_error := methods.get("on_error"):
        for parameter in list(signature_of(on_error).parameters.values())[1:]:
            if parameter.annotation is parameter.empty and parameter.default is parameter.empty:
                raise ConfigurationError(
                    f"{owner.__qualname__}.on_error ({where(on_error)}): parameter {parameter.name!r} has no "
                    f"annotation; write `{parameter.name}: Exception`"
                )
    return hook, methods


def _first_parameter(method: Callable[..., Any]) -> str:
    return next(iter(signature_of(method).parameters))


def _style(route: Route) -> Style:
    handler = route.handler
    function = unwrapped(handler)
    if inspect.isasyncgenfunction(function):
        return Style.GENERATOR if _event_data(route) is None else Style.EVENTS
    direct = handler.func if isinstance(handler, functools.partial) else handler
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(direct)
    return Style.ASYNC if is_async else Style.SYNC


def _check_handler(route: Route) -> None:
    """Find what would look like a handler until it is called."""
    if inspect.isgeneratorfunction(unwrapped(route.handler)):
        raise ConfigurationError(
            f"{_label(route.handler)} is a sync generator; write `async def` for a WebSocket that sends what "
            "it yields, or return http.StreamingResponse(…)"
        )
    parameters = list(signature_of(route.handler).parameters.values())
    if [parameter.kind for parameter in parameters] == [
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.VAR_KEYWORD,
    ]:
        raise ConfigurationError(
            f"{_label(route.handler)} takes anything, so that nothing says what to inject; if a decorator made it, "
            "put @functools.wraps(…) above the function inside"
        )
    if [parameter.name for parameter in parameters] == ["scope", "receive", "send"]:
        raise ConfigurationError(
            f"{_label(route.handler)} is an ASGI application and no handler; write Mount({route.url!r}, …)"
        )
    for parameter in _parameters(route):
        if parameter.annotation is Response:
            raise ConfigurationError(
                f"{_label(route.handler)} asks for the response, which is there when it has returned: return "
                "http.JSONResponse(…, headers=…), or see to it in the on_response of an event hook"
            )
    first = next(iter(parameters), None)
    if first is not None and first.name == "self" and first.annotation is first.empty:
        owner = name_of(route.handler).rpartition(".")[0] or "…"
        raise ConfigurationError(
            f"{_label(route.handler)} is a method without its object; give that of an instance, "
            f"{owner}().{_name(route.handler)}"
        )


def _name(handler: Callable[..., Any]) -> str:
    return name_of(handler).rpartition(".")[2]


def _responder(route: Route) -> Callable[[Any], Response]:
    returned = hints_of(route.handler, route.namespace).get("return", Any)
    try:
        return responder(returned)
    except UnsupportedType as error:
        raise UnsupportedType(f"{_label(route.handler)} returns {error.detail}") from None


def _event_data(route: Route) -> object | None:
    """The type of the data, where an async generator yields events."""
    try:
        return data_type(_item(route))
    except UnsupportedType as error:
        raise UnsupportedType(f"{_label(route.handler)}: {error.detail}") from None


def _event_encoder(route: Route) -> Callable[[ServerSentEvent[Any]], bytes]:
    try:
        return event_encoder(_event_data(route))
    except UnsupportedType as error:
        raise UnsupportedType(f"{_label(route.handler)} yields {error.detail}") from None


def _item(route: Route) -> Any:
    """The type of an async generator's values; `Any` where it does not say."""
    returned = hints_of(route.handler, route.namespace).get("return", Any)
    if returned is Any:
        return Any
    if get_origin(returned) not in ASYNC_ITERATION:
        raise UnsupportedType(
            f"{_label(route.handler)} yields, and says that it returns {words(returned)}; "
            f"write `-> AsyncIterator[{words(returned)}]`"
        )
    return get_args(returned)[0]


def _parameters(route: Route) -> list[inspect.Parameter]:
    return parameters_of(route.handler, route.namespace)


def _label(handler: Callable[..., Any]) -> str:
    return f"{name_of(handler)} ({where(handler)})"


async def _nothing() -> None:
    """The handler of a request that no route takes."""
