"""The writes as PostgreSQL does them quickest: one statement for all rows of a batch.

Each takes one array for each column, in binary. They write what the statements
of the same names in `firstry.stores.sql.statement` write, row by row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firstry.stores.sql import statement
from firstry.stores.sql.postgres import array
from firstry.stores.sql.session import Values

_Kind = type[array.Column]
_Types = Mapping[str, _Kind]
_TEXT: _Kind = array.Texts
_NUMBER: _Kind = array.Numbers
_BYTES: _Kind = array.Bytes


@dataclass(frozen=True, slots=True)
class Batched:
    """A statement with one parameter, an array, for each of the columns."""

    sql: str
    types: _Types

    def arrays(self, rows: Sequence[Values]) -> dict[str, array.Column]:
        """Return the parameters that write these rows."""
        return {name: kind([row[name] for row in rows]) for name, kind in self.types.items()}


def _unnest(types: _Types) -> str:
    arrays = ", ".join(f"%({name})b" for name in types)
    return f"unnest({arrays}) AS v({', '.join(types)})"


def _insert(table: str, types: _Types, end: str = "") -> Batched:
    names = ", ".join(types)
    return Batched(f"INSERT INTO {table} ({names}) SELECT * FROM {_unnest(types)} {end}", types)


def _update(table: str, types: _Types, key: Sequence[str], met: Sequence[str]) -> Batched:
    """Return the UPDATE of what is neither in the key nor expected (`met`: column=expected)."""
    expected = dict(each.split("=") for each in met)
    columns = [name for name in types if name not in key and name not in expected.values()]
    changed = ", ".join(f"{name} = v.{name}" for name in columns)
    guards = [f"t.{name} = v.{name}" for name in key]
    guards += [f"t.{name} = v.{other}" for name, other in expected.items()]
    where = " AND ".join(guards)
    sql = f"UPDATE {table} t SET {changed} FROM {_unnest(types)} WHERE {where}"
    return Batched(sql, types)


_TENANT = {
    "cloud_id": _TEXT,
    "installed_at": _NUMBER,
    "source": _TEXT,
    "installation_id": _TEXT,
    "app_version": _TEXT,
    "reinstalled_at": _NUMBER,
    "paused_at": _NUMBER,
    "uninstalled_at": _NUMBER,
    "last_tick_at": _NUMBER,
    "head_sequence": _NUMBER,
    "head_hash": _TEXT,
}
_HEAD = {"cloud_id": _TEXT, "head_sequence": _NUMBER, "head_hash": _TEXT}
_TOKEN = {"cloud_id": _TEXT, "ciphertext": _BYTES, "key_id": _TEXT, "expires_at": _NUMBER}
_NAME = {"cloud_id": _TEXT, "trigger_name": _TEXT, "revision": _NUMBER}
_PROGRESS = {
    "window_end_at": _NUMBER,
    "next_due": _NUMBER,
    "attempts": _NUMBER,
    "starts": _NUMBER,
    "fence": _NUMBER,
    "lease_until": _NUMBER,
    "deferral_kind": _TEXT,
    "deferrals": _NUMBER,
    "settled_fence": _NUMBER,
    "settled_as": _TEXT,
    "error_code": _TEXT,
    "error_message": _TEXT,
    "error_at": _NUMBER,
    "error_attempt": _NUMBER,
}
_BORN = {"state": _TEXT, "installed_at": _NUMBER, "due_at": _NUMBER, "imported_at": _NUMBER}
_REPORT = {
    "report_id": _TEXT,
    **_NAME,
    "generated_at": _NUMBER,
    "digest": _TEXT,
    "body": _BYTES,
    "envelope": _BYTES,
}
_ENTRY = {
    "cloud_id": _TEXT,
    "sequence": _NUMBER,
    "body": _BYTES,
    "hash": _TEXT,
    "entry_at": _TEXT,
    "entry_kind": _TEXT,
    "entry_actor": _TEXT,
    "entry_trigger": _TEXT,
}

BATCHED: Mapping[str, Batched] = {
    statement.INSERT_TENANT: _insert("tenant", _TENANT),
    statement.UPDATE_TENANT: _update(
        "tenant",
        _TENANT | {"expected_sequence": _NUMBER},
        ["cloud_id"],
        ["head_sequence=expected_sequence"],
    ),
    statement.MOVE_HEAD: _update(
        "tenant",
        _HEAD | {"expected_sequence": _NUMBER},
        ["cloud_id"],
        ["head_sequence=expected_sequence"],
    ),
    statement.PUT_TOKEN: _insert(
        "token",
        _TOKEN,
        "ON CONFLICT (cloud_id) DO UPDATE SET ciphertext = excluded.ciphertext, "
        "key_id = excluded.key_id, expires_at = excluded.expires_at",
    ),
    statement.INSERT_ENTRY: _insert("ledger", _ENTRY),
    statement.INSERT_MILESTONE: _insert("milestone", _NAME | _BORN | _PROGRESS),
    statement.UPDATE_MILESTONE: _update(
        "milestone",
        _NAME | {"state": _TEXT} | _PROGRESS | {"expected_state": _TEXT, "expected_fence": _NUMBER},
        [*_NAME],
        ["state=expected_state", "fence=expected_fence"],
    ),
    statement.INSERT_REPORT: _insert("report", _REPORT),
    statement.INSERT_MARKER: _insert(
        "marker", _NAME | {"completed_at": _NUMBER, "report_id": _TEXT, "digest": _TEXT}
    ),
}
"""Every write that comes in batches, by its statement for one row."""
