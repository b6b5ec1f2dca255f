"""What a filter means, in SQL: constant pieces, chosen by the conditions, values bound.

No text of a filter ever becomes text of a statement. A field stands once with each
operator, so every value has one fixed name. The meaning is that of `domain.filter`;
the order of the pieces lets each engine begin at the rarest of what is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from firstry.domain.filter import Condition, Field, Filter, Operator
from firstry.domain.instant import to_milliseconds
from firstry.domain.phase import Phase, Scene

_PLACES = "abcdefghij"
"""The endings of the names of a list's values; those that are left over are bound empty."""
_LIVE = "m.state IN ('scheduled', 'claimed')"
_TROUBLED = "(m.state = 'claimed' OR (m.state = 'scheduled' AND m.next_due > m.due_at))"
_WAIT = """(m.next_due - CASE m.state WHEN 'claimed' THEN m.lease_until
                                      ELSE coalesce(m.error_at, m.due_at) END)"""
_BACKOFF = f"""({_TROUBLED} AND m.next_due > :now
    AND ((m.state = 'claimed' AND m.lease_until <= :now)
         OR (m.state = 'scheduled' AND m.deferral_kind IS NULL)))"""
PHASE: Mapping[Phase, str] = {
    Phase.SCHEDULED: """(m.state = 'scheduled' AND m.next_due > :now
        AND m.next_due <= m.due_at AND m.deferral_kind IS NULL)""",
    Phase.DUE: f"({_LIVE} AND m.next_due <= :now AND coalesce(k.expires_at, 0) >= :token_until)",
    Phase.WAITING: f"""({_LIVE} AND m.next_due <= :now
        AND coalesce(k.expires_at, 0) < :token_until)""",
    Phase.RUNNING: f"({_TROUBLED} AND m.state = 'claimed' AND m.lease_until > :now)",
    Phase.BACKOFF: _BACKOFF,
    Phase.DEFERRED: f"""({_TROUBLED} AND m.state = 'scheduled' AND m.next_due > :now
        AND m.deferral_kind IS NOT NULL)""",
    Phase.COMPLETED: "(m.state = 'completed')",
    Phase.MISSED: "(m.state = 'missed')",
    Phase.DISCARDED: "(m.state = 'discarded')",
    Phase.CANCELLED: "(m.state = 'cancelled')",
}
"""A piece for each phase; together they are `domain.phase.phase_of`."""

CURRENT = """NOT EXISTS (SELECT 1 FROM milestone n WHERE n.cloud_id = m.cloud_id
    AND n.trigger_name = m.trigger_name AND n.revision = m.revision + 1)"""
_PIECES: Mapping[tuple[Field, Operator], str] = {
    (Field.SITE, Operator.IS): """t.cloud_id IN (:site_a, :site_b, :site_c, :site_d, :site_e,
        :site_f, :site_g, :site_h, :site_i, :site_j)""",
    (Field.SITE, Operator.HAS): "lower(t.cloud_id) LIKE :site_has ESCAPE '!'",
    (Field.INSTALLED, Operator.BELOW): "t.installed_at > :now - :installed_below",
    (Field.INSTALLED, Operator.ABOVE): "t.installed_at < :now - :installed_above",
    (Field.TICK, Operator.BELOW): "t.last_tick_at > :now - :tick_below",
    (Field.TICK, Operator.ABOVE): """(t.last_tick_at IS NULL
        OR t.last_tick_at < :now - :tick_above)""",
    (Field.TRIGGER, Operator.IS): """m.trigger_name IN (:trigger_a, :trigger_b, :trigger_c,
        :trigger_d, :trigger_e, :trigger_f, :trigger_g, :trigger_h, :trigger_i, :trigger_j)""",
    (Field.TRIGGER, Operator.NOT): """m.trigger_name NOT IN (:not_trigger_a, :not_trigger_b,
        :not_trigger_c, :not_trigger_d, :not_trigger_e, :not_trigger_f, :not_trigger_g,
        :not_trigger_h, :not_trigger_i, :not_trigger_j)""",
    (Field.ERROR, Operator.IS): """m.state <> 'completed' AND m.error_code IN (:error_a, :error_b,
        :error_c, :error_d, :error_e, :error_f, :error_g, :error_h, :error_i, :error_j)""",
    (Field.ATTEMPTS, Operator.IS): "m.attempts = :attempts_is",
    (Field.ATTEMPTS, Operator.BELOW): "m.attempts < :attempts_below",
    (Field.ATTEMPTS, Operator.ABOVE): "m.attempts > :attempts_above",
    (Field.BACKOFF, Operator.BELOW): f"{_BACKOFF} AND {_WAIT} < :backoff_below",
    (Field.BACKOFF, Operator.ABOVE): f"{_BACKOFF} AND {_WAIT} > :backoff_above",
    (Field.LATE, Operator.BELOW): f"""{_LIVE} AND m.due_at <= :now
        AND m.due_at > :now - :late_below""",
    (Field.LATE, Operator.ABOVE): f"""{_LIVE} AND m.due_at <= :now
        AND m.due_at < :now - :late_above""",
    (Field.DUE, Operator.BELOW): f"""{_LIVE} AND m.next_due > :now
        AND m.next_due < :now + :due_below""",
    (Field.DUE, Operator.ABOVE): f"""{_LIVE} AND m.next_due > :now
        AND m.next_due > :now + :due_above""",
}
_YES_NO: Mapping[tuple[Field, object], str] = {
    (Field.PAUSED, True): "t.paused_at IS NOT NULL",
    (Field.PAUSED, False): "t.paused_at IS NULL",
    (Field.UNINSTALLED, True): "t.uninstalled_at IS NOT NULL",
    (Field.UNINSTALLED, False): "t.uninstalled_at IS NULL",
}
_MILESTONE = "milestone m CROSS JOIN tenant t"  # SQLite takes them in this order
_OF_ONE = "t.cloud_id = m.cloud_id"
_TENANT = "tenant t"
_TOKEN = "LEFT JOIN token k ON k.cloud_id = t.cloud_id"
_WITH_MILESTONES = "JOIN milestone m ON m.cloud_id = t.cloud_id"


@dataclass(frozen=True, slots=True)
class Selection:
    """The tail of a query, from FROM to the last condition, and the values it needs."""

    text: str
    values: Mapping[str, Any]


def selection(wanted: Filter, scene: Scene, *, of_milestones: bool, behind: str) -> Selection:
    """Return what selects tenants as `t`, and with `of_milestones` the meant ones as `m`.

    `behind` is one more condition: where the page begins.
    """
    needs_milestones = of_milestones or bool(wanted.of_milestones())
    pieces = [_piece(condition) for condition in wanted.conditions]
    if begins_at_milestones(wanted):
        source = [_MILESTONE]
        pieces.append(_OF_ONE)
    else:
        source = [_TENANT, *([_WITH_MILESTONES] if needs_milestones else [])]
    if any("k.expires_at" in piece for piece in pieces):
        source.append(_TOKEN)
    if needs_milestones:
        pieces.append(CURRENT)
    conditions = "\n  AND ".join([behind, *pieces])
    text = "\n".join(["FROM", *source, "WHERE", conditions])
    return Selection(text, _values(wanted, scene))


def begins_at_milestones(wanted: Filter) -> bool:
    """Whether milestones are the rarer end to begin at: always, unless few tenants are named."""
    names_few = any(
        (c.field, c.operator) == (Field.SITE, Operator.IS) or c.value is True
        for c in wanted.of_tenant()
    )
    return bool(wanted.of_milestones()) and not names_few


def _piece(condition: Condition) -> str:
    if condition.field is Field.STATE:
        assert isinstance(condition.value, tuple)
        phases = " OR ".join(PHASE[Phase(word)] for word in condition.value)
        return f"({phases})" if condition.operator is Operator.IS else f"NOT ({phases})"
    if isinstance(condition.value, bool):
        return _YES_NO[condition.field, condition.value]
    return _PIECES[condition.field, condition.operator]


def _values(wanted: Filter, scene: Scene) -> dict[str, Any]:
    values: dict[str, Any] = scene_values(scene)
    for condition in wanted.conditions:
        values |= _bound(condition)
    return values


def scene_values(scene: Scene) -> dict[str, Any]:
    """Return the values that the pieces for phases need."""
    return {
        "now": to_milliseconds(scene.now),
        "token_until": to_milliseconds(scene.token_until),
    }


def _bound(condition: Condition) -> dict[str, Any]:
    name, value = condition.field.value, condition.value
    if condition.field is Field.STATE or isinstance(value, bool):
        return {}
    if isinstance(value, tuple):
        if condition.operator is Operator.HAS:
            return {f"{name}_has": _pattern(value[0])}
        stem = f"not_{name}" if condition.operator is Operator.NOT else name
        padded = [*value, *[""] * len(_PLACES)]
        return {f"{stem}_{place}": word for place, word in zip(_PLACES, padded, strict=False)}
    suffix = {Operator.IS: "is", Operator.BELOW: "below", Operator.ABOVE: "above"}
    number = value // timedelta(milliseconds=1) if isinstance(value, timedelta) else value
    return {f"{name}_{suffix[condition.operator]}": number}


def _pattern(word: str) -> str:
    """Return the LIKE pattern of everything that has `word` in it, letter by letter."""
    return "%" + word.lower().replace("_", "!_") + "%"
