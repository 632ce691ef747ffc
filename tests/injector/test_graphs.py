"""Random graphs: each dependency is resolved once, after what it needs, and cleaned up in reverse."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apistar.injector import Component, Injector


class Failure(Exception):
    pass


STYLES = ("sync", "async", "generator", "async generator")


@st.composite
def graphs(draw: st.DrawFn) -> list[tuple[str, list[int]]]:
    """Components by number; each needs some of those before it."""
    count = draw(st.integers(1, 12))
    return [
        (draw(st.sampled_from(STYLES)), draw(st.lists(st.integers(0, number - 1), unique=True)) if number else [])
        for number in range(count)
    ]


def built(graph: list[tuple[str, list[int]]], log: list[tuple[str, int]]) -> tuple[list[Component], list[type]]:
    types = [type(f"T{number}", (), {}) for number in range(len(graph))]

    def component(number: int, style: str, needs: list[int]) -> Component:
        def made(values: dict[str, Any]) -> Any:
            assert [type(values[f"n{need}"]) for need in needs] == [types[need] for need in needs]
            log.append(("up", number))
            return types[number]()

        def resolve(**values: Any) -> Any:
            return made(values)

        async def resolve_async(**values: Any) -> Any:
            return made(values)

        def resolve_generator(**values: Any) -> Iterator[Any]:
            try:
                yield made(values)
            except Failure:
                log.append(("failed", number))
                raise
            log.append(("down", number))

        async def resolve_async_generator(**values: Any) -> AsyncIterator[Any]:
            try:
                yield made(values)
            except Failure:
                log.append(("failed", number))
                raise
            log.append(("down", number))

        call: Any = dict(
            zip(STYLES, (resolve, resolve_async, resolve_generator, resolve_async_generator), strict=True)
        )[style]
        parameters = [
            inspect.Parameter(f"n{need}", inspect.Parameter.KEYWORD_ONLY, annotation=types[need]) for need in needs
        ]
        provided: Any = types[number]
        if style == "generator":
            provided = Iterator[provided]
        elif style == "async generator":
            provided = AsyncIterator[provided]
        call.__signature__ = inspect.Signature(parameters, return_annotation=provided)
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        call.__annotations__["return"] = provided
        instance = Component()
        instance.resolve = call
        return instance

    return [component(number, style, needs) for number, (style, needs) in enumerate(graph)], types


@given(graphs(), st.data())
async def test_graph_is_resolved_once_in_order_and_cleaned_up_in_reverse(
    graph: list[tuple[str, list[int]]], data: st.DataObject
) -> None:
    log: list[tuple[str, int]] = []
    components, types = built(graph, log)
    wanted = data.draw(st.lists(st.sampled_from(range(len(graph))), min_size=1, unique=True))
    order = data.draw(st.permutations(components))

    async def handler(**values: Any) -> None:
        assert [type(value) for value in values.values()] == [types[number] for number in wanted]
        log.append(("handler", -1))

    handler.__annotations__ = {f"w{number}": types[number] for number in wanted}
    # The type checker knows no signature of a function.
    handler.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(f"w{number}", inspect.Parameter.KEYWORD_ONLY, annotation=types[number]) for number in wanted]
    )
    program = Injector(order, []).program(object())
    plan = program.plan(handler)
    resolution = program.resolution(None)
    await resolution.run(plan)
    cleanup = resolution.close()
    if cleanup is not None:
        await cleanup

    ups = [number for what, number in log if what == "up"]
    needed = set(wanted)
    while more := {need for number in needed for need in graph[number][1]} - needed:
        needed |= more
    assert sorted(ups) == sorted(needed)
    for number in ups:
        assert all(ups.index(need) < ups.index(number) for need in graph[number][1])
    downs = [number for what, number in log if what == "down"]
    assert downs == [number for number in reversed(ups) if graph[number][0] in ("generator", "async generator")]
    assert log.index(("handler", -1)) == len(ups)


@given(graphs(), st.data())
async def test_graph_that_fails_anywhere_is_cleaned_up_as_far_as_it_came(
    graph: list[tuple[str, list[int]]], data: st.DataObject
) -> None:
    log: list[tuple[str, int]] = []
    components, types = built(graph, log)
    failing = data.draw(st.one_of(st.none(), st.sampled_from(range(len(graph)))))
    if failing is not None:
        sound = components[failing].resolve

        def fails(*args: Any, **values: Any) -> Any:
            raise Failure

        # The type checker knows no signature of a function.
        fails.__signature__ = inspect.signature(sound)  # type: ignore[attr-defined]
        fails.__annotations__ = dict(sound.__annotations__)
        if graph[failing][0].endswith("generator"):
            fails.__annotations__["return"] = types[failing]
        components[failing].resolve = fails
    wanted = data.draw(st.lists(st.sampled_from(range(len(graph))), min_size=1, unique=True))

    async def handler(**values: Any) -> None:
        raise Failure

    handler.__annotations__ = {f"w{number}": types[number] for number in wanted}
    # The type checker knows no signature of a function.
    handler.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(f"w{number}", inspect.Parameter.KEYWORD_ONLY, annotation=types[number]) for number in wanted]
    )
    program = Injector(components, []).program(object())
    plan = program.plan(handler)
    resolution = program.resolution(None)
    with pytest.raises(Failure) as failed:
        await resolution.run(plan)
    for _ in range(2):  # the second time there is nothing left to do
        cleanup = resolution.close(failed.value)
        if cleanup is not None:
            with contextlib.suppress(Failure):
                await cleanup
    ups = [number for what, number in log if what == "up"]
    seen = [number for what, number in log if what == "failed"]
    assert len(ups) == len(set(ups))
    assert failing not in ups
    assert seen == [number for number in reversed(ups) if graph[number][0] in ("generator", "async generator")]
