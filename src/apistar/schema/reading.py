"""
From compiled routes to the description of an application.

What the plan of a route reads (its handler's parameters, those of components and hooks) is what a client passes; what
its handler returns or its WebSocket carries is what a client gets; docstrings and source say how it may end.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Protocol, TypeVar, cast

from ..components.body import BodyInfo
from ..injector import Component, Plan, Step
from ..injector.provider import ProviderRecipe
from ..injector.signature import unwrapped
from ..limits import Limits
from ..messages.docstring import Docstring, parse
from ..messages.message_types import MessageTypes
from ..routing import Entry, MountEntry, RouteKind
from .contents import Types, may_be_empty, messages_of, request_body, response_of, subprotocols_of
from .outcomes import Outcomes, forget_sources, outcomes_of
from .parameters import parameter_denials, parameters_of
from .reference import (
    Channel,
    Documentation,
    HTTPOperation,
    Info,
    Outcome,
    Parameter,
    Reference,
    SecurityScheme,
)
from .topics import endings_of, topics_of


class Hooks(Protocol):
    """The plans of the hooks that concern one route."""

    @property
    def on_request(self) -> Sequence[Plan]: ...
    @property
    def on_response(self) -> Sequence[Plan]: ...
    @property
    def on_error(self) -> Sequence[Plan]: ...


class Compiled(Protocol):
    """A compiled route, as the application has it (`dispatch.Operation`)."""

    @property
    def plan(self) -> Plan: ...
    @property
    def hooks(self) -> Hooks: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def messages(self) -> MessageTypes | None: ...
    @property
    def documented(self) -> bool: ...


T = TypeVar("T", bound=Compiled)


def read(entries: Iterable[Entry[T] | MountEntry], info: Info = Info()) -> Reference:
    """
    Describe an application.

    Args:
        entries: Its routing table. Routes with `documented=False` and mounted applications are left out.
        info: What is said of the whole.
    """
    reader = _Reader()
    for entry in entries:
        if isinstance(entry, Entry) and entry.target.documented:
            reader.read(entry)
    forget_sources()
    definitions = reader.types.describe()
    return Reference(info, tuple(reader.operations), tuple(reader.channels), definitions, reader.security)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a callable says of itself."""

    docstring: Docstring
    outcomes: Outcomes


class _Reader:
    def __init__(self) -> None:
        self.types = Types()
        self.operations: list[HTTPOperation] = []
        self.channels: list[Channel] = []
        self.security: dict[str, SecurityScheme] = {}
        self._ids: set[str] = set()
        self._facts: dict[Callable[..., Any], _Facts] = {}

    def read(self, entry: Entry[T]) -> None:
        route, compiled = entry.route, entry.target
        hooks = compiled.hooks
        plans = [*hooks.on_request, compiled.plan, *hooks.on_response, *hooks.on_error]
        steps = list(_steps(plans))
        websocket = entry.kind is RouteKind.WEBSOCKET
        calls: list[Callable[..., Any]] = [step.call for step, _ in steps if step.origin and _component_of(step)]
        before = [*calls, *(plan.call for plan in hooks.on_request)]
        docstring = parse(inspect.getdoc(unwrapped(route.handler)))
        facts = [_Facts(docstring, outcomes_of(route.handler, docstring, websocket)), *map(self._facts_of, before)]
        outcomes = [fact.outcomes for fact in facts]
        documentation = self._documentation(entry, docstring)
        parameters = parameters_of(self.types, steps, [fact.docstring for fact in facts], entry.path)
        security = self._security(steps)
        if websocket:
            channel = self._channel(entry, documentation, parameters, outcomes, security)
            topics = topics_of(self.types, steps, compiled.messages)
            if topics:
                closes = _merged([*channel.closes, *endings_of(topics)], _close_text)
                channel = replace(channel, topics=topics, closes=closes)
            self.channels.append(channel)
        else:
            body = next((step.about for step, _ in steps if isinstance(step.about, BodyInfo)), None)
            operation = self._operation(entry, documentation, parameters, body, outcomes, security)
            returns = docstring.entries.get("Returns", {}).get("")
            self.operations.append(replace(operation, status_description=returns) if returns else operation)

    def _facts_of(self, call: Callable[..., Any]) -> _Facts:
        """What is known of a component's `resolve`, or of a hook; many routes share them."""
        function = unwrapped(call)
        if function not in self._facts:
            docstring = parse(inspect.getdoc(function))
            self._facts[function] = _Facts(docstring, outcomes_of(call, docstring, False))
        return self._facts[function]

    def _operation(
        self,
        entry: Entry[T],
        documentation: Documentation,
        parameters: tuple[Parameter, ...],
        body: BodyInfo | None,
        outcomes: Sequence[Outcomes],
        security: tuple[str, ...],
    ) -> HTTPOperation:
        denials = [*parameter_denials(parameters), *(denial for found in outcomes for denial in found.denials)]
        if body is not None:
            limit = entry.target.limits.max_message_bytes
            denials.append(Outcome(413, f"the body is larger than {limit} bytes"))
            if body.annotation not in (bytes, str):
                denials.append(Outcome(400, "the body does not fit its type"))
                denials.append(Outcome(415, "the content type is not supported"))
        status, content = response_of(self.types, entry.route)
        return HTTPOperation(
            documentation,
            entry.path.template,
            entry.route.method,
            parameters,
            None if body is None else request_body(self.types, body),
            status,
            HTTPStatus(status).phrase,
            content,
            _merged(denials, _status_text),
            security,
            may_be_empty(entry.route),
            body is None or body.required,
        )

    def _channel(
        self,
        entry: Entry[T],
        documentation: Documentation,
        parameters: tuple[Parameter, ...],
        outcomes: Sequence[Outcomes],
        security: tuple[str, ...],
    ) -> Channel:
        compiled = entry.target
        limits, messages = compiled.limits, compiled.messages
        generator = inspect.isasyncgenfunction(unwrapped(entry.route.handler))
        denials = [*parameter_denials(parameters), Outcome(403, "the Origin of the browser is not allowed")]
        if limits.max_connections is not None:
            denials.append(Outcome(503, f"the server has its {limits.max_connections} connections"))
        closes = [
            Outcome(1000, "the conversation is over"),
            Outcome(1009, f"a message is larger than {limits.max_message_bytes} bytes"),
            Outcome(1011, "the server failed"),
            Outcome(1012, "the server restarts"),
        ]
        if limits.message_rate is not None:
            closes.append(Outcome(1008, f"more than {limits.message_rate:g} messages per second"))
        if limits.idle_timeout_s is not None:
            closes.append(Outcome(1000, f"no message for {limits.idle_timeout_s:g} seconds"))
        if messages is not None and not generator:
            closes.append(Outcome(1007, "a message does not fit its type"))
        chosen = [name for found in outcomes for name in found.subprotocols]
        return Channel(
            documentation,
            entry.path.template,
            parameters,
            () if generator else messages_of(self.types, messages, incoming=True),
            messages_of(self.types, messages, incoming=False),
            {**subprotocols_of(messages), **dict.fromkeys(chosen, "")},
            _merged([*denials, *(denial for found in outcomes for denial in found.denials)], _status_text),
            _merged([*closes, *(close for found in outcomes for close in found.closes)], _close_text),
            limits.max_message_bytes,
            security,
        )

    def _documentation(self, entry: Entry[T], docstring: Docstring) -> Documentation:
        includes, _, _ = entry.name.rpartition(":")
        deprecated = hasattr(unwrapped(entry.route.handler), "__deprecated__")  # PEP 702
        name = re.sub(r"[^A-Za-z0-9_.-]", ".", entry.name) or "route"
        found = next(name for name in _candidates(name, entry.route.method.lower()) if name not in self._ids)
        self._ids.add(found)
        return Documentation(
            found, docstring.summary, docstring.description, deprecated, (includes,) if includes else ()
        )

    def _security(self, steps: Sequence[tuple[Step, bool]]) -> tuple[str, ...]:
        names: dict[str, None] = {}
        for step, _ in steps:
            declared = getattr(_component_of(step), "security", None)
            for name, scheme in cast("Mapping[str, SecurityScheme]", declared or {}).items():
                self.security.setdefault(name, scheme)
                names[name] = None
        return tuple(names)


def _steps(plans: Iterable[Plan], on_demand: bool = False) -> Iterator[tuple[Step, bool]]:
    """The steps of plans, each once, and whether it runs on demand only: behind a Provider."""
    seen: set[int] = set()
    for plan in plans:
        for step in plan.steps:
            if id(step) in seen:
                continue
            seen.add(id(step))
            yield step, on_demand
            recipe = getattr(step.call, "__self__", None)
            if isinstance(recipe, ProviderRecipe) and not on_demand:
                yield from _steps([recipe.compiled[1]], on_demand=True)


def _component_of(step: Step) -> Component | None:
    owner = getattr(step.call, "__self__", None)
    return owner if isinstance(owner, Component) else None


def _candidates(name: str, method: str) -> Iterator[str]:
    yield name
    yield f"{name}.{method}"
    number = 2
    while True:
        yield f"{name}.{number}"
        number += 1


def _merged(outcomes: Iterable[Outcome], text: Callable[[int], str]) -> tuple[Outcome, ...]:
    """One outcome per code, in their order; all that was said of it, as phrases or as sentences."""
    said: dict[int, dict[str, None]] = {}
    for outcome in outcomes:
        said.setdefault(outcome.code, {}).update({outcome.description: None} if outcome.description else {})
    return tuple(Outcome(code, _enumerated(tuple(texts)) or text(code)) for code, texts in sorted(said.items()))


def _enumerated(texts: tuple[str, ...]) -> str:
    if len(texts) > 1 and any(text.endswith(".") for text in texts):
        return " ".join(text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".") for text in texts)
    return "; ".join(texts)


def _status_text(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def _close_text(code: int) -> str:
    if 4400 <= code < 4600:
        return _status_text(code - 4000)
    return f"Close {code}"
