"""What the documentation claims in tables is what the code says."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from apistar import ASyncApp, WebSocket, exceptions
from apistar.limits import DEFAULTS
from apistar.observer import Observer
from apistar.server import run
from tests.test_layers import SOURCE

DOCS: Final = Path(__file__).parent.parent / "docs"
UNITS: Final = {"": 1, "KiB": 1024, "MiB": 1024 * 1024}


def rows(page: str) -> list[list[str]]:
    """The cells of every table row of a page whose first cell begins with code."""
    lines = (DOCS / page).read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]


def number(words: str) -> float | bool | None:
    if words in ("none", "off"):
        return None if words == "none" else False
    value, _, unit = words.replace(",", "").partition(" ")
    return float(value) * UNITS[unit]


def test_limits_page_names_every_field_and_its_default() -> None:
    documented = {row[0].strip("`"): number(row[1]) for row in rows("limits.md")}
    assert documented == DEFAULTS.fields()


def test_observer_page_names_every_method() -> None:
    documented = {row[0].strip("`").partition("(")[0] for row in rows("observability.md")}
    assert documented == {name for name in vars(Observer) if not name.startswith("_")}


def test_deployment_page_names_every_option_of_run() -> None:
    documented = {name for row in rows("deployment.md") for name in re.findall(r"`(\w+)`", row[0])}
    assert documented == set(inspect.signature(run).parameters) - {"app", "app_dir", "reload_dirs"}


def test_observability_page_names_the_series_of_the_metrics() -> None:
    from apistar.server.metrics import PrometheusObserver

    registry = CollectorRegistry()
    PrometheusObserver(registry)
    page = (DOCS / "observability.md").read_text()
    for line in page.partition("## Prometheus")[2].splitlines():
        for name in re.findall(r"(?:apistar_websocket|…)_\w+", line.partition("|")[2].partition("|")[0]):
            full = name.replace("…", "apistar_websocket").removesuffix("_total")
            assert full in {metric.name for metric in registry.collect()}


def test_websockets_page_names_only_what_the_socket_has() -> None:
    names = {
        name
        for row in rows("websockets.md")
        for name in re.findall(r"`(?:await )?(\w+)(?:\(.*?\))?`", row[0])
        if name != "async"
    }
    assert names
    missing = sorted(name for name in names if not hasattr(WebSocket, name))
    assert not missing


def test_pages_name_only_exceptions_that_exist() -> None:
    pattern = re.compile(r"`(?:\w+\.)?(\w*(?:Error|Disconnect|Exception|Full|Message|NotConnected|Receive))[`(]")
    elsewhere = {"Exception", "TimeoutError", "ZeroDivisionError"}
    found = {name for page in DOCS.glob("*.md") for name in pattern.findall(page.read_text())} - elsewhere
    assert {"InvalidMessage", "OutboxFull"} <= found
    assert not sorted(name for name in found if not hasattr(exceptions, name))


def test_http_page_names_every_exception_with_its_status() -> None:
    documented = dict(re.findall(r"`([A-Z]\w+)` \| ([45]\d\d) ", (DOCS / "http.md").read_text()))
    children = exceptions.HTTPException.__subclasses__()
    assert documented == {child.__name__: str(child.default_status) for child in children}


def test_application_page_options_exist() -> None:
    """Every `ASyncApp(option=…)` of the pages is a parameter."""
    found = {option for page in DOCS.glob("*.md") for option in re.findall(r"`ASyncApp\((\w+)=", page.read_text())}
    assert found
    assert found <= set(ASyncApp.__init__.__annotations__)


def test_examples_page_names_every_example() -> None:
    documented = {row[0].strip("`") for row in rows("examples.md")}
    assert documented == {path.name for path in (DOCS.parent / "examples").glob("[!_]*.py")}


def test_every_room_of_the_source_is_in_the_design_notes() -> None:
    notes = (DOCS / "design-notes.md").read_text()
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    missing = sorted(room for room in rooms if f"{room}/" not in notes)
    assert not missing


def test_conformance_page_counts_the_verdicts_that_are_kept() -> None:
    kept = json.loads((DOCS.parent / "tests" / "conformance" / "autobahn-verdicts.json").read_text())
    documented = {row[0].strip("`"): [int(cell) for cell in row[1:]] for row in rows("conformance.md")}
    good = ("OK/OK", "INFORMATIONAL/INFORMATIONAL", "NON-STRICT/OK")
    for target, verdicts in kept.items():
        counts = [list(verdicts.values()).count(verdict) for verdict in good]
        assert documented[target] == [len(verdicts), *counts, len(verdicts) - sum(counts)]
