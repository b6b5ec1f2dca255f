"""Rows to records: a tenant with its milestones, from the columns of `statement.READ_TENANT`.

Columns are taken by their order, which is quicker than by name; two records are read
for every report.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from firstry.domain.errors import Defect
from firstry.domain.instant import from_milliseconds
from firstry.domain.ledger import Head
from firstry.domain.milestone import LIVE, Act, LastError, Milestone, State
from firstry.domain.policy import DeferralKind
from firstry.domain.record import Erasure, Installation, InstallationSource, TenantRecord
from firstry.domain.tenant import Tenant

Row = Mapping[str, Any]

_OF_TENANT = 16
"""So many columns of a tenant come before those of its milestone."""
_STATE, _NEXT_DUE = _OF_TENANT + 2, _OF_TENANT + 6
_STATES = {each.value: each for each in State}
_SOURCES = {each.value: each for each in InstallationSource}
_NONE_OFF: frozenset[str] = frozenset()


def records_from(rows: Iterable[Row]) -> list[TenantRecord]:
    """Return one record for each run of rows with the same cloud_id; see `records_of`."""
    return records_of([tuple(row.values()) for row in rows])


def records_of(rows: Iterable[Sequence[Any]]) -> list[TenantRecord]:
    """Return one record for each run of rows with the same cloud_id, by the order of columns.

    A row that does not read as what it was written from raises Defect: it is
    never taken for "nothing there" (P2).
    """
    at = _Instants({None: None})
    try:
        return [_record(list(run), at) for _, run in groupby(rows, key=itemgetter(0))]
    except (ValueError, TypeError, OverflowError, KeyError) as error:
        raise Defect(f"a stored row cannot be read ({type(error).__name__})") from error


def claimed_ids(rows: Sequence[Sequence[Any]], now: int) -> set[str]:
    """Return the cloudIds of who is claimed and has nothing else due at `now`, in milliseconds."""
    live = [(row[0], row[_STATE], row[_NEXT_DUE] <= now) for row in rows if row[_STATE] in LIVE]
    due = {cloud_id for cloud_id, _, is_due in live if is_due}
    return {cloud_id for cloud_id, state, _ in live if state == State.CLAIMED} - due


class _Instants(dict[int | None, Any]):
    """Instants by their milliseconds: the rows of a tenant name the same ones again and again."""

    def __missing__(self, milliseconds: int) -> datetime:
        self[milliseconds] = made = from_milliseconds(milliseconds)
        return made


def _record(rows: list[Sequence[Any]], at: _Instants) -> TenantRecord:
    """Return the record of one tenant; `rows` have the columns of `statement.READ_TENANT`."""
    cloud_id, installed_at, source, installation_id, app_version, reinstalled_at = rows[0][:6]
    paused_at, uninstalled_at, last_tick_at, sequence, head_hash, erased_at = rows[0][6:12]
    erased_sequence, token_expires_at, store_clock_at, switched_off = rows[0][12:_OF_TENANT]
    return TenantRecord(
        Tenant.from_row(cloud_id),
        Installation(
            at[installed_at],
            _SOURCES[source],
            installation_id,
            app_version,
            at[reinstalled_at],
        ),
        Head(sequence, head_hash),
        tuple([_milestone(row[_OF_TENANT:], at) for row in rows if row[_OF_TENANT] is not None]),
        at[paused_at],
        at[uninstalled_at],
        at[last_tick_at],
        at[token_expires_at],
        at[store_clock_at or None],
        frozenset(switched_off.split()) if switched_off else _NONE_OFF,
        None if erased_at is None else Erasure(at[erased_at], erased_sequence),
    )


def _milestone(columns: Sequence[Any], at: _Instants) -> Milestone:
    trigger, revision, state, installed_at, due_at, window_end_at, next_due = columns[:7]
    attempts, starts, fence, lease_until, deferral_kind, deferrals, settled_fence = columns[7:14]
    settled_as, code, message, error_at, error_attempt, completed_at, report_id = columns[14:]
    return Milestone(
        trigger,
        revision,
        _STATES[state],
        at[installed_at],
        at[due_at],
        at[window_end_at],
        at[next_due],
        attempts,
        starts,
        fence,
        at[lease_until],
        None if deferral_kind is None else DeferralKind(deferral_kind),
        deferrals,
        settled_fence,
        None if settled_as is None else Act(settled_as),
        None if code is None else LastError(code, message, at[error_at], error_attempt),
        at[completed_at],
        report_id,
    )
