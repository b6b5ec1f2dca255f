"""`firstry demo`: 24 hours of a simulated platform in about 15 seconds.

Ends by itself once everything is checked, and leaves nothing running; what it made stays in
one folder below `.firstry`.
"""

import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firstry.cli.output import Exit, Output
from firstry.config import SETTINGS
from firstry.config_source import PREFIX
from firstry.domain.errors import InputInvalid
from firstry.domain.instant import iso
from firstry.stores.clock import HostClock

if TYPE_CHECKING:
    from firstry.cli.demo_view import View
    from firstry.sim.demo_check import CheckedReport, Verdict
    from firstry.sim.demo_day import Stage
    from firstry.sim.demo_record import Tally

PARENT = Path(".firstry")
DEFAULT_SITES, MOST_SITES = 8, 200
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Played:
    """A demo that has come to its end: the simulated time that passed, and the real one."""

    folder: Path
    tenants: int
    passed: timedelta
    seconds: float
    tally: "Tally"
    verdict: "Verdict"


def demo(
    context: typer.Context,
    tenants: Annotated[
        int, typer.Option(min=1, max=MOST_SITES, help="How many sites; the peculiar ones first.")
    ] = DEFAULT_SITES,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave it serving at the end, until interrupted.")
    ] = False,
    exit_: Annotated[
        bool, typer.Option("--exit", help="End by itself at the end. This is the default.")
    ] = False,
) -> int:
    """Watch a day of reports being made, over real HTTP, on a real SQLite file.

    Exit 0 when every report is verified, 1 otherwise.
    """
    if keep and exit_:
        raise InputInvalid("--keep and --exit exclude each other", "leave one of them out")
    from firstry.cli.demo_view import View
    from firstry.sim.demo_service import ServiceDown

    output: Output = context.obj
    view = View(is_quiet=output.is_json)
    folder = _new_folder()
    try:
        with _ended_by_signals():
            return _perform(output, view, folder, tenants, keep=keep)
    except ServiceDown as down:
        output.fail("SERVICE_DOWN", str(down), f"{folder}/service.log names the cause")
        return Exit.UNAVAILABLE
    except KeyboardInterrupt:
        output.fail("INTERRUPTED", "interrupted", f"what was made so far lies in {folder}")
        return Exit.INTERRUPTED


def _perform(output: Output, view: "View", folder: Path, tenants: int, *, keep: bool) -> int:
    from firstry.sim.demo import play, staged
    from firstry.sim.demo_check import check

    unset = [PREFIX + setting.name for setting in SETTINGS]
    with staged(folder, tenants, unset) as stage:
        view.open(stage)
        began = time.monotonic()
        with view.running(stage):
            tally = play(stage, folder, view.hear)
        passed, seconds = stage.clock.now() - stage.start, time.monotonic() - began
        if not keep:
            stage.service.stop()
        played = Played(folder, tenants, passed, seconds, tally, check(folder))
        view.close(played, _command_name())
        if output.is_json:
            output.show(document_of(played, stage), "")
            sys.stdout.flush()
        if keep:
            return _serve_on(view, stage)
    return exit_of(played.verdict)


def exit_of(verdict: "Verdict") -> Exit:
    """Return the exit code that goes with a verdict."""
    return Exit.OK if verdict.is_sound else Exit.FINDING


def document_of(played: Played, stage: "Stage") -> dict[str, object]:
    """Return the demo as `--json` prints it."""
    verdict, tally, folder = played.verdict, played.tally, played.folder.resolve()
    return {
        "is_verified": verdict.is_sound,
        "reports_expected": len(verdict.reports),
        "reports_verified": verdict.verified,
        "faults": verdict.all_faults,
        "reports": [_report_json(report) for report in verdict.reports],
        "tenants": played.tenants,
        "ledgers_whole": verdict.whole_ledgers,
        "ledger_entries": verdict.entries,
        "started_at": iso(stage.start),
        "simulated_seconds": round(played.passed.total_seconds()),
        "seconds": round(played.seconds, 1),
        "ticks": tally.ticks,
        "duplicates": tally.duplicates,
        "duplicates_with_effect": tally.duplicates_with_effect,
        "retries": tally.retries,
        "unanswered": tally.unanswered,
        "kills": tally.kills,
        "slowest_answer_seconds": round(tally.slowest_seconds, 3),
        "answers": dict(sorted(tally.reasons.items())),
        "folder": str(folder),
        "database": str(folder / stage.database.name),
        "log": str(folder / stage.service.log.name),
    }


def _report_json(report: "CheckedReport") -> dict[str, object]:
    return {
        "report_id": report.report_id,
        "site": report.site,
        "cloud_id": report.cloud_id,
        "trigger": report.trigger,
        "attempts": report.attempts,
        "generated_at": iso(report.generated_at) if report.generated_at else None,
        "numbers": dict(report.numbers) if report.numbers else None,
        "digest": report.digest,
        "path": str(report.path.resolve()) if report.path else None,
        "is_verified": report.is_verified,
        "faults": list(report.faults),
    }


def _new_folder() -> Path:
    from firstry.sim.demo import new_folder

    try:
        return new_folder(PARENT, HostClock().now())
    except OSError as error:
        raise InputInvalid(
            f"no folder can be made below {PARENT} ({error.strerror})",
            "run it in a folder that you may write to",
        ) from None


def _serve_on(view: "View", stage: "Stage") -> int:
    """Let service and simulator run, by the host's time from now on, until interrupted."""
    stage.clock.advance_to(HostClock().now())
    view.tell_serving(stage)
    try:
        stage.service.wait_ended()
    except KeyboardInterrupt:
        view.tell_end()
        return Exit.INTERRUPTED
    return Exit.UNAVAILABLE


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Turn whatever asks us to end into an interrupt, so that we can tidy up.

    SIGINT too: a shell script starts what it puts into the background with it ignored. The
    others are passed on as SIGINT, which asyncio takes care of while it runs.
    """
    kept = {number: signal.getsignal(number) for number in ENDING_SIGNALS}
    for number in ENDING_SIGNALS:
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, action in kept.items():
            signal.signal(number, action or signal.SIG_DFL)


def _command_name() -> str:
    """Return how the reader calls this program: as short as it works from here."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m firstry"
    found = shutil.which(program.name)
    if found and Path(found).resolve() == program.resolve():
        return program.name
    is_near = program.is_absolute() and program.is_relative_to(Path.cwd())
    return shlex.quote(str(program.relative_to(Path.cwd()) if is_near else program))
