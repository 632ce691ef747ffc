"""
Parameters that are declared in the way of FastAPI, which looks like ours and means nothing here.

`user: User = Depends(get_user)` would give the handler the default as it stands, a mark and no user, without a question
asked of anybody. So such a parameter is refused when the application is built. Nothing of FastAPI is imported.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, get_args, get_origin

from ..annotations import bare
from ..exceptions import ConfigurationError
from .signature import name_of, where, words

_COMPONENT: Final = "write a Component whose resolve() returns {type}, and `{name}: {type}`"
_REMEDIES: Final[Mapping[str, str]] = {
    "Depends": _COMPONENT,
    "Security": _COMPONENT,
    "Header": "write `{name}: http.Header[{type}]`",
    "Cookie": "write `{name}: http.Cookie[{type}]`",
    "Body": "write `{name}: http.Body[{type}]`",
    "Form": "write `{name}: http.Body[…]` with a type that has this field",
    "File": "write `{name}: http.Body[…]` with a type that has this field",
}
_BY_NAME: Final = "write `{name}: {type}`, and Annotated[{type}, msgspec.Meta(…)] for its limits"


_ELSEWHERE: Final[Mapping[str, str]] = {
    "UploadFile": "a file is a field of a form: ask for http.Body[…] with a type that has a field of http.UploadFile",
    "BackgroundTasks": "return http.JSONResponse(…, background=BackgroundTask(…)), or ask for asyncio.TaskGroup",
    "BackgroundTask": "return http.JSONResponse(…, background=BackgroundTask(…)), or ask for asyncio.TaskGroup",
}
"""Classes of Starlette and FastAPI that nobody injects."""


def hint_of(wanted: object) -> str:
    """What to do in place of asking for something that others inject; nothing where they do not."""
    if isinstance(wanted, type):
        if issubclass(wanted, BaseException):
            return "ask for Exception, and look at which one it is"
        if wanted.__module__.partition(".")[0] in ("starlette", "fastapi"):
            return _ELSEWHERE.get(wanted.__name__, "")
    return ""


def refuse_foreign(parameter: inspect.Parameter, call: Callable[..., Any]) -> None:
    """
    Refuse a parameter whose default or metadata is a mark of FastAPI.

    Raises:
        ConfigurationError: With what to write.
    """
    metadata = get_args(parameter.annotation)[1:] if get_origin(parameter.annotation) is Annotated else ()
    for mark in (parameter.default, *metadata):
        kind = type(mark)
        if kind.__module__.partition(".")[0] != "fastapi":
            continue
        annotation = str if parameter.annotation is parameter.empty else bare(parameter.annotation)
        remedy = _REMEDIES.get(kind.__name__, _BY_NAME).format(name=parameter.name, type=words(annotation))
        raise ConfigurationError(
            f"parameter {parameter.name!r} of {name_of(call)} ({where(call)}) has FastAPI's {kind.__name__}(…), which "
            f"nothing reads here; {remedy}"
        )
