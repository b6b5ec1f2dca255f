"""What needs attention: what, why, since when, and what to do about it.

Pure: an overview in, concerns out, the most pressing first. Alerts are the same
concerns under the same codes. Each count can be seen with the filter beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from firstry.domain.display import counted
from firstry.domain.filter_text import print_span
from firstry.domain.flag import GENERATION
from firstry.domain.phase import Phase
from firstry.insight.overview import LATE, Overview

FEWEST_ATTEMPTS = 5
STALLED = timedelta(minutes=10)
FEWEST_ALIKE = 5
SILENT = timedelta(hours=3)
"""The platform ticks for each site once an hour."""
OFF_LONG = timedelta(days=30)


class Code(StrEnum):
    """Every concern there is. docs/api.md tells each with its remedy."""

    CLOCK_BEHIND = "CLOCK_BEHIND"
    SCHEDULER_STALLED = "SCHEDULER_STALLED"
    FAILURE_RATE = "FAILURE_RATE"
    BACKOFF_LONG = "BACKOFF_LONG"
    MILESTONES_DISCARDED = "MILESTONES_DISCARDED"
    MILESTONES_MISSED = "MILESTONES_MISSED"
    REPORTS_LATE = "REPORTS_LATE"
    VAULT_DRY = "VAULT_DRY"
    FAILING_ALIKE = "FAILING_ALIKE"
    TICKS_SILENT = "TICKS_SILENT"
    SWITCHED_OFF = "SWITCHED_OFF"
    SWITCHED_OFF_LONG = "SWITCHED_OFF_LONG"
    PLAN_OUTDATED = "PLAN_OUTDATED"
    ERASURE_LATE = "ERASURE_LATE"


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that somebody has to look at.

    `filter_text` shows the tenants, None where it is about none in particular;
    `act` is the bulk act that may mend it. `subject` tells concerns of one code apart.
    """

    code: Code
    what: str
    why: str
    remedy: str
    count: int
    since: datetime | None = None
    filter_text: str | None = None
    act: str | None = None
    subject: str = ""

    @property
    def command(self) -> str:
        """The command that mends it, or that shows whom it is about."""
        if self.act is not None:
            whom = f'--filter "{self.filter_text}" --all-matching'
            return f'firstry tenants {self.act} {whom} --reason "..."'
        return _COMMANDS[self.code].format(self.subject)


_COMMANDS = {
    Code.CLOCK_BEHIND: "firstry doctor",
    Code.SCHEDULER_STALLED: "firstry serve --role worker",
    Code.REPORTS_LATE: "firstry serve --role worker",
    Code.VAULT_DRY: 'firstry tenants list --filter "tick>2h"',
    Code.TICKS_SILENT: 'firstry tenants list --filter "tick>2h"',
    Code.SWITCHED_OFF_LONG: "firstry flags list",
    Code.SWITCHED_OFF: 'firstry flags set {} on --reason "..."',
    Code.PLAN_OUTDATED: "firstry config plan",
    Code.ERASURE_LATE: "firstry worker --once",
}
"""Of the concerns that no act on tenants mends."""


def concerns(seen: Overview) -> list[Concern]:
    """Return everything that needs attention, in the order of `Code`."""
    found = [
        *_clock(seen),
        *_stalled(seen),
        *_failure_rate(seen),
        *_long_backoff(seen),
        *_ended(seen),
        *_late(seen),
        *_dry(seen),
        *_alike(seen),
        *_silent(seen),
        *_switched_off(seen),
        *_off_long(seen),
        *_outdated(seen),
        *_kept_too_long(seen),
    ]
    rank = list(Code)
    return sorted(found, key=lambda each: (rank.index(each.code), -each.count, each.subject))


def _clock(seen: Overview) -> Iterator[Concern]:
    if seen.is_clock_behind:
        yield Concern(
            Code.CLOCK_BEHIND,
            "nothing is claimed",
            "the clock lies behind what the store has seen",
            "set the host's clock, on PostgreSQL the server's; `firstry doctor` says by how "
            "much it is wrong",
            1,
        )


def _stalled(seen: Overview) -> Iterator[Concern]:
    """Milestones that might be claimed are left, so nobody claims."""
    if seen.is_clock_behind or _is_generation_off(seen) or seen.lag() <= STALLED:
        return
    count = seen.count(Phase.DUE, is_paused=False)
    yield Concern(
        Code.SCHEDULER_STALLED,
        counted(
            count,
            "report could be made and nobody makes it",
            "reports could be made and nobody makes them",
        ),
        f"the oldest has waited for {_span(seen.lag())}",
        "look whether a worker runs: firstry serve --role worker; its log says why if it does",
        count,
        seen.at - seen.lag(),
        "state=due paused=no",
    )


def _failure_rate(seen: Overview) -> Iterator[Concern]:
    failed, all_ = seen.failure_rate("1h")
    if all_ < FEWEST_ATTEMPTS or failed <= all_ * seen.failure_share:
        return
    since = min((group.first_at for group in seen.failures), default=None)
    yield Concern(
        Code.FAILURE_RATE,
        f"{failed} of {all_} attempts failed within an hour",
        _largest(seen),
        "mend the cause that most have in common, then retry them all",
        failed,
        since,
        "state=backoff",
        "retry",
    )


def _long_backoff(seen: Overview) -> Iterator[Concern]:
    waiting = [t for t in seen.tally if t.phase is Phase.BACKOFF and t.over]
    count = sum(each.over for each in waiting)
    if count:
        longest = max(each.longest_wait for each in waiting if each.longest_wait is not None)
        limit = print_span(seen.long_backoff)
        yield Concern(
            Code.BACKOFF_LONG,
            counted(count, "milestone waits", "milestones wait") + f" longer than {limit}",
            f"they failed several times in a row; the longest waits for {_span(longest)}",
            "read why, mend it, and retry them now",
            count,
            min((each.since for each in waiting if each.since is not None), default=None),
            f"backoff>{limit}",
            "retry",
        )


def _ended(seen: Overview) -> Iterator[Concern]:
    discarded, missed = seen.count(Phase.DISCARDED), seen.count(Phase.MISSED)
    if discarded:
        yield Concern(
            Code.MILESTONES_DISCARDED,
            counted(discarded, "report is given up", "reports are given up"),
            "all their attempts failed",
            "read why, mend it, and reset them: revision n+1 is made, n stays",
            discarded,
            None,
            "state=discarded",
            "reset",
        )
    if missed:
        yield Concern(
            Code.MILESTONES_MISSED,
            counted(
                missed, "report was not made in its time", "reports were not made in their time"
            ),
            "their windows ended before an attempt succeeded",
            "if they are still wanted, reset them: revision n+1 has no window",
            missed,
            None,
            "state=missed",
            "reset",
        )


def _late(seen: Overview) -> Iterator[Concern]:
    late = [
        each
        for each in seen.tally
        if each.phase in (Phase.DUE, Phase.DEFERRED) and each.late and not each.is_paused
    ]
    count = sum(each.late for each in late)
    if count:
        limit = print_span(LATE)
        yield Concern(
            Code.REPORTS_LATE,
            counted(count, "report is late", "reports are late") + f" by more than {limit}",
            "there is more to do than is done, or the platform's quota is used up",
            "start another worker; if they are deferred, see what Jira says of its rate limit",
            count,
            min((each.earliest_due_at for each in late if each.earliest_due_at), default=None),
            f"state=due,deferred late>{limit} paused=no",
        )


def _dry(seen: Overview) -> Iterator[Concern]:
    """Due, and no living token: the platform's ticks do not come or bring none."""
    waiting = [t for t in seen.tally if t.phase is Phase.WAITING and not t.is_paused and t.late]
    count = sum(each.late for each in waiting)
    if count:
        limit = print_span(LATE)
        yield Concern(
            Code.VAULT_DRY,
            counted(count, "report waits for a token", "reports wait for a token"),
            "no tick has brought a token that lives long enough",
            "see whether ticks arrive (filter tick>2h), and the scopes of the app's manifest",
            count,
            min((each.earliest_due_at for each in waiting if each.earliest_due_at), default=None),
            f"state=waiting late>{limit} paused=no",
        )


def _alike(seen: Overview) -> Iterator[Concern]:
    for group in seen.failures:
        if group.count >= FEWEST_ALIKE:
            yield Concern(
                Code.FAILING_ALIKE,
                counted(group.count, "milestone fails", "milestones fail alike")
                + f": {group.code}",
                group.message,
                "one cause for all of them; see docs/operations.md for the code",
                group.count,
                group.first_at,
                group.filter_text,
                "retry",
                group.fingerprint,
            )


def _silent(seen: Overview) -> Iterator[Concern]:
    """No site ticks at all: the platform does not reach us, or does not call."""
    last = seen.last_tick_at
    live = (Phase.SCHEDULED, Phase.DUE, Phase.WAITING, Phase.BACKOFF, Phase.DEFERRED)
    count = seen.count(*live)
    if last is not None and seen.at - last > SILENT and count:
        yield Concern(
            Code.TICKS_SILENT,
            f"no tick of any site came for {_span(seen.at - last)}",
            "the platform calls once an hour for each site, and brings the tokens",
            "see whether Forge reaches the service, and the app's scheduled trigger",
            count,
            last,
        )


def _off_long(seen: Overview) -> Iterator[Concern]:
    """Switches that were turned for one tenant and perhaps forgotten."""
    long = [
        switch.changed_at
        for switch in seen.switches
        if not switch.is_on and switch.tenant is not None and switch.changed_at is not None
        and seen.at - switch.changed_at > OFF_LONG
    ]  # fmt: skip
    if long:
        yield Concern(
            Code.SWITCHED_OFF_LONG,
            counted(len(long), "switch of a single tenant is", "switches of single tenants are")
            + f" off for over {OFF_LONG.days} days",
            "what was switched off for a tenant is not made for it",
            "switch on again what is no longer meant",
            len(long),
            min(long),
        )


def _switched_off(seen: Overview) -> Iterator[Concern]:
    for switch in seen.switches:
        if not switch.is_on and switch.tenant is None:
            yield Concern(
                Code.SWITCHED_OFF,
                f"{switch.flag} is switched off for everybody",
                f"by {switch.actor}: {switch.reason}",
                f'firstry flags set {switch.flag} on --reason "..."',
                1,
                switch.changed_at,
                subject=switch.flag,
            )


def _outdated(seen: Overview) -> Iterator[Concern]:
    """The settings got other triggers or ages; nothing moves until somebody has looked at it."""
    if seen.outdated_plans:
        yield Concern(
            Code.PLAN_OUTDATED,
            counted(seen.outdated_plans, "milestone is", "milestones are")
            + " planned by other triggers or ages",
            "the settings have changed since, and what was planned keeps its plan",
            "firstry config plan shows what would move, and with --apply moves it",
            seen.outdated_plans,
        )


def _kept_too_long(seen: Overview) -> Iterator[Concern]:
    """Retention is over and nobody erases: no worker, or none whose role may."""
    if seen.overdue_erasures:
        yield Concern(
            Code.ERASURE_LATE,
            counted(seen.overdue_erasures, "tenant is", "tenants are") + " still to be erased",
            "their retention has been over for a day",
            "see that a worker runs, and that FIRSTRY_ERASE_DATABASE_URL names a role that may "
            "erase: `firstry doctor` says whether",
            seen.overdue_erasures,
            filter_text="uninstalled=yes",
        )


def _is_generation_off(seen: Overview) -> bool:
    return any(s.flag == GENERATION and s.tenant is None and not s.is_on for s in seen.switches)


def _largest(seen: Overview) -> str:
    if not seen.failures:
        return "their errors are no longer there"
    return f"most often {seen.failures[0].code}: {seen.failures[0].message}"


def _span(span: timedelta) -> str:
    """Return a span as people say it: whole minutes, hours or days."""
    minutes = int(span.total_seconds()) // 60
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"
