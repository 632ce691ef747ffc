"""
The options of an application that no room of its own looks at: lists, texts, the observer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..exceptions import ConfigurationError
from ..observer import Observer


def listed(name: str, given: object) -> list[Any]:
    """
    The members of a list, whatever it is written as.

    Raises:
        ConfigurationError: If it is none; a text and a class are taken for one member that stands alone.
    """
    if not isinstance(given, Iterable) or isinstance(given, str | type):
        raise ConfigurationError(f"{name} must be a list, not {_written(given)}; write {name}=[…]")
    return list(given)


def check_texts(optional: bool, **given: object) -> None:
    """
    Check options by their names.

    Raises:
        ConfigurationError: If one is no text, nor `None` where it is `optional`.
    """
    for name, text in given.items():
        if not isinstance(text, str) and not (optional and text is None):
            raise ConfigurationError(f"{name} must be text{' or None' if optional else ''}, not {text!r}")


def check_observer(observer: object) -> None:
    """
    Raises:
        ConfigurationError: If it is none, or the class of one.
    """
    if observer is not None and not isinstance(observer, Observer):
        hint = f"; write {_written(observer)}()" if isinstance(observer, type) else ""
        raise ConfigurationError(f"observer must be an instance of Observer, not {_written(observer)}{hint}")


def _written(given: object) -> str:
    return given.__qualname__ if isinstance(given, type) else repr(given)
