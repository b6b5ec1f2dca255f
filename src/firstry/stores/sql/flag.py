"""Switches over SQL: each turn is written together with its ledger entry."""

from collections.abc import Sequence
from datetime import datetime

from firstry.domain.canonical import Json
from firstry.domain.errors import Conflict, Defect, NotFound
from firstry.domain.flag import FLAG_SWITCHED, Flag, Switch
from firstry.domain.instant import from_milliseconds, to_milliseconds
from firstry.domain.ledger import Actor, Entry
from firstry.domain.record import Change, ledgered
from firstry.domain.tenant import Tenant
from firstry.stores.sql.record_row import records_of
from firstry.stores.sql.service_ledger import ServiceLedger
from firstry.stores.sql.session import Database, Row, Step
from firstry.stores.sql.write import steps_of

EVERYBODY = "*"
_LIST = "SELECT scope, name, is_on, changed_at, actor, reason FROM flag ORDER BY scope, name"
_IS_TENANT = "SELECT 1 AS is_there FROM tenant WHERE cloud_id = :cloud_id"
_OFF_FOR = """
SELECT DISTINCT name FROM flag WHERE scope IN ('*', :scope) AND is_on = 0
"""
_PUT = """
INSERT INTO flag (scope, name, is_on, changed_at, actor, reason)
VALUES (:scope, :name, :is_on, :changed_at, :actor, :reason)
ON CONFLICT (scope, name) DO UPDATE SET is_on = excluded.is_on,
    changed_at = excluded.changed_at, actor = excluded.actor, reason = excluded.reason
WHERE flag.is_on <> excluded.is_on
"""


class SqlFlags:
    """A `FlagBoard` over the table `flag`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ledger = ServiceLedger(database)

    def switches(self) -> Sequence[Switch]:
        return [_switch_from(row) for row in self._database.read((), _LIST, {})]

    def off_for(self, tenant: Tenant) -> frozenset[str]:
        found = self._database.read((), _OFF_FOR, {"scope": tenant.cloud_id})
        return frozenset(row["name"] for row in found)

    def turn(
        self,
        flag: Flag,
        tenant: Tenant | None,
        *,
        to_on: bool,
        reason: str,
        actor: Actor,
        now: datetime,
    ) -> Switch:
        self._refuse_standing(flag, tenant, to_on=to_on)
        put = Step(
            _PUT,
            [
                {
                    "scope": tenant.cloud_id if tenant else EVERYBODY,
                    "name": flag,
                    "is_on": int(to_on),
                    "changed_at": to_milliseconds(now),
                    "actor": actor,
                    "reason": reason,
                }
            ],
        )
        detail: dict[str, Json] = {
            "flag": flag,
            "state": "on" if to_on else "off",
            "reason": reason,
        }
        entry = Entry(FLAG_SWITCHED, now, actor, detail)
        try:
            if tenant is None:
                self._ledger.write(entry, [put])
            else:
                self._turn_for(tenant, entry, put, now)
        except Defect:  # somebody else may have turned it in between
            self._refuse_standing(flag, tenant, to_on=to_on)
            raise
        return Switch(flag, tenant, to_on, now, actor, reason)

    def _turn_for(self, tenant: Tenant, entry: Entry, put: Step, now: datetime) -> None:
        with self._database.writing((tenant,), skip_locked=False) as session:
            found = records_of(session.records)
            if not found:
                raise _unknown(tenant)
            after, sealed = ledgered(found[0], [entry])
            facts, ends = steps_of([(found[0], Change(None, after, sealed))])
            session.write([*facts, *ends, put])
            session.move_clock(now)
            session.commit()

    def _refuse_standing(self, flag: Flag, tenant: Tenant | None, *, to_on: bool) -> None:
        if tenant is not None and not self._database.read(
            (tenant,), _IS_TENANT, {"cloud_id": tenant.cloud_id}
        ):
            raise _unknown(tenant)
        mine = (s for s in self.switches() if (s.flag, s.tenant) == (flag, tenant))
        if next((switch.is_on for switch in mine), True) is to_on:
            whose = f"for tenant {tenant.cloud_id}" if tenant else "for everybody"
            raise Conflict(
                f"{flag} is {'on' if to_on else 'off'} {whose} already",
                "there is nothing to do: `firstry flags list` shows what is off",
            )


def _unknown(tenant: Tenant) -> NotFound:
    return NotFound(f"there is no tenant {tenant.cloud_id}", "see `firstry tenants list`")


def _switch_from(row: Row) -> Switch:
    is_everybody = row["scope"] == EVERYBODY
    return Switch(
        Flag(row["name"]),
        None if is_everybody else Tenant.from_row(row["scope"]),
        bool(row["is_on"]),
        from_milliseconds(row["changed_at"]),
        row["actor"],
        row["reason"],
    )
