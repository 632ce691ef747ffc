"""
Whether what an application was given can be called as it will be called: found when it is built, not when it starts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..annotations import signature_of
from ..exceptions import ConfigurationError
from ..injector import name_of, where


def check_call(
    what: str, call: Callable[..., Any], positional: Sequence[str], named: Iterable[str] = (), *, hint: str = ""
) -> None:
    """
    Compare a call with a signature; of a callable that shows none nothing is known.

    Args:
        what: The callable is, for the error.
        positional: What the arguments that come first are called in the error.
        named: The names of the others.
        hint: What to write instead.

    Raises:
        ConfigurationError: With the call and the signature.
    """
    try:
        signature = signature_of(call)
    except (TypeError, ValueError):
        return
    named = tuple(named)
    try:
        signature.bind(*positional, **dict.fromkeys(named))
    except TypeError:
        name = name_of(call)
        written = ", ".join([*positional, *(f"{argument}=…" for argument in named)])
        raise ConfigurationError(
            f"{what} {name} ({where(call)}) is called as {name}({written}), and takes {_bare(signature)}"
            + (f"; {hint}" if hint else "")
        ) from None


def _bare(signature: inspect.Signature) -> inspect.Signature:
    """Without annotations, which may be long and say nothing here."""
    parameters = [parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=signature.empty)
