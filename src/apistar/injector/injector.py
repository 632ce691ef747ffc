"""
The injector: components and sources, and the values that live as long as the application.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_origin

from ..annotations import optional_of
from ..exceptions import ConfigurationError
from .component import Binding, Component, Lifetime, Source
from .foreign import hint_of
from .plan import MISSING, Plan, Resolution
from .program import Program
from .provider import Provider, ProviderRecipe, returning
from .signature import is_context_manager, provided_annotation, where, words


class Injector:
    """Answers, when the application is built, who provides what; starts and stops application-lifetime components."""

    def __init__(self, components: Sequence[Component], sources: Sequence[Source]) -> None:
        self.components = list(components)
        self.pending: list[ProviderRecipe] = []
        self._sources = list(sources)
        self._values: dict[object, Any] = {}
        self._plans: list[tuple[object, Plan]] = []
        self._program = Program(self, None, None, application=True)
        self._resolution: Resolution | None = None
        self._check()

    def _check(self) -> None:
        provided: list[tuple[Any, Component]] = []
        for component in self.components:
            _check_component(component)
            if not callable(getattr(component, "resolve", None)):
                raise ConfigurationError(f"{type(component).__qualname__} has no resolve() method")
            if is_context_manager(component.resolve):
                raise ConfigurationError(
                    f"{type(component).__qualname__}.resolve ({where(component.resolve)}) gives a context manager; a "
                    "resolve that yields is one by itself: leave the decorator out"
                )
            if type(component).can_handle_parameter is not Component.can_handle_parameter:
                continue
            annotation = self._annotation_of(component)
            if annotation is None:
                continue
            if annotation is inspect.Parameter.empty:
                raise ConfigurationError(
                    f"{type(component).__qualname__}.resolve ({where(component.resolve)}) has no return annotation; "
                    "it says what the component provides: `def resolve(self) -> User`"
                )
            for other_annotation, other in provided:
                if other_annotation == annotation:
                    raise ConfigurationError(
                        f"{type(other).__qualname__} ({where(other.resolve)}) and {type(component).__qualname__} "
                        f"({where(component.resolve)}) both provide {words(annotation)}; leave one of them out"
                    )
            provided.append((annotation, component))

    def _annotation_of(self, component: Component, namespace: Mapping[str, Any] | None = None) -> Any:
        """What a component provides; `None` where that can only be read in the namespace of a route."""
        try:
            return provided_annotation(component, namespace)
        except ConfigurationError:
            if namespace is not None:
                raise
            return None

    def component_for(self, parameter: inspect.Parameter, namespace: Mapping[str, Any] | None) -> Component | None:
        """The component that provides a parameter, or `None`."""
        for component in self.components:
            if type(component).can_handle_parameter is not Component.can_handle_parameter:
                if component.can_handle_parameter(parameter):
                    return component
            elif self._annotation_of(component, namespace or {}) == parameter.annotation:
                return component
        return None

    def bind(self, parameter: inspect.Parameter, site: object) -> Binding | None:
        """The first source's answer for a parameter."""
        for source in self._sources:
            binding = source.bind(parameter, site)
            if binding is not None:
                return binding
        return None

    def hint(self, parameter: inspect.Parameter) -> str:
        """What to do about a parameter that nobody provides."""
        wanted = optional_of(parameter.annotation) or parameter.annotation
        if wanted is Provider:
            return f"write what it is to give, `{parameter.name}: Provider[Session]`"
        if elsewhere := hint_of(wanted):
            return elsewhere
        for component in self.components:
            annotation = self._annotation_of(component)
            if getattr(annotation, "__name__", "") == getattr(wanted, "__name__", None):
                return (
                    f"{type(component).__qualname__} provides another class of that name "
                    f"({getattr(annotation, '__module__', '?')}.{words(annotation)})"
                )
        if _is_data(wanted):
            return (
                f"for the body of a request write http.Body[{words(wanted)}], for messages "
                f"WebSocket[{words(wanted)}, …], else add a Component whose resolve() returns {words(wanted)}"
            )
        return f"add a Component whose resolve() returns {words(wanted)} to components=[…]"

    def program(self, site: object, namespace: Mapping[str, Any] | None = None) -> Program:
        """Start the program of one route."""
        return Program(self, site, namespace)

    def finish(self) -> None:
        """Compile what was put off: the plans of providers and of components that live as long as the application."""
        while self.pending:
            self.pending.pop().compile()
        for component in self.components:
            if component.lifetime is not Lifetime.APP:
                continue
            if type(component).can_handle_parameter is not Component.can_handle_parameter:
                continue
            annotation = self._annotation_of(component)
            if annotation is not None:
                parameter = inspect.Parameter("value", inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
                self.application_value(component, parameter)

    def application_value(self, component: Component, parameter: inspect.Parameter) -> Callable[[object], Any]:
        """Plan a value that lives as long as the application; what comes back reads it."""
        key = (component, parameter.annotation)
        if key not in self._values:
            self._values[key] = MISSING
            call = returning(parameter.annotation, type(component).__qualname__, parameter.name, component.resolve)
            self._plans.append((key, self._program.plan(call)))
        values = self._values

        def read(_root: object) -> Any:
            value = values[key]
            if value is MISSING:
                raise RuntimeError(f"{words(parameter.annotation)} is used before the application was started")
            return value

        return read

    @property
    def started(self) -> bool:
        return self._resolution is not None

    async def start(self, root: object) -> None:
        """Build the values that live as long as the application; if one fails, the others are cleaned up."""
        self._resolution = self._program.resolution(root)
        try:
            for key, plan in self._plans:
                self._values[key] = await self._resolution.run(plan)
        except BaseException as error:
            await self.stop(error)
            raise

    async def stop(self, error: BaseException | None = None) -> None:
        """Clean up in reverse order."""
        resolution, self._resolution = self._resolution, None
        for key in self._values:
            self._values[key] = MISSING
        if resolution is not None:
            cleanup = resolution.close(error)
            if cleanup is not None:
                await cleanup


def _check_component(component: object) -> None:
    if not isinstance(component, Component):
        hint = f"write {component.__name__}()" if isinstance(component, type) else "subclass Component"
        raise ConfigurationError(f"components must be instances of Component, not {component!r}; {hint}")


_DATA_MARKS = ("__struct_fields__", "__dataclass_fields__", "__attrs_attrs__", "__total__", "model_fields")


def _is_data(annotation: Any) -> bool:
    """Whether an annotation looks like what a client sends: an object, a mapping or a list."""
    plain = get_origin(annotation) or annotation
    return isinstance(plain, type) and (
        plain in (dict, list, set, tuple) or any(hasattr(plain, mark) for mark in _DATA_MARKS)
    )
