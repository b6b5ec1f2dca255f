"""One act on everything that a filter means, from the command line.

The same jobs as the API's, worked on here and now: what is done, and what could not
be done, is kept in the store. Nothing is done to more than was asked for in so many
words: `--all-matching` after a look with `--dry-run`, and `--yes` or an answer.
"""

import secrets
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from firstry.cli.output import Exit, Output
from firstry.cli.session import decided_at, known_trigger, opened_store, required_reason
from firstry.domain.errors import InputInvalid
from firstry.domain.filter import Condition, Field, Filter, Operator
from firstry.domain.filter_text import parse_filter, print_filter
from firstry.domain.job import SHOWN_ERRORS, BulkAct, Job, TargetError
from firstry.domain.ledger import OPERATOR
from firstry.domain.phase import scene_at
from firstry.domain.record import Order

if TYPE_CHECKING:
    from firstry.config import Settings
    from firstry.domain.phase import Scene
    from firstry.lifecycle.bulk import BulkParts

SHOWN_TARGETS = 10

FilterText = Annotated[
    str, typer.Option("--filter", help="Instead of ID: whom, as in state=backoff site~acme.")
]
AllMatching = Annotated[
    bool, typer.Option("--all-matching", help="With --filter: act on all that it means.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="With --filter: count and show, and change nothing.")
]
Yes = Annotated[bool, typer.Option("--yes", help="With --all-matching: do not ask again.")]


@dataclass(frozen=True, slots=True)
class Many:
    """What was asked for instead of one tenant."""

    filter_text: str
    trigger: str
    all_matching: bool
    dry_run: bool
    yes: bool


def refuse_unless_one(tenant: str, many: Many) -> None:
    """Raise InputInvalid unless exactly one tenant or a filter is given, each with its words."""
    has_filter = bool(many.filter_text)
    if has_filter == bool(tenant):
        raise InputInvalid(
            "say whom: one ID, or --filter", "for example --filter state=backoff --dry-run"
        )
    if tenant and (many.all_matching or many.dry_run or many.yes):
        raise InputInvalid("--all-matching, --dry-run and --yes go with --filter", "leave them out")
    if has_filter and not many.all_matching and not many.dry_run:
        raise InputInvalid(
            "--filter may mean many tenants",
            "look with --dry-run first, then say --all-matching",
        )


def act_on_many(context: typer.Context, act: BulkAct, many: Many, reason: str) -> int:
    """Do `act` to everything that is meant, or with --dry-run show what that is."""
    output: Output = context.obj
    why = required_reason(reason)
    with opened_store() as (settings, store):
        from firstry.stores.place import clock_for
        from firstry.wiring.operators import operators_of
        from firstry.wiring.policy import policy_of

        clock = clock_for(settings.database_url, store)
        parts = operators_of(store, clock, policy_of(settings)).bulk
        wanted = _wanted(settings, many)
        scene = scene_at(decided_at(settings, store), parts.policy)
        if many.dry_run:
            _show_targets(output, parts, act, wanted, scene)
            return Exit.OK
        job, errors = _work(parts, act, wanted, Order(why, OPERATOR, scene.now), scene, many)
    _show_job(output, job, errors)
    return Exit.FINDING if job.failed else Exit.OK


def _wanted(settings: "Settings", many: Many) -> Filter:
    """Return the filter, narrowed to --trigger if that is given."""
    wanted = parse_filter(many.filter_text)
    if not many.trigger:
        return wanted
    name = known_trigger(settings, many.trigger)
    if any(c.field is Field.TRIGGER and c.operator is Operator.IS for c in wanted.conditions):
        raise InputInvalid("--trigger and trigger= say the same", "give one of them")
    return Filter((*wanted.conditions, Condition(Field.TRIGGER, Operator.IS, (name,))))


def _work(
    parts: "BulkParts", act: BulkAct, wanted: Filter, ordered: Order, scene: "Scene", many: Many
) -> tuple[Job, list[TargetError]]:
    """Order the job and work on jobs until it is done."""
    from firstry.lifecycle.bulk import order, preview, work_once

    count = preview(parts, act, wanted, scene)
    _ask(act, count, many)
    job_id = f"j-{secrets.token_hex(8)}"
    job = order(parts, job_id, act, wanted, count, order=ordered, scene=scene)
    runner = f"cli-{secrets.token_hex(4)}"
    while work_once(parts, runner, lambda: False, _tell):
        continue
    return parts.jobs.job(job_id) or job, list(parts.jobs.errors(job_id, SHOWN_ERRORS))


def _ask(act: BulkAct, count: int, many: Many) -> None:
    """Let a person say yes to the number; a script has to have said it."""
    if many.yes:
        return
    if not sys.stdin.isatty():
        raise InputInvalid(
            f"this would {act} {count} targets, and nobody can be asked", "say --yes"
        )
    if not typer.confirm(f"{act} {count} targets?", err=True):
        raise typer.Abort


def _tell(job: Job) -> None:
    print(f"{job.act}: {job.done + job.failed} of {job.total}", file=sys.stderr)


def _show_targets(
    output: Output, parts: "BulkParts", act: BulkAct, wanted: Filter, scene: "Scene"
) -> None:
    from firstry.lifecycle.bulk import targets_of

    targets = targets_of(parts, act, wanted, scene)
    shown = targets[:SHOWN_TARGETS]
    document = {
        "act": act.value,
        "filter": print_filter(wanted),
        "count": len(targets),
        "targets": [{"cloud_id": t.tenant.cloud_id, "trigger": t.trigger} for t in shown],
    }
    lines = [f"{t.tenant.cloud_id} {t.trigger or ''}".rstrip() for t in shown]
    more = [f"and {len(targets) - len(shown)} more"] if len(targets) > len(shown) else []
    output.show(document, "\n".join([f"{act} would act on {len(targets)}:", *lines, *more]))


def _show_job(output: Output, job: Job, errors: list[TargetError]) -> None:
    from firstry.insight.shape import job_json

    lines = [f"{job.act}: {job.done} done, {job.failed} failed (job {job.job_id})"]
    lines += [f"{e.target.tenant.cloud_id} {e.target.trigger or ''}: {e.message}" for e in errors]
    output.show({"job": job_json(job, errors)}, "\n".join(lines))
