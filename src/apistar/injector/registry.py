"""
Who provides what: the components of the application, and the sources that are built in.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, get_origin

from ..annotations import optional_of, signature_of
from ..exceptions import ConfigurationError
from .component import Binding, Component, Source, chooses_itself, provided_annotation
from .foreign import hint_of
from .provider import Provider
from .signature import is_context_manager, where, words


class Registry:
    """
    Answers, when the application is built, who provides a parameter.

    Raises:
        ConfigurationError: If one of the components is none, says not what it provides, or provides what another does.
    """

    def __init__(self, components: Sequence[Component], sources: Sequence[Source]) -> None:
        self.components = list(components)
        self._sources = list(sources)
        self._check()

    def _check(self) -> None:
        provided: list[tuple[Any, Component]] = []
        for component in self.components:
            _check_component(component)
            if not callable(getattr(component, "resolve", None)):
                raise ConfigurationError(f"{type(component).__qualname__} has no resolve() method")
            if not _takes_self(component.resolve):
                raise ConfigurationError(
                    f"{type(component).__qualname__}.resolve ({where(component.resolve)}) must be a method that takes "
                    "`self`"
                )
            if is_context_manager(component.resolve):
                raise ConfigurationError(
                    f"{type(component).__qualname__}.resolve ({where(component.resolve)}) gives a context manager; a "
                    "resolve that yields is one by itself: leave the decorator out"
                )
            if chooses_itself(component):
                continue
            annotation = self.annotation_of(component)
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

    def annotation_of(self, component: Component, namespace: Mapping[str, Any] | None = None) -> Any:
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
            if chooses_itself(component):
                if component.can_handle_parameter(parameter):
                    return component
            elif self.annotation_of(component, namespace or {}) == parameter.annotation:
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
            annotation = self.annotation_of(component)
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


def _takes_self(resolve: Callable[..., object]) -> bool:
    try:
        signature_of(resolve)
    except ValueError:  # a bound method of a function without parameters
        return False
    return True


def _check_component(component: object) -> None:
    if not isinstance(component, Component):
        hint = f"write {component.__name__}()" if isinstance(component, type) else "subclass Component"
        raise ConfigurationError(f"components must be instances of Component, not {component!r}; {hint}")


_DATA_MARKS: Final = ("__struct_fields__", "__dataclass_fields__", "__attrs_attrs__", "__total__", "model_fields")


def _is_data(annotation: Any) -> bool:
    """Whether an annotation looks like what a client sends: an object, a mapping or a list."""
    plain = get_origin(annotation) or annotation
    return isinstance(plain, type) and (
        plain in (dict, list, set, tuple) or any(hasattr(plain, mark) for mark in _DATA_MARKS)
    )
