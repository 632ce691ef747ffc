"""
The injector: the programs of routes, and the values that live as long as the application.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .component import Component, Lifetime, Source, chooses_itself
from .plan import MISSING, Plan, Resolution
from .program import Program
from .provider import ProviderRecipe, returning
from .registry import Registry
from .signature import words


class Injector:
    """Compiles plans when the application is built; starts and stops the components that live as long as it does."""

    def __init__(self, components: Sequence[Component], sources: Sequence[Source]) -> None:
        self._registry = Registry(components, sources)
        self._pending: list[ProviderRecipe] = []
        self._values: dict[object, Any] = {}
        self._plans: list[tuple[object, Plan]] = []
        self._program = Program(self._registry, self, None, None, application=True)
        self._resolution: Resolution | None = None

    def program(self, site: object, namespace: Mapping[str, Any] | None = None) -> Program:
        """Start the program of one route."""
        return Program(self._registry, self, site, namespace)

    def put_off(self, recipe: ProviderRecipe) -> None:
        """Compile the plan of a provider in `finish()`."""
        self._pending.append(recipe)

    def finish(self) -> None:
        """Compile what was put off: the plans of providers and of components that live as long as the application."""
        while self._pending:
            self._pending.pop().compile()
        for component in self._registry.components:
            if component.lifetime is not Lifetime.APP or chooses_itself(component):
                continue
            annotation = self._registry.annotation_of(component)
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
