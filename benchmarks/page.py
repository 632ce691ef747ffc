"""
A result as a page of the documentation: tables in Markdown between two marks, and a drawing for each work.

`python -m benchmarks.run --again benchmarks/results/NAME.json --docs` writes it. What stands outside of the marks is
written by hand and stays.
"""

from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import plot
from benchmarks.record import Measured, Result
from benchmarks.report import NOISY
from benchmarks.roster import SERVERS
from benchmarks.targets import Verdict, verdicts
from benchmarks.works import WORKS

PAGE: Final = Path(__file__).parent.parent / "docs" / "benchmarks.md"
DRAWINGS: Final = PAGE.parent / "images" / "benchmarks"
BEGIN: Final = "<!-- results: written by python -m benchmarks.run --docs -->"
END: Final = "<!-- end of results -->"
DRAWN: Final = ("echo", "typed", "fan", "churn", "http", "memory")


def write(result: Result) -> None:
    """Put a result into the page, and draw its works."""
    text = PAGE.read_text()
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE.name} lacks the marks {BEGIN!r} and {END!r}")
    PAGE.write_text(f"{head}{BEGIN}\n\n{results(result)}\n{END}{tail}")
    plot.write(result, DRAWINGS)


def results(result: Result) -> str:
    """Write the part between the marks."""
    return "\n".join([*_origin(result), *_works(result), *_latencies(result), *_targets(result)])


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Write a table whose columns but the first are numbers."""
    lines = [head, ["---", *(["---:"] * (len(head) - 1))], *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines] + [""]


def _origin(result: Result) -> list[str]:
    machine, settings = result["machine"], result["settings"]
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    waited = [one["waited"] for work in result["works"].values() for each in work.values() for one in _timed(each)]
    noise = median(waited) if waited else 0.0
    verdict = "more than a quiet machine has" if noise > NOISY else "a quiet machine"
    return [
        f"Measured on {result['date']}: {machine['processor']}, {machine['cores']} cores, Linux {machine['kernel']}, "
        f"Python {machine['python']}; {settings['rounds']:.0f} interleaved rounds of {settings['seconds']} s, "
        f"{settings['sockets']:,.0f} idle connections. While a server was ready to run, another process had its core "
        f"for {noise:.0%} of the time ({verdict}).",
        "",
        f"Versions: {versions}.",
        "",
    ]


def _timed(each: Measured) -> list[dict[str, float]]:
    return [one for one in each["rounds"] if "waited" in one]


def _works(result: Result) -> list[str]:
    lines = ["### Server CPU per operation, µs", ""]
    works = [name for name in result["works"] if not WORKS[name].memory]
    rows = []
    for server in result["servers"]:
        cells = [result["works"][name].get(server) for name in works]
        row = [f"{each['median']['cpu_us']:,.1f}" if each else "–" for each in cells]
        rows.append([SERVERS[server].title, *row])
    lines += table(["server", *(f"`{name}`" for name in works)], rows)
    if memory := [name for name in result["works"] if WORKS[name].memory]:
        lines += ["### Memory of an idle connection, bytes", ""]
        rows = []
        for server in result["servers"]:
            cells = [result["works"][name].get(server) for name in memory]
            rows.append(
                [SERVERS[server].title, *(f"{each['median']['bytes']:,.0f}" if each else "–" for each in cells)]
            )
        lines += table(["server", *(f"`{name}`" for name in memory)], rows)
    for name in DRAWN:
        if result["works"].get(name):
            lines += [f"![{WORKS[name].title}](images/benchmarks/{name}.svg)", ""]
    return lines


def _latencies(result: Result) -> list[str]:
    lines = []
    for name in ("echo", "paced"):
        if servers := result["works"].get(name):
            lines += [f"### Latency: {WORKS[name].title}, µs", ""]
            rows = []
            for server, each in sorted(servers.items(), key=lambda item: item[1]["median"]["p99_us"]):
                figures = each["median"]
                quantiles = [f"{figures[key]:,.0f}" for key in ("p50_us", "p99_us", "p999_us")]
                shares = [f"{figures[key]:.0%}" for key in ("kernel", "waited")]
                rows.append([SERVERS[server].title, f"{figures['rate']:,.0f}", *quantiles, *shares])
            lines += table(
                ["server", "messages a second", "p50", "p99", "p99.9", "kernel's share of CPU", "noise"], rows
            )
    return lines


def _targets(result: Result) -> list[str]:
    rows = [
        [verdict.sentence, _number(verdict.reached), _number(verdict.most), _word(verdict)]
        for verdict in verdicts(result)
    ]
    return ["### Targets", "", *table(["what", "reached", "at most", ""], rows)]


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _word(verdict: Verdict) -> str:
    kind = f" ({verdict.beyond})" if verdict.beyond else ""
    return ("reached" if verdict.passed else "**missed**" if not verdict.beyond else "missed") + kind
