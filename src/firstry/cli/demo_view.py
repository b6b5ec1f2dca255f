"""How the demo looks: a story in a terminal, plain lines in a pipe.

Every word is made from what was heard from the service or read from its database. Without a
terminal there are no colours, no moving line and no control codes.
"""

import io
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from firstry.cli.demo_line import Line, line_of, number_text, plural, stamp
from firstry.exports.key import FILE_NAME as KEYS_NAME
from firstry.sim.demo_check import PAGES_NAME, REPORTS_NAME, SUMS_NAME, CheckedReport
from firstry.sim.demo_day import DAY, Stage
from firstry.sim.demo_service import KEYS_PATH
from firstry.sim.demo_story import Now, Scene

if TYPE_CHECKING:
    from firstry.cli.demo import Played

WIDEST, ROOMY = 100, 90
CLOCK, SITE, SAID = 10, 9, 26
"""Widths of the columns of the story; its notes take the rest."""
FRAMES = 10
ASCII_MARKS = str.maketrans({"✓": "+", "✗": "x", "●": "*", "·": "-", "↳": ">"})
INTRODUCTION = """\
Forge and Jira are simulated. The service, HTTP, SQLite and the kill are real.
Time jumps from event to event, and runs 1:1 while a report is made."""


class View:
    """One demo on one console: stdout, or stderr where stdout is for a program."""

    def __init__(self, *, is_quiet: bool) -> None:
        stream = sys.stderr if is_quiet else sys.stdout
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a mark that cannot be shown is no reason to end
        width = min(Console(stderr=is_quiet).width, WIDEST)
        self._console = Console(stderr=is_quiet, highlight=False, width=width)
        self._stage: Stage | None = None
        self._now = ""

    def open(self, stage: Stage) -> None:
        """Show what is about to happen, and who takes part."""
        self._stage = stage
        title = f"\n[bold]firstry demo[/]  one day of {plural(len(stage.cast), 'Jira site')}\n"
        self._show(Text.from_markup(title))
        self._show(Text(INTRODUCTION, "dim"))
        self._head("the cast")
        cast = _grid(SITE)
        named = [member for member in stage.cast if member.is_named]
        for member in named:
            cast.add_row("", Text(member.name, "bold"), Text(member.sentence))
        if others := len(stage.cast) - len(named):
            cast.add_row("", Text("site-...", "bold"), Text(f"{others} more, healthy"))
        served = f"the service: pid {stage.service.pid} on {stage.service.base_url}"
        cast.add_row("", Text("firstry", "bold cyan"), Text(served))
        self._show(cast)
        self._head("the day")

    @contextmanager
    def running(self, stage: Stage) -> Iterator[None]:
        """Show a moving line with the simulated clock below the story."""
        live = Live(
            console=self._console,
            get_renderable=lambda: self._foot(stage),
            refresh_per_second=FRAMES,
            transient=True,
        )
        with live:
            yield

    def hear(self, scene: Scene) -> None:
        """Show one scene."""
        if isinstance(scene, Now):
            self._now = scene.text
            return
        assert self._stage is not None
        self._show(_row(line_of(scene, self._stage.start)))

    def close(self, played: "Played", command: str) -> None:
        """Show the verdict, the reports, and where to look next. The last line counts."""
        assert self._stage is not None
        verdict = played.verdict
        self._head("read back from the database file, and checked again")
        gap = 1 if self._console.width < ROOMY else 2
        self._show(_table_of(verdict.reports, self._stage.start, gap))
        self._show(Text())
        self._show(_facts_of(played))
        self._head("look around")
        self._show(_paths_of(played, self._stage))
        self._show(Text())
        for each in _commands_of(played, self._stage, command):
            self._show(Text(f"  {each}", "cyan"))
        self._show(Text())
        for fault in verdict.all_faults:
            self._show(Text(f"FAULT  {fault}", "bold red"))
        style = "bold green" if verdict.is_sound else "bold red"
        self._show(Text(f"{verdict.verified} of {len(verdict.reports)} reports verified", style))

    def tell_serving(self, stage: Stage) -> None:
        """Say what goes on running, and how it ends."""
        self._head("still serving, by this machine's clock; Ctrl-C ends it")
        for path in ("/readyz", KEYS_PATH):
            self._show(Text(f"  curl {stage.service.base_url}{path}", "cyan"))

    def tell_end(self) -> None:
        """Say that the service is being ended."""
        self._show(Text("\nended", "dim"))

    def _head(self, title: str) -> None:
        self._show(Text())
        self._show(Rule(Text(title, "bold"), align="left", style="dim"))

    def _show(self, what: RenderableType) -> None:
        """Print something. Text is never wrapped; a pipe gets no blanks at ends of lines."""
        is_text = isinstance(what, Text)
        if self._console.is_terminal:
            self._console.print(what, soft_wrap=is_text)
            return
        with self._console.capture() as captured:
            self._console.print(what, soft_wrap=is_text)
        is_unicode = self._console.encoding.startswith("utf")
        for line in captured.get().splitlines():
            plain = line.rstrip() if is_unicode else line.rstrip().translate(ASCII_MARKS)
            self._console.file.write(plain + "\n")
        self._console.file.flush()

    def _foot(self, stage: Stage) -> RenderableType:
        passed = max(timedelta(), stage.clock.now() - stage.start)
        bar = ProgressBar(DAY.total_seconds(), passed.total_seconds(), 30, complete_style="cyan")
        grid = _grid(CLOCK)
        grid.add_row("", Text(stamp(passed), "bold"), bar, Text(self._now, "cyan"))
        return Group("", grid)


def _grid(*widths: int) -> Table:
    """Return a table without lines: a mark, columns of these widths, and whatever follows."""
    grid = Table.grid(padding=(0, 1))
    for width in (1, *widths):
        grid.add_column(width=width, no_wrap=True)
    return grid


def _row(line: Line) -> Table:
    grid = _grid(CLOCK, SITE)
    grid.add_column(width=SAID)
    grid.add_row(
        Text(line.mark, line.style),
        Text(line.clock, "dim"),
        Text(line.site, "bold" if line.is_event else "dim"),
        Text(line.said, line.style),
        Text(line.note, "default" if line.is_event else "dim"),
    )
    return grid


def _table_of(reports: list[CheckedReport], start: datetime, gap: int) -> Table:
    table = Table(box=None, padding=(0, 0, 0, gap), header_style="dim")
    for title in ("site", "trigger", "tries", "made at", "projects", "issues", "fields"):
        is_number = title in ("tries", "projects", "issues", "fields")
        table.add_column(title, justify="right" if is_number else "left", no_wrap=True)
    table.add_column("SHA-256", no_wrap=True)
    table.add_column("", no_wrap=True)
    previous = ""
    for report in reports:
        numbers = report.numbers or {}
        counts = [
            number_text(numbers.get(name)) if report.numbers else "-"
            for name in ("projects_scanned", "issues_scanned", "fields_detected")
        ]
        table.add_row(
            Text(report.site if report.site != previous else "", "bold"),
            report.trigger,
            Text(_tries(report), "yellow" if report.attempts != 1 else "default"),
            stamp(report.generated_at - start) if report.generated_at else "-",
            *(Text(count, "yellow" if count == "not permitted" else "default") for count in counts),
            Text((report.digest or "-").removeprefix("sha256:")[:10], "dim"),
            _mark(report.is_verified),
        )
        previous = report.site
    return table


def _tries(report: CheckedReport) -> str:
    return "-" if report.attempts is None else str(report.attempts)


def _facts_of(played: "Played") -> Table:
    """Return what was verified, each with its mark, and what was counted."""
    tally, verdict = played.tally, played.verdict
    sites = len(verdict.sites)
    facts = _grid()
    facts.add_row(
        "",
        _mark(verdict.verified == len(verdict.reports)),
        f"{verdict.verified} of {len(verdict.reports)} reports: bytes, signature, ledger "
        "entry and numbers agree",
    )
    facts.add_row(
        "",
        _mark(verdict.whole_ledgers == sites),
        f"{verdict.whole_ledgers} of {sites} ledgers: {verdict.entries:,} entries, "
        "each hash follows from the one before",
    )
    hours, minutes = divmod(played.passed // timedelta(minutes=1), 60)
    counted = (
        (
            f"{plural(tally.ticks, 'tick')}, {plural(tally.retries, 'retry')}, "
            f"{plural(tally.duplicates, 'duplicate')} of which "
            f"{tally.duplicates_with_effect} had an effect"
        ),
        f"slowest answer {tally.slowest_seconds:.1f} s, and Forge waits 5 s",
        f"{hours} h {minutes} min in {played.seconds:.1f} s",
    )
    for text in counted:
        facts.add_row("", Text("·", "dim"), text)
    return facts


def _mark(is_good: bool) -> Text:
    return Text("✓", "bold green") if is_good else Text("✗", "bold red")


def _paths_of(played: "Played", stage: Stage) -> Table:
    folder, count = played.folder, len(played.verdict.reports)
    table = Table.grid(padding=(0, 2))
    table.add_row("", "reports", Text(f"{folder / REPORTS_NAME}/  {count} files, one a report"))
    table.add_row("", "pages", Text(f"{folder / PAGES_NAME}/  open one in a browser"))
    table.add_row("", "database", Text(str(folder / stage.database.name)))
    table.add_row("", "log", Text(str(folder / stage.service.log.name)))
    return table


def _commands_of(played: "Played", stage: Stage, command: str) -> list[str]:
    """Return commands that work as they stand, from the folder the demo was started in."""
    reports = shlex.quote(str(played.folder / REPORTS_NAME))
    first = played.verdict.reports[0]
    return [
        f"export FIRSTRY_DATABASE_URL=sqlite:///{played.folder / stage.database.name}",
        f"{command} tenants show {first.cloud_id}",
        f"{command} evidence list {first.cloud_id}",
        f"{command} verify {reports} --key {shlex.quote(str(played.folder / KEYS_NAME))}",
        f"(cd {reports} && sha256sum --check {SUMS_NAME})",
    ]
