"""
Reading signatures: parameters with their annotations resolved, and what a component provides.

String annotations (`from __future__ import annotations`) are evaluated in the module of the callable, in what it
closes over, and in the namespace given (the function in which a route was written).
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

from ..annotations import annotations_of, is_union, names_later, signature_of
from ..exceptions import ConfigurationError


def unwrapped(call: Callable[..., Any]) -> Callable[..., Any]:
    """The function that is run in the end: without partials, bound methods and callable objects."""
    while True:
        if isinstance(call, functools.partial):
            call = call.func
        elif inspect.ismethod(call):
            call = call.__func__
        elif hasattr(call, "__wrapped__"):
            call = call.__wrapped__
        elif inspect.isfunction(call) or inspect.isclass(call):
            return call
        else:
            method = type(call).__call__
            if not inspect.isfunction(method):
                return call
            call = method


def where(call: Callable[..., Any]) -> str:
    """`file.py:12` of a callable, or its module where it has no source."""
    code = getattr(unwrapped(call), "__code__", None)
    if code is None:
        return getattr(call, "__module__", None) or "?"
    return f"{code.co_filename}:{code.co_firstlineno}"


def name_of(call: Callable[..., Any]) -> str:
    """The name by which messages call a callable."""
    function = call.func if isinstance(call, functools.partial) else call
    return str(getattr(function, "__qualname__", type(function).__qualname__)).split("<locals>.")[-1]


def parameters_of(call: Callable[..., Any], namespace: Mapping[str, Any] | None = None) -> list[inspect.Parameter]:
    """
    Parameters of a callable in order, with their annotations resolved.

    Left out is where nothing is injected: `*args` and `**kwargs`, and what a `functools.partial` gives by keyword.

    Raises:
        ConfigurationError: If an annotation names something that cannot be found.
    """
    try:
        signature = signature_of(call)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"the signature of {call!r} cannot be read: {error}") from None
    hints = hints_of(call, namespace)
    bound = call.keywords if isinstance(call, functools.partial) else {}
    return [
        parameter.replace(annotation=hints.get(parameter.name, parameter.annotation))
        for parameter in signature.parameters.values()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) and parameter.name not in bound
    ]


def hints_of(call: Callable[..., Any], namespace: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Resolved annotations of a callable, with `Annotated` kept.

    Raises:
        ConfigurationError: If an annotation names something that cannot be found.
    """
    function = unwrapped(call)
    if inspect.isclass(function):
        function = function.__init__
    annotations = annotations_of(function)
    if not any(map(names_later, annotations.values())):
        return {name: type(None) if hint is None else hint for name, hint in annotations.items()}
    owner = getattr(call, "__self__", None)
    known: dict[str, Any] = {**(namespace or {}), **getattr(owner, "namespace", {}), **_closure(function)}
    try:
        return typing.get_type_hints(function, localns=known, include_extras=True)
    except NameError as error:
        raise ConfigurationError(
            f"an annotation of {name_of(call)} ({where(call)}) cannot be resolved: {error}; "
            "define or import the name in the module of the function, outside of `if TYPE_CHECKING`"
        ) from None
    except Exception as error:
        raise ConfigurationError(
            f"an annotation of {name_of(call)} ({where(call)}) cannot be evaluated: {error}"
        ) from error


def _closure(function: Callable[..., Any]) -> dict[str, Any]:
    cells = getattr(function, "__closure__", None) or ()
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    known = {}
    for name, cell in zip(names, cells, strict=False):
        try:
            known[name] = cell.cell_contents
        except ValueError:  # a name that is assigned later
            continue
    return known


def yields(call: Callable[..., Any]) -> bool:
    """Whether a callable is a generator function, sync or async."""
    function = unwrapped(call)
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def is_context_manager(call: Callable[..., Any]) -> bool:
    """Whether `@contextmanager` or `@asynccontextmanager` stands above a generator function."""
    function = getattr(call, "__func__", call)
    written_in = getattr(function, "__globals__", {}).get("__name__")
    return hasattr(function, "__wrapped__") and written_in == contextlib.__name__


def words(annotation: Any) -> str:
    """An annotation as a person writes it."""
    if annotation is inspect.Parameter.empty:
        return "(no annotation)"
    if is_union(annotation):
        return " | ".join(words(member) for member in get_args(annotation))
    if isinstance(annotation, type) and not get_args(annotation):
        return "None" if annotation is type(None) else annotation.__qualname__.split("<locals>.")[-1]
    return _QUALIFIED.sub("", str(annotation))


_QUALIFIED: Final = re.compile(r"\b(?:[A-Za-z_]\w*\.(?:<locals>\.)?)+(?=[A-Za-z_])")
"""The module of a name, or the function in which it is local."""
