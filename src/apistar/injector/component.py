"""
What provides a value: components (the application's) and sources (built in).

A component's `resolve()` says by its return annotation what it provides and by its parameters what it needs. The
identity of what is provided is the annotation itself: two classes of one name are two things.

A source reads straight from the root of a connection and is bound to one parameter when the plan is compiled, so that
converters and decoders are built once.
"""

from __future__ import annotations

import collections.abc
import enum
import inspect
import sys
from collections.abc import Callable, Hashable, Mapping
from typing import Any, ClassVar, Final, Protocol, get_args, get_origin

import msgspec

from ..annotations import annotations_of, names_later
from ..exceptions import ConfigurationError
from .signature import hints_of, yields


class Lifetime(enum.Enum):
    """How long a provided value lives."""

    CONNECTION = "connection"
    """One value per request or WebSocket."""
    APP = "app"
    """Built on start-up, closed on shutdown."""


class Component:
    """
    Provides one type of value to handlers, hooks and other components.

    Write `def resolve(self, …) -> User`, sync or async; its parameters are injected. A `resolve` that yields once
    (`-> AsyncIterator[Session]` or `-> Iterator[Session]`) provides what it yields and is resumed for its clean-up
    when the lifetime ends, also when the handler failed or was cancelled. A sync `resolve` runs inline, on the event
    loop. One that asks for `inspect.Parameter` is resolved once for each parameter that asks for it.
    """

    lifetime: ClassVar[Lifetime] = Lifetime.CONNECTION

    namespace: ClassVar[Mapping[str, Any]] = {}
    resolve: Callable[..., Any]

    def can_handle_parameter(self, parameter: inspect.Parameter) -> bool:
        """
        Tell whether this component provides `parameter`; called when plans are compiled.

        The default compares the annotation with what `resolve` provides. Override it for a family of types.
        """
        return bool(parameter.annotation == provided_annotation(self))

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if not isinstance(cls.lifetime, Lifetime):
            raise ConfigurationError(
                f"{cls.__qualname__}.lifetime must be Lifetime.CONNECTION or Lifetime.APP, not {cls.lifetime!r}"
            )
        hints = annotations_of(cls.__dict__.get("resolve"))
        frame = sys._getframe(1)
        if frame.f_code.co_name != "<module>" and any(map(names_later, hints.values())):
            # String annotations of a class that is written in a function name what only that function knows.
            cls.namespace = dict(frame.f_locals)


def chooses_itself(component: Component) -> bool:
    """Whether a component has its own `can_handle_parameter()`; its annotation then says not what it provides."""
    return type(component).can_handle_parameter is not Component.can_handle_parameter


def provided_annotation(component: Component, namespace: Mapping[str, Any] | None = None) -> Any:
    """
    What `resolve` provides: its return annotation, or the item of it where it yields.

    Gives `inspect.Parameter.empty` where there is no return annotation.
    """
    known = {**(namespace or {}), **component.namespace}
    returned = hints_of(component.resolve, known).get("return", inspect.Parameter.empty)
    if yields(component.resolve) and get_origin(returned) in _YIELDING:
        return get_args(returned)[0]
    return returned


class BindingKind(enum.Enum):
    """How a binding's `read` is run."""

    READ = "read"
    READ_ASYNC = "read_async"
    READ_GENERATOR = "read_generator"


class Binding(msgspec.Struct, frozen=True):
    """
    One parameter, tied to the root of the connection.

    Attributes:
        key: Two bindings of one key are read once.
        read: Takes the root and gives the value, or an awaitable or async generator of it.
        label: For `--explain` and error messages.
        kind: How `read` is to be run.
        about: What the schema wants to know; the injector does not look at it.
        connection: False if the value is the application's and may be used by `Lifetime.APP` components.
    """

    key: Hashable
    read: Callable[[Any], Any]
    label: str
    kind: BindingKind = BindingKind.READ
    about: object = None
    connection: bool = True


class NotApplicable(Exception):
    """
    Raised by a source whose value does not exist for this kind of route.

    Attributes:
        detail: Why, as a sentence.
    """

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


class Source(Protocol):
    """A built-in provider."""

    def bind(self, parameter: inspect.Parameter, site: object) -> Binding | None:
        """
        Bind a parameter, or give `None` where this source does not provide it.

        Args:
            parameter: Its annotation is resolved, with its `Annotated` metadata.
            site: What the application passed to `Injector.program()`: the route's side of the question.

        Raises:
            NotApplicable: If the value does not exist for this kind of route.
            ConfigurationError: If the annotation is of this source and cannot be served.
        """


_YIELDING: Final = (
    collections.abc.AsyncIterator,
    collections.abc.AsyncGenerator,
    collections.abc.AsyncIterable,
    collections.abc.Iterator,
    collections.abc.Generator,
    collections.abc.Iterable,
)
