"""
Routes become operations when the application is built.

A handler is first compiled as HTTP; when it, or a component that it needs, asks for a WebSocket, it is compiled as
a WebSocket route. An async generator is a WebSocket route by itself.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, get_args

from ..components import Site
from ..exceptions import ConfigurationError, RouteConfigurationError
from ..injector import MISSING, Injector, NotApplicable, Plan, Program, name_of, where
from ..injector.signature import hints_of, unwrapped
from ..limits import Limits
from ..messages.codec import Codec
from ..routing import Path, Route, RouteKind
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
        self._codecs = {codec.subprotocol or codec.name.lower(): codec for codec in codecs}

    def compile(self, route: Route, path: Path, documented: bool = True) -> Operation:
        """
        Compile one route.

        Raises:
            ConfigurationError: With the chain, and the handler's file and line.
        """
        style = _style(route.handler)
        if style is not Style.GENERATOR:
            try:
                return self._compile(route, path, RouteKind.HTTP, style, documented)
            except NotApplicable:
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
            site.declare(str | bytes, _item(route))
        missing = [name for name in path.names if name not in site.path_types]
        if missing and not site.all_names:
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
        )

    def unrouted(self, kind: RouteKind) -> Operation:
        """The operation of a request that no route takes: hooks run, those that need a route do not."""
        program = self._injector.program(Site(kind), self._namespace)
        hooks = self._hook_plans(program, Site(kind), lenient=True)
        plan = program.plan(_nothing)
        return Operation(None, kind, "no route", program, plan, Style.ASYNC, hooks, self._limits)

    def _codecs_of(self, route: Route) -> list[Codec]:
        unknown = [name for name in route.codecs if name not in self._codecs]
        if unknown:
            raise RouteConfigurationError(
                f"route {route.url!r} allows codec {unknown[0]!r}; known are {', '.join(sorted(self._codecs))}"
            )
        return [self._codecs[name] for name in route.codecs]

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


def _hook(hook: object) -> tuple[object, dict[str, Callable[..., Any]]]:
    owner = hook if isinstance(hook, type) else type(hook)
    methods = {name: getattr(owner, name) for name in HOOK_METHODS if callable(getattr(owner, name, None))}
    if not methods:
        raise ConfigurationError(
            f"event hook {hook!r} has none of {', '.join(HOOK_METHODS)}; pass a class with at least one of them"
        )
    for name, method in methods.items():
        if not inspect.isfunction(unwrapped(method)) or not inspect.signature(method).parameters:
            raise ConfigurationError(f"{owner.__qualname__}.{name} must be a method that takes `self`")
    return hook, methods


def _first_parameter(method: Callable[..., Any]) -> str:
    return next(iter(inspect.signature(method).parameters))


def _style(handler: Callable[..., Any]) -> Style:
    function = unwrapped(handler)
    if inspect.isasyncgenfunction(function):
        return Style.GENERATOR
    direct = handler.func if isinstance(handler, functools.partial) else handler
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(direct)
    return Style.ASYNC if is_async else Style.SYNC


def _item(route: Route) -> Any:
    """The type of an async generator's values; `Any` where it does not say."""
    returned = hints_of(route.handler, route.namespace).get("return")
    return get_args(returned)[0] if get_args(returned) else Any


def _label(handler: Callable[..., Any]) -> str:
    return f"{name_of(handler)} ({where(handler)})"


async def _nothing() -> None:
    """The handler of a request that no route takes."""
