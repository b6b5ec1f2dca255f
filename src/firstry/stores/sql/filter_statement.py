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
# A plus before a column tells SQLite, which has no statistics, to look for no index there: it
# would read and sort whatever comes after an instant, where a walk in order ends with the page.
# PostgreSQL estimates and decides by itself; it is not told.
_LIVE = "m.state IN ('scheduled', 'claimed')"
_TROUBLED = "(m.state = 'claimed' OR (m.state = 'scheduled' AND m.next_due > m.due_at))"
_WAIT = """(m.next_due - CASE m.state WHEN 'claimed' THEN m.lease_until
                                      ELSE coalesce(m.error_at, m.due_at) END)"""
_BACKOFF = f"""({_TROUBLED} AND m.next_due > :now
    AND ((m.state = 'claimed' AND m.lease_until <= :now)
         OR (m.state = 'scheduled' AND m.deferral_kind IS NULL)))"""
TOKEN_END = "(SELECT k.expires_at FROM token k WHERE k.cloud_id = m.cloud_id)"
"""Looked up only where it decides: few milestones are due."""
PHASE: Mapping[Phase, str] = {
    Phase.SCHEDULED: """(m.state = 'scheduled' AND m.next_due > :now
        AND m.next_due <= m.due_at AND m.deferral_kind IS NULL)""",
    Phase.DUE: f"({_LIVE} AND +m.next_due <= :now AND coalesce({TOKEN_END}, 0) >= :token_until)",
    Phase.WAITING: f"""({_LIVE} AND +m.next_due <= :now
        AND coalesce({TOKEN_END}, 0) < :token_until)""",
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

CURRENT = """NOT EXISTS (SELECT 1 FROM milestone n WHERE n.revision > 1 AND n.cloud_id = m.cloud_id
    AND n.trigger_name = m.trigger_name AND n.revision = m.revision + 1)"""
_PIECES: Mapping[tuple[Field, Operator], str] = {
    (Field.SITE, Operator.IS): """t.cloud_id IN (:site_a, :site_b, :site_c, :site_d, :site_e,
        :site_f, :site_g, :site_h, :site_i, :site_j)""",
    (Field.SITE, Operator.HAS): "lower(t.cloud_id) LIKE :site_has ESCAPE '!'",
    (Field.INSTALLED, Operator.BELOW): "+t.installed_at > :now - :installed_below",
    (Field.INSTALLED, Operator.ABOVE): "+t.installed_at < :now - :installed_above",
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
    (Field.LATE, Operator.ABOVE): f"{_LIVE} AND m.due_at < :now - :late_above",
    (Field.DUE, Operator.BELOW): f"""{_LIVE} AND +m.next_due > :now
        AND +m.next_due < :now + :due_below""",
    (Field.DUE, Operator.ABOVE): f"{_LIVE} AND +m.next_due > :now + :due_above",
}
_YES_NO: Mapping[tuple[Field, object], str] = {
    (Field.PAUSED, True): "t.paused_at IS NOT NULL",
    (Field.PAUSED, False): "t.paused_at IS NULL",
    (Field.UNINSTALLED, True): "t.uninstalled_at IS NOT NULL",
    (Field.UNINSTALLED, False): "t.uninstalled_at IS NULL",
}
_SITE_OF_MILESTONE: Mapping[tuple[Field, Operator], str] = {
    (field, operator): piece.replace("t.cloud_id", "m.cloud_id")
    for (field, operator), piece in _PIECES.items()
    if field is Field.SITE
}
_OF_ONE = "t.cloud_id = m.cloud_id"
_WITH_TENANT = "CROSS JOIN tenant t"  # SQLite takes them in this order
_WITH_MILESTONES = "JOIN milestone m ON m.cloud_id = t.cloud_id"


@dataclass(frozen=True, slots=True)
class Selection:
    """The tail of a query, from FROM to the last condition, and the values it needs.

    `walked` is the alias of the table whose `cloud_id` the query goes along.
    """

    text: str
    values: Mapping[str, Any]
    walked: str


def selection(wanted: Filter, scene: Scene, *, of_milestones: bool) -> Selection:
    """Return what selects tenants as `t`, and with `of_milestones` the meant ones as `m`.

    Milestones are the rarer end to begin at, unless few tenants are named; and tenants are
    not looked at where nothing but their names is asked for.
    """
    needs_milestones = of_milestones or bool(wanted.of_milestones())
    asks_tenants = any(condition.field is not Field.SITE for condition in wanted.of_tenant())
    begins_there = bool(wanted.of_milestones()) or not asks_tenants
    if needs_milestones and begins_there and not _names_few(wanted):
        source = ["milestone m", *([_WITH_TENANT] if asks_tenants else [])]
        pieces = [_piece_of_milestone(condition) for condition in wanted.conditions]
        pieces += [_OF_ONE] if asks_tenants else []
        walked, last = "m", "t" if asks_tenants else "m"
    else:
        source = ["tenant t", *([_WITH_MILESTONES] if needs_milestones else [])]
        pieces = [_piece(condition) for condition in wanted.conditions]
        walked = last = "t"
    if needs_milestones:
        # By the table that is read last, so that SQLite looks only once all else is fulfilled.
        pieces.append(CURRENT.replace("m.cloud_id", f"{last}.cloud_id"))
    conditions = "\n  AND ".join(pieces or ["1 = 1"])
    text = "\n".join(["FROM", *source, "WHERE", conditions])
    return Selection(text, _values(wanted, scene), walked)


def _names_few(wanted: Filter) -> bool:
    return any(
        (c.field, c.operator) == (Field.SITE, Operator.IS) or c.value is True
        for c in wanted.of_tenant()
    )


def _piece_of_milestone(condition: Condition) -> str:
    return _SITE_OF_MILESTONE.get((condition.field, condition.operator)) or _piece(condition)


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
