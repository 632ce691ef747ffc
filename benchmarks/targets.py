"""
What must be reached, as ratios within one run. `--check` holds a result to this table.

A ratio is the median, over the rounds, of ours divided by theirs in that same round: both then had the same noise.
"""

from dataclasses import dataclass
from statistics import median
from typing import Final


@dataclass(frozen=True, slots=True)
class Target:
    """The figure of `ours` in `work` is at most `most` times that of `theirs`, or `most` itself without `theirs`."""

    work: str
    ours: str
    theirs: str | None
    most: float
    figure: str = "cpu_us"
    moonshot: bool = False


TARGETS: Final = (
    Target("echo", "apistar", "starlette", 0.42),
    Target("echo", "apistar", "aiohttp", 0.85),
    Target("echo", "apistar", "picows", 1.15),
    Target("echo", "apistar", "c", 1.8, moonshot=True),
    Target("echo", "apistar", "aiohttp", 1.0, figure="p99_us"),
    Target("echo", "apistar-uvicorn", "starlette", 1.0),
    Target("echo", "starlette-ours", "starlette", 0.6),
    Target("typed", "apistar", "fastapi", 0.36),
    Target("typed", "apistar", "fastapi", 0.30, moonshot=True),
    Target("fan", "apistar", "starlette", 0.5),
    Target("fan", "apistar", "aiohttp", 0.9),
    Target("fan", "apistar", "c", 1.4, moonshot=True),
    Target("churn", "apistar", "starlette", 0.5),
    Target("churn", "apistar", "starlette", 0.35, moonshot=True),
    Target("churn-reset", "apistar", "starlette", 0.5),
    Target("churn-reset", "apistar", "starlette", 0.35, moonshot=True),
    Target("memory", "apistar", None, 9000, figure="bytes"),
    Target("memory", "apistar", None, 6000, figure="bytes", moonshot=True),
    Target("large-binary", "apistar", "picows", 1.0),
    Target("large-text", "apistar", "picows", 1.0),
    Target("http", "apistar-uvicorn", "starlette", 1.0),
    Target("http", "apistar-uvicorn", "fastapi", 0.5),
)

# The price of typing: decode, validate and encode one message of three fields, above the raw socket.
MOST_TYPING_US: Final = 1.5


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target held against a result."""

    sentence: str
    reached: float
    most: float
    passed: bool
    moonshot: bool


def verdicts(works: dict[str, dict[str, dict]]) -> list[Verdict]:
    """Hold a result's works to every target whose work and servers were measured."""
    found = []
    for target in TARGETS:
        rounds = works.get(target.work, {})
        ours, theirs = rounds.get(target.ours), rounds.get(target.theirs or target.ours)
        if ours is None or theirs is None:
            continue
        name = {"cpu_us": "CPU", "p99_us": "p99", "bytes": "bytes"}[target.figure]
        if target.theirs is None:
            value, sentence = ours[target.figure], f"{target.work}: {name} of {target.ours}"
        else:
            pairs = zip(ours["rounds"], theirs["rounds"], strict=False)
            value = median(mine[target.figure] / other[target.figure] for mine, other in pairs)
            sentence = f"{target.work}: {name} of {target.ours} / {target.theirs}"
        found.append(Verdict(sentence, value, target.most, value <= target.most, target.moonshot))
    typed, raw = works.get("typed", {}).get("apistar"), works.get("echo-text", {}).get("apistar")
    if typed and raw:
        price = median(a["cpu_us"] - b["cpu_us"] for a, b in zip(typed["rounds"], raw["rounds"], strict=False))
        sentence = "typed - echo-text: µs of CPU of apistar"
        found.append(Verdict(sentence, price, MOST_TYPING_US, price <= MOST_TYPING_US, moonshot=False))
    return found
