"""The service's own ledger: an entry is written together with what it tells of.

Why this is safe: an entry is sealed onto the head that was read, and the schema takes
it only as the next one and moves the head with it. Who comes second is refused whole,
and seals anew.
"""

from collections.abc import Sequence

from firstry.domain.errors import Defect
from firstry.domain.ledger import Entry, Head, SealedEntry, seal
from firstry.ports.store import PAGE_LIMIT
from firstry.stores.sql.session import Database, Step

_HEAD = "SELECT sequence, hash FROM service_head"
_LIST = """
SELECT sequence, body, hash FROM service_ledger
WHERE sequence > :after ORDER BY sequence LIMIT :limit
"""
_INSERT = """
INSERT INTO service_ledger (sequence, body, hash) VALUES (:sequence, :body, :hash)
"""
_TRIES = 5


class ServiceLedger:
    """The chain of entries in `service_ledger`; a `ServiceChain`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def head(self) -> Head:
        (found,) = self._database.read((), _HEAD, {})
        return Head(found["sequence"], found["hash"])

    def entries(self, after: int, limit: int) -> Sequence[SealedEntry]:
        found = self._database.read((), _LIST, {"after": after, "limit": min(limit, PAGE_LIMIT)})
        return [SealedEntry(r["sequence"], bytes(r["body"]), r["hash"]) for r in found]

    def write(self, entry: Entry, steps: Sequence[Step]) -> None:
        """Run `steps` and chain `entry`, in one transaction."""
        for attempt in range(1, _TRIES + 1):
            head = self.head()
            try:
                self._write(head, entry, steps)
            except Defect:
                if attempt == _TRIES or self.head() == head:
                    raise
            else:
                return

    def _write(self, head: Head, entry: Entry, steps: Sequence[Step]) -> None:
        (sealed,), _ = seal(head, [entry])
        values = {"sequence": sealed.sequence, "body": sealed.body, "hash": sealed.hash}
        with self._database.writing((), skip_locked=False) as session:
            # Not guarded: the rows that it changes are the entry and, by a trigger, the head.
            session.write([*steps, Step(_INSERT, [values], is_guarded=False)])
            session.commit()
