"""
One SVG per work: a bar per server, the shortest first, API Star's own in colour.

Written by hand because it is a hundred lines: no dependency, text that stays text (selectable, read aloud), and one
file that follows the reader's light or dark scheme. The bars start at zero and share one linear scale.
"""

from html import escape
from math import floor, log10
from pathlib import Path
from statistics import quantiles
from typing import Final

from benchmarks.record import Result
from benchmarks.roster import SERVERS
from benchmarks.works import WORKS

OURS: Final = ("apistar", "apistar-uvicorn", "starlette-ours", "asgi-ours")
WIDTH, MARGIN, GAP, RIGHT, TOP, ROW, BAR, FOOT = 760, 24, 12, 84, 78, 32, 18, 58
CHARACTER: Final = 7.2
"""Of a name, in pixels: the mean of the widest font below."""
STYLE: Final = """
    .card { fill: #ffffff; stroke: #d9dee5 } .title { fill: #16202c; font-weight: 650; font-size: 17px }
    .note { fill: #5b6775; font-size: 12.5px } .name { fill: #2b3745; font-size: 13.5px } .grid { stroke: #e9edf2 }
    .value { fill: #2b3745; font-size: 13px; font-variant-numeric: tabular-nums } .ours { font-weight: 650 }
    .bar { fill: #b3bdc9 } .bar.ours { fill: #1f6feb } .bar.also { fill: #8db8f5 }
    .spread { stroke: #16202c; stroke-width: 1.5; opacity: .45 }
    text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif }
    @media (prefers-color-scheme: dark) {
      .card { fill: #12181f; stroke: #2c3640 } .title { fill: #eef2f6 } .note { fill: #95a3b2 }
      .name, .value { fill: #d3dbe4 }
      .grid { stroke: #222b34 } .bar { fill: #55616f } .bar.ours { fill: #4d94ff } .bar.also { fill: #2f5f9e }
      .spread { stroke: #eef2f6 }
    }"""


def _step(longest: float) -> float:
    """Choose the distance of the grid's lines: 1, 2 or 5 times a power of ten, at most six of them."""
    power = 10.0 ** floor(log10(longest / 5))
    return next(power * factor for factor in (1, 2, 5, 10) if longest / (power * factor) <= 6)


def _middle_half(values: list[float]) -> tuple[float, float]:
    """Give the first and third quartile; the whole range where there are too few values for quartiles."""
    if len(values) < 4:
        return min(values), max(values)
    first, _, third = quantiles(values, n=4)
    return first, third


def _number(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def draw(result: Result, name: str) -> str:
    """Draw one work of a result."""
    work, servers = WORKS[name], result["works"][name]
    figure = "bytes" if work.memory else "cpu_us"
    rows = sorted(servers.items(), key=lambda item: item[1]["median"][figure])
    spreads = {key: _middle_half([one[figure] for one in figures["rounds"]]) for key, figures in rows}
    longest = max(max(figures["median"][figure], spreads[key][1]) for key, figures in rows)
    left = MARGIN + round(max(len(SERVERS[key].title) for key, _ in rows) * CHARACTER) + GAP
    scale = (WIDTH - left - RIGHT) / longest
    height = TOP + ROW * len(rows) + FOOT
    what = f"bytes of memory per {work.operation}" if work.memory else f"server CPU per {work.operation}, µs"
    title = work.title[0].upper() + work.title[1:]
    reading = "; ".join(f"{SERVERS[key].title} {_number(figures['median'][figure])}" for key, figures in rows)
    machine = result["machine"]
    origin = f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}, {result['date']}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        f' role="img" aria-labelledby="title description">',
        f'<title id="title">{escape(title)}: {escape(what)}</title>',
        f'<desc id="description">{escape(reading)}</desc>',
        f"<style>{STYLE}\n</style>",
        f'<rect class="card" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="10"/>',
        f'<text class="title" x="{MARGIN}" y="35">{escape(title)}</text>',
        f'<text class="note" x="{MARGIN}" y="57">{escape(what)} (shorter is better)</text>',
    ]
    bottom, step = TOP + ROW * len(rows), _step(longest)
    for number in range(int(longest / step) + 1):
        x = left + number * step * scale
        lines.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" y2="{bottom}"/>')
        label = f"{number * step:,.10g}"
        lines.append(f'<text class="note" x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{label}</text>')
    for index, (key, figures) in enumerate(rows):
        y, value = TOP + ROW * index, figures["median"][figure]
        middle = y + ROW / 2
        kind = "ours" if key == "apistar" else "also" if key in OURS else ""
        low, high = (left + end * scale for end in spreads[key])
        who, length = escape(SERVERS[key].title), max(value * scale, 1)
        right, base = max(high, left + length) + 9, middle + 4.5
        lines += [
            f'<text class="name {kind}" x="{left - GAP}" y="{base}" text-anchor="end">{who}</text>',
            f'<rect class="bar {kind}" x="{left}" y="{middle - BAR / 2}" width="{length:.1f}" height="{BAR}" rx="3"/>',
            f'<text class="value {kind}" x="{right:.1f}" y="{base}">{_number(value)}</text>',
        ]
        if high > low:
            lines.append(f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>')
    rounds = max(len(figures["rounds"]) for _, figures in rows)
    told = f"Median of {rounds} interleaved rounds, thin line: their middle half. {origin}" if rounds > 1 else origin
    lines += [f'<text class="note" x="{MARGIN}" y="{height - 16}">{escape(told)}</text>', "</svg>"]
    return "\n".join(lines) + "\n"


def write(result: Result, folder: Path) -> None:
    """Write the drawings of all works of a result into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, servers in result["works"].items():
        if servers:
            (folder / f"{name}.svg").write_text(draw(result, name))
