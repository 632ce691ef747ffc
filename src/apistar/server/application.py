"""
`module:app`: find the application that a command line or `run()` names.

Whatever is wrong is a `ConfigurationError` that says where it looked and what to write instead.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Final

from ..annotations import signature_of
from ..exceptions import ConfigurationError

PACKAGE: Final = str(Path(__file__).parent.parent) + os.sep
MAX_CANDIDATES: Final = 5
"""Names told to somebody who mistyped one."""


class BrokenModule(ConfigurationError):
    """
    The module was found, and raised an exception while it was imported.

    Attributes:
        report: The traceback from the module on, without the frames of whoever imported it.
    """

    def __init__(self, detail: str, report: str) -> None:
        self.report = report
        super().__init__(detail)


def application_of(where: str, *, factory: bool = False) -> Any:
    """
    Import the ASGI application at `"module:app"`; dots lead into attributes, `"module:site.app"`.

    An object that is a WSGI application and has an ASGI one as `asgi`, as an `App` has, gives the latter.

    Args:
        factory: What is named is called, without arguments, for the application.

    Raises:
        ConfigurationError: If there is no such module or attribute, or it is no application; with what to do.
        BrokenModule: If the module raises while it is imported, or the factory while it is called.
    """
    module_name, attributes = _split(where)
    found = _attribute(_module(module_name), module_name, attributes)
    if factory:
        found = _made(found, where)
    reason = _objection(found, factory)
    if reason is None:
        return found
    inner = getattr(found, "asgi", None)
    if inner is not None and not inspect.isclass(found) and _objection(inner, True) is None:
        return inner
    raise ConfigurationError(f"{where} {reason}")


# What was written


def _split(where: str) -> tuple[str, str]:
    module_name, colon, attributes = where.rpartition(":")
    if not colon:
        module_name, attributes = where, ""
    if "/" in where or os.sep in module_name or module_name.endswith(".py"):
        raise ConfigurationError(_path_instead(module_name, attributes or "app"))
    if not colon:
        package, _, last = where.rpartition(".")
        other = f", or {package}:{last}" if package else ""
        raise ConfigurationError(f"{where!r} does not say which application: write {where}:app{other}")
    for part, what in ((module_name, "module"), (attributes, "application")):
        if not all(name.isidentifier() for name in part.split(".")):
            named = f"{part!r} is no name of a Python {what}" if part else f"{where!r} names no {what}"
            raise ConfigurationError(f"{named}: write module:app")
    return module_name, attributes


def _path_instead(written: str, attributes: str) -> str:
    """What to write for somebody who wrote the path of a file."""
    path = Path(written)
    relative = Path(os.path.relpath(path)) if path.is_absolute() or ".." in path.parts else path
    parts = [*relative.parent.parts, relative.name.removesuffix(".py")]
    folders: list[str] = []
    while len(parts) > 1 and not all(part.isidentifier() for part in parts):
        folders.append(parts.pop(0))
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    option = f"--app-dir {Path(*folders)} " if folders else ""
    target = f"{option}{'.'.join(parts)}:{attributes}"
    problem = "is the path of a file" if path.suffix or path.is_file() else "is a path"
    exists = "" if path.exists() else ", and nothing is there"
    return f"{written!r} {problem}, where a module is asked for{exists}: write {target}"


# The module


def _module(name: str) -> ModuleType:
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ConfigurationError as error:
        place = _place(error.__traceback__)
        raise ConfigurationError(f"{error.detail}{f' (at {place})' if place else ''}") from error
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigurationError(_missing(error.name)) from None
        what = f"{name} needs {error.name!r}, which is not installed for {sys.executable}"
        raise BrokenModule(what, _report(error)) from error
    except SystemExit as error:
        raise BrokenModule(
            f"{name} ended the process while it was imported (sys.exit({error.code!r})); put what a script does below "
            '`if __name__ == "__main__":`',
            _report(error),
        ) from error
    except Exception as error:
        raise BrokenModule(f"{name} raised {type(error).__name__} while it was imported", _report(error)) from error


def _missing(name: str) -> str:
    """There is no such module: where it was looked for, and what is there."""
    parent, _, last = name.rpartition(".")
    if parent:
        package = sys.modules[parent]
        if not hasattr(package, "__path__"):
            return f"no module is named {name!r}: {package.__file__} is a file, not a package; write {parent}:{last}"
        folders = list(package.__path__)
    else:
        folders = [sys.path[0] or os.curdir]
    looked = os.path.abspath(folders[0]) if folders else parent
    close = difflib.get_close_matches(last, _modules_in(looked), n=1)
    if close:
        return f"no module is named {name!r} in {looked}; did you mean {f'{parent}.' if parent else ''}{close[0]}?"
    if parent:
        return f"no module is named {name!r} in {looked}"
    return (
        f"no module is named {name!r} in {looked} or among what is installed; "
        "start in the folder that holds it, or name that with --app-dir"
    )


def _modules_in(folder: str) -> list[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return []
    names = [entry.name.removesuffix(".py") for entry in entries if entry.name.endswith(".py") or entry.is_dir()]
    return [name for name in names if name.isidentifier()]


def _attribute(module: ModuleType, module_name: str, attributes: str) -> Any:
    found: Any = module
    for name in attributes.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            break
    else:
        return found
    file = getattr(module, "__file__", None)
    source = f" ({file})" if file else ""
    apps = [f"{module_name}:{candidate}" for candidate in _candidates(module)]
    close = difflib.get_close_matches(f"{module_name}:{attributes}", apps, n=1)
    if close:
        hint = f"; did you mean {close[0]}?"
    elif apps:
        hint = f"; it has {', '.join(apps[:MAX_CANDIDATES])}"
    else:
        hint = ", and no other application: assign one to a global name, app = ASyncApp(…)"
    raise ConfigurationError(f"{module_name}{source} has no {attributes!r}{hint}")


def _candidates(module: ModuleType) -> list[str]:
    """Global names whose values are called as ASGI applications are, and are no functions that happen to be."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, type)
        and callable(value)
        and (hasattr(value, "asgi") or inspect.iscoroutinefunction(type(value).__call__))
    ]


# The application


def _made(factory: Any, where: str) -> Any:
    if not callable(factory):
        raise ConfigurationError(
            f"{where} is {_described(factory)}, which cannot be called; leave --factory out if it is the application"
        )
    if not takes(factory, 0):
        raise ConfigurationError(
            f"{where} takes arguments, and a factory is called without any; leave --factory out if it is the "
            "application"
        )
    try:
        made = factory()
    except ConfigurationError as error:
        place = _place(error.__traceback__)
        raise ConfigurationError(f"{error.detail}{f' (at {place})' if place else ''}") from error
    except Exception as error:
        raise BrokenModule(f"the factory {where} raised {type(error).__name__}", _report(error)) from error
    if inspect.iscoroutine(made):
        made.close()
        raise ConfigurationError(f"the factory {where} is async; make it a plain function")
    return made


def _objection(found: Any, made: bool) -> str | None:
    """
    Why this is no ASGI application; `None` where it is one, or cannot be told from one.

    Args:
        made: By a factory, so that another one is no remedy.
    """
    verb = "gave" if made else "is"
    needed = "where an ASGI application is needed"
    if not callable(found):
        return f"{verb} {_described(found)}, {needed}: app = ASyncApp(…)"
    if inspect.isclass(found):
        if hasattr(found, "__await__") or (takes(found, 1) and not takes(found, 0)):
            return None  # one instance for each connection: ASGI 3 as Starlette's endpoints have it, and ASGI 2
        return f"{verb} the class {found.__name__}, {needed}: make an instance of it, app = {found.__name__}(…)"
    if takes(found, 3):
        return None
    if takes(found, 0) and not made:
        return f"is {_described(found)} that takes no arguments; if it makes the application, add --factory"
    if takes(found, 1):
        return None  # ASGI 2
    if takes(found, 2):
        return (
            f"{verb} {_described(found)} that takes two arguments, as a WSGI application does, {needed}: "
            "wrap it, app = a2wsgi.WSGIMiddleware(…)"
        )
    return f"{verb} {_described(found)}, {needed}: one is called with scope, receive and send"


def takes(function: Callable[..., Any], arguments: int) -> bool:
    """Whether it can be called with so many arguments; what has no signature (in C, say) can be."""
    try:
        signature_of(function).bind(*range(arguments))
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _described(found: Any) -> str:
    if found is None:
        return "None"
    if inspect.ismodule(found):
        return "a module"
    if inspect.isfunction(found):
        return "a function"
    name = type(found).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


# Tracebacks


def _report(error: BaseException) -> str:
    """The traceback as the module's author needs it: their frames and what they called, not who imported them."""
    report = traceback.TracebackException.from_exception(error, compact=True)
    for one in _chain(report):
        frames = [frame for frame in one.stack if not _importing(frame.filename)]
        one.stack = traceback.StackSummary.from_list(frames)
    return "".join(report.format()).rstrip("\n")


def _chain(report: traceback.TracebackException | None) -> Iterator[traceback.TracebackException]:
    while report is not None:
        yield report
        report = report.__cause__ or report.__context__


def _importing(filename: str) -> bool:
    return filename == __file__ or filename.startswith("<frozen importlib") or filename == importlib.__file__


def _place(found: TracebackType | None) -> str | None:
    """File and line of the innermost frame that is the user's own."""
    place = None
    for frame, line in traceback.walk_tb(found):
        file = frame.f_code.co_filename
        if not file.startswith(("<", PACKAGE)) and not _importing(file):
            place = f"{file}:{line}"
    return place
