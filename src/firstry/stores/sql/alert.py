"""The alerts' records over SQL: compared and swapped, so that one process speaks."""

from collections.abc import Sequence

from firstry.domain.errors import Defect
from firstry.domain.instant import from_milliseconds, to_milliseconds
from firstry.ports.alert import AlertRecord
from firstry.stores.sql.session import Database, Row, Step, Values

_LIST = """
SELECT name, sequence, is_firing, since, told_at, body, tries, next_try_at, delivered_at
FROM alert ORDER BY name
"""
_INSERT = """
INSERT INTO alert (name, sequence, is_firing, since, told_at, body, tries, next_try_at,
    delivered_at)
VALUES (:name, :sequence, :is_firing, :since, :told_at, :body, :tries, :next_try_at,
    :delivered_at)
"""
_SWAP = """
UPDATE alert SET sequence = :sequence, is_firing = :is_firing, since = :since,
    told_at = :told_at, body = :body, tries = :tries, next_try_at = :next_try_at,
    delivered_at = :delivered_at
WHERE name = :name AND sequence = :was_sequence AND tries = :was_tries
"""


class SqlAlerts:
    """An `AlertBook` over the table `alert`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def records(self) -> Sequence[AlertRecord]:
        """See `ports.alert.AlertBook`."""
        return [_record_from(row) for row in self._database.read((), _LIST, {})]

    def put(self, before: AlertRecord | None, after: AlertRecord) -> bool:
        """See `ports.alert.AlertBook`. The store's guards tell who came second."""
        values: Values = {
            "name": after.name,
            "sequence": after.sequence,
            "is_firing": int(after.is_firing),
            "since": to_milliseconds(after.since),
            "told_at": to_milliseconds(after.told_at),
            "body": after.body,
            "tries": after.tries,
            "next_try_at": to_milliseconds(after.next_try_at),
            "delivered_at": to_milliseconds(after.delivered_at) if after.delivered_at else None,
        }
        if before is None:
            step = Step(_INSERT, [values])
        else:
            was = {"was_sequence": before.sequence, "was_tries": before.tries}
            step = Step(_SWAP, [{**values, **was}])
        try:
            with self._database.writing((), skip_locked=False) as session:
                session.write([step])
                session.commit()
        except Defect:
            return False
        return True


def _record_from(row: Row) -> AlertRecord:
    delivered_at = row["delivered_at"]
    return AlertRecord(
        row["name"],
        row["sequence"],
        bool(row["is_firing"]),
        from_milliseconds(row["since"]),
        from_milliseconds(row["told_at"]),
        row["body"],
        row["tries"],
        from_milliseconds(row["next_try_at"]),
        from_milliseconds(delivered_at) if delivered_at is not None else None,
    )
