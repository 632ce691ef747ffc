"""
What must be reached, as ratios within one run. `--check` holds a result to this table.

What they say of uvicorn's default is held against `pip install uvicorn`, which runs on asyncio and h11: the servers
called "bare". The same ratios with uvloop and httptools under both stand beside them, so that nobody mistakes the one
for the other; `--check` does not ask for them, nor for the moonshots.

A ratio is the median, over the rounds, of ours divided by theirs in that same round: both then had the same noise.
"""

from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.record import Figures, Result

MOONSHOT: Final = "moonshot"
UVLOOP: Final = "uvloop under both"


@dataclass(frozen=True, slots=True)
class Target:
    """The figure of `ours` in `work` is at most `most` times that of `theirs`, or `most` itself without `theirs`."""

    work: str
    ours: str
    theirs: str | None
    most: float
    figure: str = "cpu_us"
    beyond: str = ""
    """Why it is not asked for, where it is not."""


TARGETS: Final = (
    Target("echo", "apistar", "starlette-bare", 0.42),
    Target("echo", "apistar", "starlette", 0.42, beyond=UVLOOP),
    Target("echo", "apistar", "aiohttp", 0.85),
    Target("echo", "apistar", "picows", 1.15),
    Target("echo", "apistar", "c", 1.8, beyond=MOONSHOT),
    Target("echo", "apistar", "aiohttp", 1.0, figure="p99_us"),
    Target("echo", "apistar-uvicorn", "starlette", 1.0),
    Target("echo", "starlette-bare-ours", "starlette-bare", 0.6),
    Target("echo", "starlette-ours", "starlette", 0.6, beyond=UVLOOP),
    Target("typed", "apistar", "fastapi-bare", 0.36),
    Target("typed", "apistar", "fastapi", 0.36, beyond=UVLOOP),
    Target("typed", "apistar", "fastapi-bare", 0.30, beyond=MOONSHOT),
    Target("fan", "apistar", "starlette-bare", 0.5),
    Target("fan", "apistar", "starlette", 0.5, beyond=UVLOOP),
    Target("fan", "apistar", "aiohttp", 0.9),
    Target("fan", "apistar", "c", 1.4, beyond=MOONSHOT),
    Target("channel", "apistar", "litestar-bare", 0.27),
    Target("channel", "apistar", "litestar", 0.27, beyond=UVLOOP),
    Target("channel", "apistar", "starlette-bare", 0.55),
    Target("channel", "apistar", "starlette", 0.55, beyond=UVLOOP),
    Target("channel", "apistar", "c", 1.6),
    Target("churn", "apistar", "starlette-bare", 0.5),
    Target("churn", "apistar", "starlette", 0.5, beyond=UVLOOP),
    Target("churn", "apistar", "starlette-bare", 0.35, beyond=MOONSHOT),
    Target("churn-reset", "apistar", "starlette-bare", 0.5),
    Target("churn-reset", "apistar", "starlette", 0.5, beyond=UVLOOP),
    Target("churn-reset", "apistar", "starlette-bare", 0.35, beyond=MOONSHOT),
    Target("memory", "apistar", None, 9000, figure="bytes"),
    Target("memory", "apistar", None, 6000, figure="bytes", beyond=MOONSHOT),
    Target("large-binary", "apistar", "picows", 1.0),
    Target("large-text", "apistar", "picows", 1.0),
    Target("http", "apistar-uvicorn", "starlette", 1.0),
    Target("http", "apistar-uvicorn", "fastapi", 0.5),
)

# The price of typing: decode, validate and encode one message of three fields, above the raw socket.
MOST_TYPING_US: Final = 1.5


# One server against itself: work, the work that it is compared with, server, and the most of the ratio of medians.
OWN: Final = (
    ("channel-history", "channel", "apistar", 1.15),
    ("channel-burst", "channel", "apistar", 0.5),
)

# Of what is measured without a server: the figure's name, what it is, and at most how much.
ALONE: Final = (
    ("import_starlette.applications", "import apistar / import starlette.applications", 1.7),
    ("import_fastapi", "import apistar / import fastapi", 0.6),
    ("routing", "match among 10,000 routes / among 10, the worst kind of path", 2.0),
    ("documents_s", "both documents of 1,000 routes, seconds", 1.0),
)

NAMES: Final = {"cpu_us": "CPU", "p99_us": "p99", "bytes": "bytes"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target held against a result; `reached` is `None` where a server that was asked for gave no figure."""

    sentence: str
    reached: float | None
    most: float
    beyond: str = ""

    @property
    def passed(self) -> bool:
        """Say whether the target was measured and reached."""
        return self.reached is not None and self.reached <= self.most


def verdicts(result: Result) -> list[Verdict]:
    """Hold a result to every target whose work and servers were asked for."""
    found = []
    for target in TARGETS:
        names = [target.ours, *([target.theirs] if target.theirs else [])]
        if target.work not in result["works"] or not set(names) <= set(result["servers"]):
            continue
        sentence = f"{target.work}: {NAMES[target.figure]} of {' / '.join(names)}"
        rounds = [[one[target.figure] for one in _rounds(result, target.work, name)] for name in names]
        values = rounds[0] if len(rounds) == 1 else [mine / other for mine, other in zip(*rounds, strict=False)]
        found.append(Verdict(sentence, median(values) if values else None, target.most, target.beyond))
    if {"typed", "echo-text"} <= set(result["works"]) and "apistar" in result["servers"]:
        pairs = zip(_rounds(result, "typed", "apistar"), _rounds(result, "echo-text", "apistar"), strict=False)
        prices = [typed["cpu_us"] - raw["cpu_us"] for typed, raw in pairs]
        price = median(prices) if prices else None
        found.append(Verdict("typed - echo-text: CPU µs of apistar", price, MOST_TYPING_US))
    for work, other, server, most in OWN:
        if {work, other} <= set(result["works"]) and server in result["servers"]:
            mine, others = ([one["cpu_us"] for one in _rounds(result, name, server)] for name in (work, other))
            ratio = median(mine) / median(others) if mine and others else None
            found.append(Verdict(f"{work} / {other}: CPU of {server}", ratio, most))
    figures = result.get("figures", {})
    found += [Verdict(what, figures[name], most) for name, what, most in ALONE if name in figures]
    return found


def _rounds(result: Result, work: str, server: str) -> list[Figures]:
    measured = result["works"][work].get(server)
    return measured["rounds"] if measured else []
