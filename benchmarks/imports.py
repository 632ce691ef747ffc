"""
What an import costs: `python -m benchmarks.imports [--check] [--explain]`.

Each import runs in a fresh interpreter, the modules take turns, and the figure is the median of the CPU times that
the interpreter itself counted around the import. Their byte code is compiled beforehand. `--check` also sees that
`import apistar` leaves alone what only some applications use.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from rich.table import Table

from benchmarks.processes import ROOT, pinned, two_cores
from benchmarks.report import terminal

MODULES: Final = ("apistar", "starlette.applications", "fastapi", "litestar", "aiohttp.web")
MEASURE: Final = "import time; t = time.process_time_ns(); import {}; print(time.process_time_ns() - t)"
SOMETIMES: Final = (
    "a2wsgi click fastapi httpx jinja2 picows prometheus_client pydantic rich uvicorn uvloop websockets yaml"
)


@dataclass(frozen=True, slots=True)
class Limit:
    """`import apistar` takes at most `most` times what importing `module` takes."""

    module: str
    most: float


LIMITS: Final = (Limit("starlette.applications", 1.7), Limit("fastapi", 0.6))


def python(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a fresh interpreter with the project's sources on its path; it keeps byte code, whatever the shell says."""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run([sys.executable, *words], env=env, cwd="/", capture_output=True, text=True, check=True)


def import_ms(module: str) -> float:
    """Measure one import once."""
    return int(python("-c", MEASURE.format(module)).stdout) / 1e6


def measure(rounds: int, modules: Sequence[str]) -> list[dict[str, float]]:
    """Measure all imports in turns, each round every module once; milliseconds."""
    with pinned(two_cores()[0]):
        for module in modules:
            import_ms(module)
        return [{module: import_ms(module) for module in modules} for _ in range(rounds)]


def ratios(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Give the figures that are kept in a result: `import apistar` as a multiple of others'."""
    return {
        f"import_{limit.module}": median(one["apistar"] / one[limit.module] for one in rounds)
        for limit in LIMITS
        if {"apistar", limit.module} <= set(rounds[0])
    }


def needless() -> list[str]:
    """List what `import apistar` imported though no application that lacks it would miss it."""
    packages = "import sys, apistar; print(*{name.partition('.')[0] for name in sys.modules})"
    return sorted(set(SOMETIMES.split()).intersection(python("-c", packages).stdout.split()))


def explain() -> None:
    """Print the modules that `import apistar` spends the most time in, themselves and not what they import."""
    lines = python("-X", "importtime", "-c", "import apistar").stderr.splitlines()
    rows = [line.removeprefix("import time:").split("|") for line in lines if line.count("|") == 2][1:]
    table = Table("module", "own ms", title="import apistar", title_justify="left", title_style="bold")
    for own, _, name in sorted(rows, key=lambda row: -int(row[0]))[:25]:
        table.add_row(name.strip(), f"{int(own) / 1000:.1f}")
    terminal().print(table)


def main(words: list[str] | None = None) -> int:
    """Measure, print, check."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--modules", default=",".join(MODULES))
    parser.add_argument("--check", action="store_true", help="status 1 if `import apistar` takes more than it may")
    parser.add_argument("--explain", action="store_true", help="show where the time goes")
    options = parser.parse_args(words)
    modules = options.modules.split(",")
    rounds = measure(options.rounds, modules)
    table = Table(
        "module", "CPU ms", "from…to", title="import, in a fresh interpreter", title_justify="left", title_style="bold"
    )
    for module in sorted(modules, key=lambda name: median(one[name] for one in rounds)):
        times = [one[module] for one in rounds]
        table.add_row(module, f"{median(times):.1f}", f"{min(times):.1f}…{max(times):.1f}")
    terminal().print(table)
    passed = True
    found = ratios(rounds)
    for limit in LIMITS:
        ratio = found.get(f"import_{limit.module}")
        if ratio is not None:
            passed &= ratio <= limit.most
            word = "pass" if ratio <= limit.most else "FAIL"
            print(f"apistar / {limit.module}: {ratio:.2f}, at most {limit.most}: {word}")
    if options.explain:
        explain()
    if options.check:
        surplus = needless()
        print(f"imported needlessly: {', '.join(surplus) or 'nothing'}")
        return 0 if passed and not surplus else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
