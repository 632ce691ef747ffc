"""
Compiling plans: from signatures to steps.

A program belongs to one route: its plans (hooks, handler) share slots, so that each dependency is resolved once for a
connection. All questions about annotations are answered here, when the application is built; a question without
answer is a `ConfigurationError` that names the chain, the handler and its file and line.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol, get_args, get_origin

from ..annotations import bare, optional_of
from ..exceptions import ConfigurationError, DependencyCycle, UnknownDependency
from .component import Binding, BindingKind, Component, Lifetime, NotApplicable
from .foreign import refuse_foreign
from .plan import MISSING, Arguments, Plan, Resolution, Step, StepKind
from .provider import Provider, ProviderRecipe
from .registry import Registry
from .signature import name_of, parameters_of, unwrapped, where, words

_BINDING_STEPS = {
    BindingKind.READ: StepKind.READ,
    BindingKind.READ_ASYNC: StepKind.READ_ASYNC,
    BindingKind.READ_GENERATOR: StepKind.READ_GENERATOR,
}


class Host(Protocol):
    """Who keeps what outlives a program: the `Injector`."""

    def application_value(self, component: Component, parameter: inspect.Parameter) -> Callable[[object], Any]:
        """Plan a value that lives as long as the application; what comes back reads it."""

    def put_off(self, recipe: ProviderRecipe) -> None:
        """Compile the plan of a provider when the plan that asks for it is whole, so that they may form a circle."""


class Program:
    """The plans of one route and the slots that they share."""

    def __init__(
        self,
        registry: Registry,
        host: Host,
        site: object,
        namespace: Mapping[str, Any] | None,
        *,
        application: bool = False,
        recipes: dict[Hashable, ProviderRecipe] | None = None,
    ) -> None:
        self._registry = registry
        self._host = host
        self._site = site
        self._namespace = namespace
        self._application = application
        self._recipes: dict[Hashable, ProviderRecipe] = {} if recipes is None else recipes
        self._slots: dict[Hashable, int] = {}
        self._steps: dict[int, tuple[Step, ...]] = {}
        self.template: list[Any] = [MISSING]
        self.steps: dict[int, Step] = {}

    def resolution(self, root: object) -> Resolution:
        """Start the values of one connection."""
        values = self.template.copy()
        values[0] = root
        return Resolution(values)

    def constant(self, key: Hashable, value: object) -> int:
        """Reserve a slot that holds `value` from the start."""
        slot = self._slots.get(key)
        if slot is None:
            slot = self._reserve(key, value)
        return slot

    def plan(
        self,
        call: Callable[..., Any],
        *,
        given: Mapping[str, int] | None = None,
    ) -> Plan:
        """
        Compile the plan of a callable.

        Args:
            given: Slots of parameters that are not injected, by name (`self` of a hook).

        Raises:
            ConfigurationError: If a parameter cannot be provided.
            NotApplicable: If it needs what this kind of route does not have.
        """
        steps: dict[int, Step] = {}
        arguments = self._arguments(call, [name_of(call)], steps, given or {})
        return Plan.of(call, tuple(steps.values()), arguments)

    def _reserve(self, key: Hashable, value: object) -> int:
        slot = self._slots[key] = len(self.template)
        self.template.append(value)
        return slot

    def _arguments(
        self,
        call: Callable[..., Any],
        chain: list[str],
        steps: dict[int, Step],
        given: Mapping[str, int],
        seen: tuple[Hashable, ...] = (),
        consumer: inspect.Parameter | None = None,
    ) -> Arguments:
        positions: list[int] = []
        keywords: list[tuple[str, int]] = []
        for parameter in parameters_of(call, self._namespace):
            if parameter.name in given:
                slot = given[parameter.name]
            elif parameter.annotation is inspect.Parameter and consumer is not None:
                slot = self.constant(("parameter", consumer), consumer)
            else:
                slot = self._slot(parameter, call, chain, steps, seen)
            if parameter.kind is parameter.KEYWORD_ONLY:
                keywords.append((parameter.name, slot))
            else:
                positions.append(slot)
        return Arguments(tuple(positions), tuple(keywords))

    def _slot(
        self,
        parameter: inspect.Parameter,
        call: Callable[..., Any],
        chain: list[str],
        steps: dict[int, Step],
        seen: tuple[Hashable, ...],
    ) -> int:
        refuse_foreign(parameter, call)
        if get_origin(bare(parameter.annotation)) is Provider:
            return self._provider_slot(parameter, call, chain, steps)
        component = self._registry.component_for(parameter, self._namespace)
        if component is not None:
            return self._component_slot(component, parameter, chain, steps, seen)
        try:
            binding = self._registry.bind(parameter, self._site)
        except NotApplicable as missing:
            if optional_of(parameter.annotation) is not None:
                return self.constant(("none",), None)
            raise NotApplicable(f"{' → '.join(chain)} ({where(call)}): {missing.detail}") from None
        except ConfigurationError as error:
            raise type(error)(f"{' → '.join(chain)} ({where(call)}): {error.detail}") from None
        if binding is not None:
            if self._site is None and binding.connection:
                raise ConfigurationError(
                    f"{' → '.join(chain)} lives as long as the application and cannot ask for "
                    f"{words(parameter.annotation)}, which belongs to a connection ({where(call)})"
                )
            return self._binding_slot(binding, steps)
        for candidate in _weaker(parameter):
            component = self._registry.component_for(candidate, self._namespace)
            if component is not None:
                return self._component_slot(component, candidate, chain, steps, seen)
        if parameter.default is not parameter.empty:
            return self.constant(("default", chain[-1], parameter.name, id(parameter.default)), parameter.default)
        if optional_of(parameter.annotation) is not None:
            return self.constant(("none",), None)
        raise self._unknown(parameter, call, chain)

    def _binding_slot(self, binding: Binding, steps: dict[int, Step]) -> int:
        """For a value that a source reads."""
        slot = self._slots.get(binding.key)
        if slot is not None:
            self._reuse(slot, steps)
            return slot
        slot = self._reserve(binding.key, MISSING)
        kind = _BINDING_STEPS[binding.kind]
        self._keep(Step(slot, kind, binding.read, Arguments(), binding.label, about=binding.about), steps)
        return slot

    def _component_slot(
        self,
        component: Component,
        parameter: inspect.Parameter,
        chain: list[str],
        steps: dict[int, Step],
        seen: tuple[Hashable, ...],
    ) -> int:
        wants_parameter = any(
            needed.annotation is inspect.Parameter for needed in parameters_of(component.resolve, self._namespace)
        )
        key: Hashable = (component, parameter.annotation)
        if wants_parameter:
            key = (component, parameter.annotation, parameter.name, str(parameter.default))
        label = words(parameter.annotation)
        if key in seen:
            names = [*chain, label]
            raise DependencyCycle(
                f"{' → '.join(names)}: {label} needs itself ({where(component.resolve)}); "
                "break the circle with a Provider or a third component",
                names,
            )
        slot = self._slots.get(key)
        if slot is not None:
            self._reuse(slot, steps)
            return slot
        if component.lifetime is Lifetime.APP and not self._application:
            if wants_parameter:
                raise ConfigurationError(
                    f"{type(component).__qualname__} lives as long as the application and cannot ask for "
                    f"inspect.Parameter ({where(component.resolve)})"
                )
            return self._application_slot(component, parameter, key, steps)
        if self._application and component.lifetime is not Lifetime.APP:
            raise ConfigurationError(
                f"{' → '.join([*chain, label])}: a component that lives as long as the application needs one that "
                f"lives as long as a connection; give {type(component).__qualname__} `lifetime = Lifetime.APP` "
                f"({where(component.resolve)})"
            )
        needed: dict[int, Step] = {}
        arguments = self._arguments(component.resolve, [*chain, label], needed, {}, (*seen, key), consumer=parameter)
        steps.update(needed)
        slot = self._reserve(key, MISSING)
        step = Step(slot, _kind_of(component.resolve), component.resolve, arguments, label, where(component.resolve))
        self._keep(step, steps)
        return slot

    def _application_slot(
        self, component: Component, parameter: inspect.Parameter, key: Hashable, steps: dict[int, Step]
    ) -> int:
        """For a value that lives as long as the application: the connection reads it."""
        read = self._host.application_value(component, parameter)
        slot = self._reserve(key, MISSING)
        label = f"{words(parameter.annotation)} (application)"
        self._keep(Step(slot, StepKind.READ, read, Arguments(), label, where(component.resolve)), steps)
        return slot

    def _provider_slot(
        self, parameter: inspect.Parameter, call: Callable[..., Any], chain: list[str], steps: dict[int, Step]
    ) -> int:
        wanted = get_args(bare(parameter.annotation))[0]
        key: Hashable = ("provider", wanted)
        slot = self._slots.get(key)
        if slot is not None:
            self._reuse(slot, steps)
            return slot
        recipe = self._recipes.get(key)
        if recipe is None:
            asking = [*chain, words(parameter.annotation)]
            recipe = ProviderRecipe(words(wanted), wanted, self._fresh, asking, parameter, call)
            self._recipes[key] = recipe
            self._host.put_off(recipe)
        slot = self._reserve(key, MISSING)
        label = f"{words(parameter.annotation)}, resolved on demand"
        self._keep(Step(slot, StepKind.PROVIDER, recipe.provider, Arguments(), label), steps)
        return slot

    def _fresh(self) -> Program:
        """A program of its own for a provider: nothing is shared but the root and the application's values."""
        return Program(self._registry, self._host, self._site, self._namespace, recipes=self._recipes)

    def _keep(self, step: Step, steps: dict[int, Step]) -> None:
        """Remember a step with all that it needs, for the plans that come after."""
        before = dict(steps)
        steps[step.slot] = self.steps[step.slot] = step
        needed = [before[slot] for slot in before if slot in self._needs(step)]
        self._steps[step.slot] = (*needed, step)

    def _needs(self, step: Step) -> set[int]:
        slots = {*step.arguments.positions, *(slot for _, slot in step.arguments.keywords)}
        for slot in tuple(slots):
            if slot in self.steps:
                slots |= self._needs(self.steps[slot])
        return slots

    def _reuse(self, slot: int, steps: dict[int, Step]) -> None:
        for step in self._steps.get(slot, ()):
            steps.setdefault(step.slot, step)

    def _unknown(self, parameter: inspect.Parameter, call: Callable[..., Any], chain: list[str]) -> UnknownDependency:
        wanted = words(parameter.annotation)
        names = [*chain, wanted]
        hint = self._registry.hint(parameter)
        return UnknownDependency(
            f"{' → '.join(names)}: nothing provides parameter {parameter.name!r} of {name_of(call)} "
            f"({where(call)}); {hint}",
            names,
        )


def _weaker(parameter: inspect.Parameter) -> Sequence[inspect.Parameter]:
    """The parameter without `Annotated`, then without `| None`."""
    found = []
    plain = bare(parameter.annotation)
    if plain is not parameter.annotation:
        found.append(parameter.replace(annotation=plain))
    inner = optional_of(plain)
    if inner is not None:
        found.append(parameter.replace(annotation=inner))
    return found


def _kind_of(call: Callable[..., Any]) -> StepKind:
    function = unwrapped(call)
    if inspect.isasyncgenfunction(function):
        return StepKind.CALL_ASYNC_GENERATOR
    if inspect.isgeneratorfunction(function):
        return StepKind.CALL_GENERATOR
    return StepKind.CALL_ASYNC if inspect.iscoroutinefunction(function) else StepKind.CALL
