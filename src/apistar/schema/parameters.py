"""
The parameters of a route in its description: what its plan reads of path, query, headers and cookies.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ..annotations import optional_of
from ..components.parameters import ParameterInfo
from ..injector import Step
from ..messages.docstring import Docstring
from ..messages.spelling import strip
from ..routing.path import Path
from .contents import Types
from .reference import Outcome, Parameter
from .topics import channels_of


def parameters_of(
    types: Types, steps: Sequence[tuple[Step, bool]], docstrings: Iterable[Docstring], path: Path
) -> tuple[Parameter, ...]:
    """
    What a client passes to one route: each parameter once, however many ask for it.

    Args:
        types: Where the types of the parameters are described.
        steps: Of every plan of the route, and whether each runs on demand only; what is needed on demand is optional.
        docstrings: Of those who take parameters; the first that says something of one is shown.
    """
    described: dict[str, str] = {}
    for docstring in docstrings:
        for name, text in docstring.entries.get("Args", {}).items():
            described.setdefault(name.replace("_", "-").lower(), text)
    found: dict[tuple[str, str], tuple[ParameterInfo, bool]] = {}
    for step, on_demand in steps:
        if isinstance(info := step.about, ParameterInfo):
            _, required = found.get((info.place, info.name), (info, False))
            found[info.place, info.name] = (info, required or (info.required and not on_demand))
    for channel in channels_of(steps):
        for name in channel.takes:
            if name not in channel.missing:
                found.setdefault(("path", name), (ParameterInfo(name, "path", str, required=True), True))
    return tuple(
        _parameter(types, info, required, described.get(info.name.replace("_", "-").lower(), ""), path)
        for info, required in found.values()
    )


def parameter_denials(parameters: Sequence[Parameter]) -> Iterator[Outcome]:
    """How a request is refused whose parameters are missing or wrong."""
    if any(parameter.place != "path" for parameter in parameters):
        yield Outcome(400, "a parameter is missing or does not fit its type")
    in_path = [parameter for parameter in parameters if parameter.place == "path"]
    if any(parameter.converted for parameter in in_path):
        yield Outcome(404, "a parameter of the path does not fit its type")
    elif in_path:
        yield Outcome(404, "a parameter of the path has control characters, or is a dot segment")


def _parameter(types: Types, info: ParameterInfo, required: bool, description: str, path: Path) -> Parameter:
    extra: dict[str, object] = {}
    if info.default is not inspect.Parameter.empty and info.default is not None:
        with contextlib.suppress(TypeError, ValueError):  # a default that has no JSON form is not shown
            extra["default"] = msgspec.to_builtins(info.default, str_keys=True)
    schema = types.incoming(_written(info.annotation), **extra)
    in_path = info.place == "path"
    return Parameter(
        info.name,
        info.place,
        schema,
        required or in_path,
        description,
        converted=in_path and _may_not_fit(info.annotation),
        rest=any(segment.rest and segment.text == info.name for segment in path.segments),
    )


def _may_not_fit(annotation: object) -> bool:
    """Whether some texts are no value of a type."""
    limits = ("pattern", "min_length", "max_length")
    constraints = [extra for extra in getattr(annotation, "__metadata__", ()) if isinstance(extra, msgspec.Meta)]
    limited = any(getattr(meta, limit) is not None for meta in constraints for limit in limits)
    return strip(annotation) is not str or limited


def _written(annotation: object) -> object:
    """The type of a parameter that is there: nothing on the wire says `None`."""
    return optional_of(annotation) or annotation
