"""
The import graph of `src/apistar`, held to a table.

Layers point downwards only, vocabulary may be imported everywhere, and only a technology's own file imports that
technology. An import counts wherever it stands: at the top, in a function, or for type checking alone.

A new room is a new line in ROOMS: what may it know? A file's room is the longest name in the table that begins its
path, so a single file (`websocket/status.py`) can have a line of its own.
"""

from __future__ import annotations

import ast
import fnmatch
import graphlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest

SOURCE: Final = Path(__file__).parent.parent / "src" / "apistar"
MAX_LINES: Final = 500

VOCABULARY: Final = frozenset({"annotations", "exceptions", "limits", "log_text", "types", "observer"})
CONTRACTS: Final = frozenset({"transports.transport", "websocket.status"})
"""Files without behaviour that stand between two rooms: what a connection can do, and the names of the close codes."""

DISPATCHED: Final = frozenset(
    {"channels", "security", "routing", "injector", "components", "websocket", "http", "messages"}
)
BELOW_THE_APP: Final = DISPATCHED | {"dispatch", "schema", "docs", "transports"}

ROOMS: Final[dict[str, frozenset[str]]] = {
    # vocabulary
    "annotations": frozenset(),
    "log_text": frozenset(),
    "exceptions": frozenset(),
    "types": frozenset(),
    "observer": frozenset(),
    "limits": frozenset(),
    "websocket.status": frozenset(),
    "transports.transport": frozenset(),
    # from the bottom up: each may know what stands in its set, and the vocabulary
    "messages": frozenset(),
    "http": frozenset({"messages"}),
    "websocket": frozenset({"messages"}),
    "channels": frozenset({"messages", "websocket"}),
    "injector": frozenset(),
    "routing": frozenset({"messages"}),
    "components": frozenset({"channels", "injector", "routing", "websocket", "http", "messages"}),
    "security": frozenset(),
    "transports": frozenset(),
    "schema": frozenset({"channels", "routing", "injector", "components", "websocket", "http", "messages"}),
    "docs": frozenset({"schema", "routing", "http"}),
    "dispatch": DISPATCHED | {"transports"},
    "app": BELOW_THE_APP,
    "wsgi": BELOW_THE_APP | {"app"},
    "server": frozenset({"transports"}),
    # the edges
    "testing": frozenset({"http"}),
    "cli": BELOW_THE_APP | {"__init__", "app", "wsgi", "server", "testing"},
    "__main__": frozenset({"cli"}),
    "__init__": BELOW_THE_APP | {"app", "wsgi", "server", "testing"},
}

TECHNOLOGIES: Final[dict[str, tuple[str, ...]]] = {
    "picows": ("transports/picows_*.py",),
    "uvicorn": ("server/*.py",),
    "uvloop": (),
    "httptools": ("server/*.py",),
    "asyncpg": ("channels/postgresql_co*.py",),
    "redis": ("channels/redis*.py",),
    "click": ("cli/*.py",),
    "a2wsgi": ("wsgi.py",),
    "prometheus_client": ("server/metrics.py",),
    "httpx": ("testing/*.py",),
    "websockets": ("cli/client.py", "cli/handshake.py", "cli/session.py", "cli/ws.py"),
    "prompt_toolkit": ("cli/lines.py", "cli/screen.py"),
    "jinja2": (),
    "pydantic": ("messages/models.py", "messages/description.py", "messages/fault.py"),
    "python_multipart": ("http/multipart.py",),
    "watchfiles": (),
}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module: by whom (a path below SOURCE), in which line, and its whole name."""

    path: str
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.module}"


def module_of(path: Path) -> str:
    """The dotted name below `apistar`; a package has its folder's name, the package itself `__init__`."""
    parts = list(path.relative_to(SOURCE).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


@cache
def source_files() -> tuple[Path, ...]:
    return tuple(sorted(SOURCE.rglob("*.py")))


@cache
def internal_modules() -> frozenset[str]:
    return frozenset(module_of(path) for path in source_files())


def imports_of(path: Path) -> Iterator[Import]:
    name = path.relative_to(SOURCE).as_posix()
    package = ["apistar", *path.relative_to(SOURCE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(), name)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            for alias in node.names:
                inner = f"{module}.{alias.name}".removeprefix("apistar.")
                is_module = module.split(".")[0] == "apistar" and inner in internal_modules()
                yield Import(name, node.lineno, f"apistar.{inner}" if is_module else module)


@cache
def all_imports() -> tuple[Import, ...]:
    return tuple(found for path in source_files() for found in imports_of(path))


def room_of(module: str) -> str | None:
    """The longest name in ROOMS that begins this module's; nothing where the table has none."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in ROOMS:
            return name
    return None


def internal_imports() -> Iterator[tuple[Import, str, str]]:
    """Each import of one room by another: the import, who imports, what is imported."""
    for found in all_imports():
        if found.module != "apistar" and not found.module.startswith("apistar."):
            continue
        importer = room_of(module_of(SOURCE / found.path))
        imported = room_of(found.module.removeprefix("apistar").lstrip(".") or "__init__")
        if importer is not None and imported is not None and importer != imported:
            yield found, importer, imported


def test_every_file_belongs_to_a_room() -> None:
    strangers = [str(path) for path in source_files() if room_of(module_of(path)) is None]
    assert not strangers, f"not in the table of tests/test_layers.py: {strangers}"


def test_rooms_import_only_what_the_table_allows() -> None:
    wrong = [
        f"{found}, but {importer} may import {sorted(ROOMS[importer])} and vocabulary"
        for found, importer, imported in internal_imports()
        if imported not in VOCABULARY
        and imported not in CONTRACTS
        and imported not in ROOMS[importer]
        and importer.split(".")[0] != imported
    ]
    assert not wrong, "\n".join(wrong)


def test_vocabulary_imports_only_vocabulary() -> None:
    wrong = [
        str(found)
        for found, importer, imported in internal_imports()
        if importer in VOCABULARY | CONTRACTS and imported not in VOCABULARY
    ]
    assert not wrong, "\n".join(wrong)


def test_the_table_itself_points_downwards_only() -> None:
    """The rooms can be put in one order in which each knows only earlier ones; else this raises `CycleError`."""
    order = tuple(graphlib.TopologicalSorter(ROOMS).static_order())
    assert order.index("messages") < order.index("websocket") < order.index("app") < order.index("cli")


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_files_of_a_room_import_in_one_direction(room: str) -> None:
    """
    A circle in a room is two files that are one, or a contract that has no file of its own; else this raises
    `CycleError`. What a package re-exports stands above its files, and none of them asks it.
    """
    knows: dict[str, set[str]] = {}
    for found in all_imports():
        importer, imported = module_of(SOURCE / found.path), found.module.removeprefix("apistar.")
        if room_of(importer) == room and room_of(imported) == room and imported in internal_modules():
            knows.setdefault(importer, set()).add(imported)
    graphlib.TopologicalSorter(knows).prepare()


@pytest.mark.parametrize(
    ("room", "stranger"),
    [
        ("messages", "websocket"),
        ("messages", "transports"),
        ("websocket", "server"),
        ("websocket", "transports"),
        ("injector", "websocket"),
        ("injector", "http"),
        ("routing", "http"),
        ("server", "app"),
    ],
)
def test_room_knows_nothing_of(room: str, stranger: str) -> None:
    assert stranger not in ROOMS[room]


def test_contract_of_brokers_knows_no_broker_and_not_who_listens() -> None:
    """What `channels/broker.py` imports, and what that imports, never leads back to it."""
    known, new = set[str](), {"channels.broker"}
    while new:
        known |= new
        new = {
            found.module.removeprefix("apistar.")
            for found in all_imports()
            if module_of(SOURCE / found.path) in new and found.module.startswith("apistar.channels.")
        } - known
    assert known == {f"channels.{name}" for name in ("broker", "broker_url", "records", "schemes")}


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_technology_is_imported_by_its_own_files_only(technology: str) -> None:
    allowed = TECHNOLOGIES[technology]
    wrong = [
        f"{found}, which only {', '.join(allowed) or 'no file'} may"
        for found in all_imports()
        if found.module.split(".")[0] == technology
        and not any(fnmatch.fnmatchcase(found.path, pattern) for pattern in allowed)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_every_file_that_may_import_a_technology_does(technology: str) -> None:
    importers = {found.path for found in all_imports() if found.module.split(".")[0] == technology}
    unused = [pattern for pattern in TECHNOLOGIES[technology] if not fnmatch.filter(importers, pattern)]
    assert not unused, f"no file there imports {technology}: {unused}"


def test_no_file_is_longer_than_the_house_allows() -> None:
    long = {
        path.relative_to(SOURCE).as_posix(): lines
        for path in source_files()
        if (lines := len(path.read_text().splitlines())) > MAX_LINES
    }
    assert not long, f"over {MAX_LINES} lines; look for the second noun in each: {long}"


def test_init_files_only_re_export() -> None:
    """An `__init__.py` holds imports, `__all__`, and at most what loads names when they are first used."""
    wrong = [
        f"{path.relative_to(SOURCE)}:{node.lineno} defines class {node.name}"
        for path in source_files()
        if path.name == "__init__.py"
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    ]
    assert not wrong, "\n".join(wrong)
