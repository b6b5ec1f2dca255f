"""`firstry health`: what stands over all tenants, as API and console say it."""

import typer

from firstry.cli.output import Output
from firstry.cli.session import opened_operators
from firstry.cli.show import table
from firstry.domain.instant import iso


def health(context: typer.Context) -> None:
    """Say what needs attention, how many milestones are in which state, and what failed lately."""
    from firstry.insight.concern import concerns
    from firstry.insight.shape import overview_json

    output: Output = context.obj
    with opened_operators() as seen:
        now = seen.watch.overview()
    attention = concerns(now)
    status = "attention" if attention else "ok"
    lines = [f"{status}, at {iso(now.at)}"]
    for each in attention:
        since = f", since {iso(each.since)}" if each.since is not None else ""
        lines.append(f"\n{each.code}: {each.what}{since}\n  {each.why}\n  {each.command}")
    rows = [(t.trigger, t.phase.value, "paused" if t.is_paused else "", str(t.count))
            for t in now.tally]  # fmt: skip
    lines.append("\n" + table(("trigger", "state", "", "milestones"), rows) if rows else "")
    for span in now.rates:
        ended = now.attempts(span)
        said = ", ".join(f"{count} {name.lower()}" for name, count in ended.items())
        lines.append(f"attempts in {span}: {said}")
    output.show({"status": status, **overview_json(now, attention)}, "\n".join(lines))
