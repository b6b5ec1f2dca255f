"""The writes as PostgreSQL does them quickest: one statement for all rows of a batch.

Each takes one array for each name, in binary. They write what the statements of the
same names in `firstry.stores.sql.statement` write, and bind the names in their order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from firstry.stores.sql import statement
from firstry.stores.sql.postgres import array

_NUMBERS = frozenset(
    {
        "installed_at",
        "reinstalled_at",
        "paused_at",
        "uninstalled_at",
        "last_tick_at",
        "head_sequence",
        "expected_sequence",
        "expires_at",
        "revision",
        "due_at",
        "imported_at",
        "window_end_at",
        "next_due",
        "attempts",
        "starts",
        "fence",
        "lease_until",
        "deferrals",
        "settled_fence",
        "error_at",
        "error_attempt",
        "expected_fence",
        "generated_at",
        "completed_at",
        "sequence",
    }
)
_BYTES = frozenset({"ciphertext", "body", "envelope"})


def _kind_of(name: str) -> type[array.Column]:
    if name in _NUMBERS:
        return array.Numbers
    return array.Bytes if name in _BYTES else array.Texts


@dataclass(frozen=True, slots=True)
class Batched:
    """A statement with one parameter, an array, for each of the names that it binds."""

    sql: str
    names: Sequence[str]

    def arrays(self, rows: Sequence[Any]) -> dict[str, array.Column]:
        """Return the parameters that write these rows, each in the order of `names`."""
        columns = zip(self.names, zip(*rows, strict=True), strict=True)
        return {name: _kind_of(name)(values) for name, values in columns}


def _unnest(names: Sequence[str]) -> str:
    arrays = ", ".join(f"%({name})b" for name in names)
    return f"unnest({arrays}) AS v({', '.join(names)})"


def _insert(of_one: str, table: str, end: str = "") -> Batched:
    names = statement.named_by(of_one)
    columns = ", ".join(names)
    return Batched(f"INSERT INTO {table} ({columns}) SELECT * FROM {_unnest(names)} {end}", names)


def _update(of_one: str, table: str, key: Sequence[str], expected: Mapping[str, str]) -> Batched:
    """Return the UPDATE of what is neither in the key nor expected to be met, by its column."""
    names = statement.named_by(of_one)
    columns = [name for name in names if name not in key and name not in expected.values()]
    changed = ", ".join(f"{name} = v.{name}" for name in columns)
    guards = [f"t.{name} = v.{name}" for name in key]
    guards += [f"t.{name} = v.{other}" for name, other in expected.items()]
    where = " AND ".join(guards)
    return Batched(f"UPDATE {table} t SET {changed} FROM {_unnest(names)} WHERE {where}", names)


_AT_HEAD = {"head_sequence": "expected_sequence"}
_AS_READ = {"state": "expected_state", "fence": "expected_fence"}

BATCHED: Mapping[str, Batched] = {
    statement.INSERT_TENANT: _insert(statement.INSERT_TENANT, "tenant"),
    statement.UPDATE_TENANT: _update(statement.UPDATE_TENANT, "tenant", ["cloud_id"], _AT_HEAD),
    statement.MOVE_HEAD: _update(statement.MOVE_HEAD, "tenant", ["cloud_id"], _AT_HEAD),
    statement.PUT_TOKEN: _insert(
        statement.PUT_TOKEN,
        "token",
        "ON CONFLICT (cloud_id) DO UPDATE SET ciphertext = excluded.ciphertext, "
        "key_id = excluded.key_id, expires_at = excluded.expires_at",
    ),
    statement.INSERT_ENTRY: _insert(statement.INSERT_ENTRY, "ledger"),
    statement.INSERT_MILESTONE: _insert(statement.INSERT_MILESTONE, "milestone"),
    statement.UPDATE_MILESTONE: _update(
        statement.UPDATE_MILESTONE,
        "milestone",
        ["cloud_id", "trigger_name", "revision"],
        _AS_READ,
    ),
    statement.INSERT_REPORT: _insert(statement.INSERT_REPORT, "report"),
    statement.INSERT_MARKER: _insert(statement.INSERT_MARKER, "marker"),
}
"""Every write that comes in batches, by its statement for one row."""
