"""`module:app`: what is found, and every sentence about what is not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from apistar import ASyncApp
from apistar.exceptions import ConfigurationError
from apistar.server import run
from apistar.server.application import BrokenModule, application_of

GOOD = """
from apistar import App, ASyncApp, Route, WebSocket

async def echo(ws: WebSocket):
    await ws.connect()

async def plain(scope, receive, send): ...

class PerConnection:
    def __init__(self, scope, receive, send): ...
    def __await__(self): ...

class Needy:
    def __init__(self, name, limit): ...
    def __call__(self, scope, receive, send): ...

def flask(environ, start_response): ...

def make():
    return app

async def make_async():
    return app

def make_nothing(): ...

def fail():
    raise LookupError("no settings")

def needs(settings): ...

app = ASyncApp([Route("/echo", handler=echo)])
admin = ASyncApp()
wsgi = App()
settings = {"debug": True}
import types
site = types.SimpleNamespace(app=app)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with modules, first on the path; nothing that was imported stays."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "chat.py").write_text(GOOD)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def refusal(where: str, factory: bool = False) -> str:
    with pytest.raises(ConfigurationError) as refused:
        application_of(where, factory=factory)
    return refused.value.detail


def broken(where: str, factory: bool = False) -> BrokenModule:
    with pytest.raises(BrokenModule) as refused:
        application_of(where, factory=factory)
    return refused.value


# Found


@pytest.mark.parametrize("where", ["chat:app", "chat:site.app", "chat:admin"])
def test_application_is_found(folder: Path, where: str) -> None:
    assert isinstance(application_of(where), ASyncApp)


@pytest.mark.parametrize("where", ["chat:plain", "chat:PerConnection"])
def test_any_asgi_application_is_found(folder: Path, where: str) -> None:
    assert callable(application_of(where))


def test_app_gives_its_asgi_face(folder: Path) -> None:
    assert isinstance(application_of("chat:wsgi"), ASyncApp)


def test_factory_is_called(folder: Path) -> None:
    assert isinstance(application_of("chat:make", factory=True), ASyncApp)


# Written wrongly


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("chat", "'chat' does not say which application: write chat:app"),
        ("chat.app", "'chat.app' does not say which application: write chat.app:app, or chat:app"),
        ("chat:", "'chat:' names no application: write module:app"),
        (":app", "':app' names no module: write module:app"),
        ("my-chat:app", "'my-chat' is no name of a Python module: write module:app"),
        ("chat:a b", "'a b' is no name of a Python application: write module:app"),
        ("./chat.py:app", "'./chat.py' is the path of a file, where a module is asked for: write chat:app"),
        ("chat.py", "'chat.py' is the path of a file, where a module is asked for: write chat:app"),
        (
            "demo/site.py:admin",
            "'demo/site.py' is the path of a file, where a module is asked for, and nothing is there: "
            "write demo.site:admin",
        ),
        (
            "my-demo/site.py:app",
            "'my-demo/site.py' is the path of a file, where a module is asked for, and nothing is there: "
            "write --app-dir my-demo site:app",
        ),
        (
            "../site.py",
            "'../site.py' is the path of a file, where a module is asked for, and nothing is there: "
            "write --app-dir .. site:app",
        ),
        ("demo/:app", "'demo/' is a path, where a module is asked for, and nothing is there: write demo:app"),
    ],
)
def test_what_is_no_module_and_attribute_is_told_what_to_write(folder: Path, where: str, sentence: str) -> None:
    assert refusal(where) == sentence


def test_absolute_path_is_told_as_a_module(folder: Path) -> None:
    path = folder / "chat.py"
    assert refusal(f"{path}:app") == (f"'{path}' is the path of a file, where a module is asked for: write chat:app")


# No such module


def test_missing_module_says_where_it_was_looked_for(folder: Path) -> None:
    assert refusal("shop:app") == (
        f"no module is named 'shop' in {folder} or among what is installed; "
        "start in the folder that holds it, or name that with --app-dir"
    )


def test_mistyped_module_is_told_the_right_one(folder: Path) -> None:
    assert refusal("chta:app") == f"no module is named 'chta' in {folder}; did you mean chat?"


def test_missing_module_of_a_package_says_so(folder: Path) -> None:
    (folder / "shop").mkdir()
    (folder / "shop" / "__init__.py").touch()
    (folder / "shop" / "orders.py").touch()
    assert refusal("shop.order:app") == f"no module is named 'shop.order' in {folder}/shop; did you mean shop.orders?"
    assert refusal("shop.zzz:app") == f"no module is named 'shop.zzz' in {folder}/shop"


def test_attribute_written_as_a_module_is_told_the_colon(folder: Path) -> None:
    assert refusal("chat.app:app") == (
        f"no module is named 'chat.app': {folder}/chat.py is a file, not a package; write chat:app"
    )


# No such application


def test_mistyped_attribute_is_told_the_right_one(folder: Path) -> None:
    assert refusal("chat:ap") == f"chat ({folder}/chat.py) has no 'ap'; did you mean chat:app?"


def test_missing_attribute_is_told_what_there_is(folder: Path) -> None:
    assert refusal("chat:zzzzzzzz") == (
        f"chat ({folder}/chat.py) has no 'zzzzzzzz'; it has chat:app, chat:admin, chat:wsgi"
    )


def test_module_without_application_is_told_to_make_one(folder: Path) -> None:
    (folder / "empty.py").touch()
    assert refusal("empty:app") == (
        f"empty ({folder}/empty.py) has no 'app', and no other application: "
        "assign one to a global name, app = ASyncApp(…)"
    )


@pytest.mark.parametrize(
    ("where", "factory", "sentence"),
    [
        ("chat:settings", False, "chat:settings is a dict, where an ASGI application is needed: app = ASyncApp(…)"),
        ("chat:types", False, "chat:types is a module, where an ASGI application is needed: app = ASyncApp(…)"),
        (
            "chat:make",
            False,
            "chat:make is a function that takes no arguments; if it makes the application, add --factory",
        ),
        (
            "chat:flask",
            False,
            "chat:flask is a function that takes two arguments, as a WSGI application does, where an ASGI application "
            "is needed: wrap it, app = a2wsgi.WSGIMiddleware(…)",
        ),
        (
            "chat:ASyncApp",
            False,
            "chat:ASyncApp is the class ASyncApp, where an ASGI application is needed: make an instance of it, "
            "app = ASyncApp(…)",
        ),
        (
            "chat:Needy",
            False,
            "chat:Needy is the class Needy, where an ASGI application is needed: make an instance of it, "
            "app = Needy(…)",
        ),
        (
            "chat:app",
            True,
            "chat:app takes arguments, and a factory is called without any; leave --factory out if it is the "
            "application",
        ),
        (
            "chat:settings",
            True,
            "chat:settings is a dict, which cannot be called; leave --factory out if it is the application",
        ),
        (
            "chat:make_nothing",
            True,
            "chat:make_nothing gave None, where an ASGI application is needed: app = ASyncApp(…)",
        ),
        ("chat:make_async", True, "the factory chat:make_async is async; make it a plain function"),
    ],
)
def test_what_is_no_application_says_what_it_is(folder: Path, where: str, factory: bool, sentence: str) -> None:
    assert refusal(where, factory) == sentence


# Modules that fail


def test_exception_of_a_module_shows_its_own_frames_only(folder: Path) -> None:
    (folder / "bad.py").write_text("def divide():\n    return 1 / 0\n\ndivide()\n")
    error = broken("bad:app")
    assert error.detail == "bad raised ZeroDivisionError while it was imported"
    assert error.report.splitlines()[0] == "Traceback (most recent call last):"
    assert [line for line in error.report.splitlines() if line.startswith("  File")] == [
        f'  File "{folder}/bad.py", line 4, in <module>',
        f'  File "{folder}/bad.py", line 2, in divide',
    ]
    assert error.report.endswith("ZeroDivisionError: division by zero")


def test_chained_exception_keeps_both_ends(folder: Path) -> None:
    (folder / "bad.py").write_text(
        "try:\n    import absent\nexcept ImportError as e:\n    raise ValueError('x') from e\n"
    )
    report = broken("bad:app").report
    assert "ModuleNotFoundError: No module named 'absent'" in report
    assert report.endswith("ValueError: x")
    assert "importlib" not in report


def test_syntax_error_shows_the_line(folder: Path) -> None:
    (folder / "bad.py").write_text("app = (\n")
    error = broken("bad:app")
    assert error.detail == "bad raised SyntaxError while it was imported"
    assert f'File "{folder}/bad.py", line 1' in error.report


def test_module_that_needs_what_is_not_installed_says_where_to_install_it(folder: Path) -> None:
    (folder / "bad.py").write_text("import absent\n")
    error = broken("bad:app")
    assert error.detail == f"bad needs 'absent', which is not installed for {sys.executable}"
    assert f'File "{folder}/bad.py", line 1' in error.report


def test_module_that_exits_is_told_about_main(folder: Path) -> None:
    (folder / "bad.py").write_text("import sys\nsys.exit(4)\n")
    assert broken("bad:app").detail == (
        "bad ended the process while it was imported (sys.exit(4)); "
        'put what a script does below `if __name__ == "__main__":`'
    )


def test_configuration_error_is_told_in_its_own_words_with_its_place(folder: Path) -> None:
    (folder / "bad.py").write_text("from apistar import Limits\n\nlimits = Limits(outbox_bytes=-1)\n")
    with pytest.raises(ConfigurationError) as own:
        from apistar import Limits

        Limits(outbox_bytes=-1)
    assert refusal("bad:app") == f"{own.value.detail} (at {folder}/bad.py:3)"


def test_exception_of_a_factory_is_told_as_such(folder: Path) -> None:
    error = broken("chat:fail", factory=True)
    assert error.detail == "the factory chat:fail raised LookupError"
    assert error.report.endswith("LookupError: no settings")


def test_what_is_no_application_is_not_served() -> None:
    with pytest.raises(
        ConfigurationError, match="app is 5, where an ASGI application is needed, or its name: 'module:app'"
    ):
        run(5)  # type: ignore[arg-type]  # the mistake that is tested
