"""A result as tables on the terminal."""

import sys

from rich.console import Console
from rich.table import Table

from benchmarks.record import Result
from benchmarks.roster import SERVERS
from benchmarks.targets import Verdict
from benchmarks.works import WORKS

NOISY = 0.05


def say(line: str) -> None:
    """Tell on standard error what is going on."""
    print(line, file=sys.stderr, flush=True)


def terminal() -> Console:
    """Give a console that is wide enough for the tables when its output goes to a file."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def tables(result: Result) -> None:
    """Print one table per work, the cheapest server first."""
    console = terminal()
    for name, servers in result["works"].items():
        work = WORKS[name]
        if not servers:
            continue
        title = f"{work.title}, per {work.operation}"
        table = Table(title=title, title_justify="left", title_style="bold")
        table.add_column("server", no_wrap=True)
        if work.memory:
            table.add_column("bytes", justify="right")
            for key, measured in sorted(servers.items(), key=lambda item: item[1]["median"]["bytes"]):
                style = "bold" if key == "apistar" else None
                table.add_row(SERVERS[key].title, f"{measured['median']['bytes']:,.0f}", style=style)
            console.print(table)
            continue
        for heading in ("CPU µs", "from…to", "a second", "p50 µs", "p99 µs", "p99.9 µs", "busy", "load", "noise"):
            table.add_column(heading, justify="right", no_wrap=True)
        for key, measured in sorted(servers.items(), key=lambda item: item[1]["median"]["cpu_us"]):
            figures, spread = measured["median"], [one["cpu_us"] for one in measured["rounds"]]
            table.add_row(
                SERVERS[key].title,
                f"{figures['cpu_us']:,.2f}",
                f"{min(spread):,.1f}…{max(spread):,.1f}",
                f"{figures['rate']:,.0f}",
                *(f"{figures[quantile]:,.0f}" for quantile in ("p50_us", "p99_us", "p999_us")),
                f"{figures['server_busy']:.0%}",
                f"{figures['load_busy']:.0%}",
                f"[red]{figures['waited']:.0%}[/red]" if figures["waited"] > NOISY else f"{figures['waited']:.0%}",
                style="bold" if key == "apistar" else None,
            )
        console.print(table)


def check(verdicts: list[Verdict]) -> bool:
    """Print every target that was asked for; say whether there are any, and all that must be reached are."""
    table = Table(title="targets", title_justify="left", title_style="bold")
    for heading in ("what", "reached", "at most", ""):
        table.add_column(heading, justify="left" if heading in ("what", "") else "right")
    for verdict in verdicts:
        missed = "[yellow]not yet[/yellow]" if verdict.beyond else "[red]FAIL[/red]"
        word = "[green]pass[/green]" if verdict.passed else missed
        reached = "not measured" if verdict.reached is None else f"{verdict.reached:,.2f}"
        what = verdict.sentence + (f" ({verdict.beyond})" if verdict.beyond else "")
        table.add_row(what, reached, f"{verdict.most:,.2f}", word)
    terminal().print(table)
    binding = [verdict for verdict in verdicts if not verdict.beyond]
    return bool(binding) and all(verdict.passed for verdict in binding)
