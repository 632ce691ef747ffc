"""
`Provider[T]`: not the value but the way to get one.

    async def feed(ws: WebSocket, sessions: Provider[Session]):
        async for message in ws:
            async with sessions() as session:
                ...

A WebSocket that lives for hours holds a database session for milliseconds. Everything that the value needs is
resolved anew each time and cleaned up when the block ends; only the connection itself and the application's own
values are shared.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from ..exceptions import UsageError
from .plan import Plan, Resolution
from .signature import unwrapped

T = TypeVar("T")


@runtime_checkable
class Fillable(Protocol):
    """What a step is `about`, if its value can be made with parameters that the caller of a provider gives."""

    @property
    def takes(self) -> tuple[str, ...]:
        """Names of the parameters."""

    def make(self, root: Any, given: Mapping[str, object]) -> Any:
        """The value, with what is given in place of what the connection says."""


class Planner(Protocol):
    """What makes the plan of a provider's value: a `Program`."""

    def plan(self, call: Callable[..., Any], /) -> Plan:
        """Compile the plan of a callable."""

    def resolution(self, root: object, /) -> Resolution:
        """Start the values of one block."""


class Provider(Generic[T]):
    """
    Gives a `T` for the length of a block. Safe to call from several tasks: each block has its own value.

    Keyword arguments stand for parameters by name where the value, or what it needs, asks for a path or query
    parameter: `async with rooms(room="lobby") as room`.
    """

    __slots__ = ("_recipe", "_root")

    def __init__(self, recipe: ProviderRecipe, root: object) -> None:
        self._recipe = recipe
        self._root = root

    def __call__(self, **parameters: object) -> AbstractAsyncContextManager[T]:
        return self._resolved(parameters)

    @asynccontextmanager
    async def _resolved(self, parameters: dict[str, object]) -> AsyncIterator[T]:
        planner, plan = self._recipe.compiled
        resolution = planner.resolution(self._root)
        if parameters:
            self._recipe.fill(resolution, self._root, parameters)
        try:
            yield await resolution.run(plan)
        except BaseException as error:
            cleanup = resolution.close(error)
            if cleanup is None or not await cleanup:
                raise
        else:
            cleanup = resolution.close()
            if cleanup is not None:
                await cleanup


class ProviderRecipe:
    """How a provider's value is made; compiled after the plan that asks for it, so that a circle can be broken."""

    def __init__(
        self,
        label: str,
        wanted: object,
        fresh: Callable[[], Planner],
        chain: list[str],
        asked: inspect.Parameter,
        asker: Callable[..., Any],
    ) -> None:
        self.label = label
        self.chain = chain
        self._asked = asked.name
        self._asker = asker
        self._wanted = wanted
        self._fresh = fresh
        self._named: dict[str, int] = {}
        self._fillable: list[tuple[int, Fillable]] = []

    def compile(self) -> None:
        """Compile the plan of the value; called once, by the injector."""
        planner = self._fresh()
        plan = planner.plan(returning(self._wanted, self.chain[0], self._asked, self._asker))
        self.compiled: tuple[Planner, Plan] = (planner, plan)
        for step in plan.steps:
            name = getattr(step.about, "name", None)
            if isinstance(name, str):
                self._named[name] = step.slot
            if isinstance(step.about, Fillable):
                self._fillable.append((step.slot, step.about))

    def fill(self, resolution: Resolution, root: object, parameters: dict[str, object]) -> None:
        """Put the caller's parameters where the plan would read them."""
        for name, value in parameters.items():
            if name in self._named:
                resolution.values[self._named[name]] = value
            elif not any(name in about.takes for _, about in self._fillable):
                known = ", ".join(
                    sorted({*self._named, *(name for _, about in self._fillable for name in about.takes)})
                )
                raise UsageError(f"Provider[{self.label}] takes no parameter {name!r}; it asks for: {known or 'none'}")
        for slot, about in self._fillable:
            given = {name: value for name, value in parameters.items() if name in about.takes}
            if given:
                resolution.values[slot] = about.make(root, given)

    def provider(self, resolution: Resolution) -> Provider[Any]:
        return Provider(self, resolution.values[0])


def returning(wanted: object, name: str, parameter: str, asker: Callable[..., Any]) -> Callable[[Any], Any]:
    """A function of one parameter that is annotated as wanted and gives it back; to messages it is who asked for it."""

    def value(value: Any) -> Any:
        return value

    made: Any = value  # the type checker knows no `__signature__` of a function
    made.__annotations__ = {parameter: wanted}
    made.__qualname__ = name
    made.__signature__ = inspect.Signature(
        [inspect.Parameter(parameter, inspect.Parameter.POSITIONAL_ONLY, annotation=wanted)]
    )
    code = getattr(unwrapped(asker), "__code__", value.__code__)
    value.__code__ = value.__code__.replace(co_filename=code.co_filename, co_firstlineno=code.co_firstlineno)
    return value
