"""
A result as it is kept: what was measured, by whom, on what machine; no name of a host, no path.

`python -m benchmarks.run --save NAME` writes one as JSON, `--again FILE` reads it.
"""

import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import TypeAlias, TypedDict

Figures: TypeAlias = dict[str, float]


class Measured(TypedDict):
    """One server in one work: the median of each figure, and each round's own."""

    median: Figures
    rounds: list[Figures]


class Result(TypedDict):
    """All of one run; `works` is work → server → what was measured, `figures` what was measured without a server."""

    date: str
    machine: dict[str, str | int]
    versions: dict[str, str]
    settings: dict[str, float]
    servers: list[str]
    works: dict[str, dict[str, Measured]]
    figures: dict[str, float]


def measured(rounds: list[Figures]) -> Measured:
    """Put a server's rounds together."""
    return {"median": {key: median(figures[key] for figures in rounds) for key in rounds[0]}, "rounds": rounds}


def machine() -> dict[str, str | int]:
    """Describe the machine: processor, cores, kernel, Python."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = sum(line.startswith("processor") for line in lines)
    kernel = ".".join(platform.release().split(".")[:2])
    processor = models[0] if models else platform.machine()
    return {"processor": processor, "cores": cores, "kernel": kernel, "python": platform.python_version()}


def installed(package: str) -> str:
    """Give the version of an installed package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def record(
    works: dict[str, dict[str, Measured]],
    servers: list[str],
    packages: Iterable[str],
    settings: Mapping[str, float],
    figures: Mapping[str, float] | None = None,
) -> Result:
    """Put what was measured into one record."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": {package: installed(package) for package in sorted({*packages, "uvloop", "httptools", "msgspec"})},
        "settings": dict(settings),
        "servers": servers,
        "works": works,
        "figures": dict(figures or {}),
    }
