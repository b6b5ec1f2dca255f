"""The service's own ledger: an entry is written together with what it tells of.

Why this is safe: an entry is sealed onto the head that was read, and the schema takes
it only as the next one. Who comes second is refused whole, and seals anew.
"""

from collections.abc import Sequence

from firstry.domain.errors import Defect
from firstry.domain.ledger import Entry, Head, SealedEntry, seal
from firstry.domain.service_ledger import service_genesis
from firstry.stores.sql.session import Database, Step

_HEAD = "SELECT sequence, hash FROM service_ledger ORDER BY sequence DESC LIMIT 1"
_LIST = """
SELECT sequence, body, hash FROM service_ledger
WHERE sequence > :after ORDER BY sequence LIMIT :limit
"""
_INSERT = """
INSERT INTO service_ledger (sequence, body, hash) VALUES (:sequence, :body, :hash)
"""
_TRIES = 5


class ServiceLedger:
    """The chain of entries in `service_ledger`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def head(self) -> Head:
        """Return the end of the chain."""
        found = self._database.read((), _HEAD, {})
        return Head(found[0]["sequence"], found[0]["hash"]) if found else service_genesis()

    def entries(self, after: int, limit: int) -> Sequence[SealedEntry]:
        """Return entries with a sequence above `after`, in order."""
        found = self._database.read((), _LIST, {"after": after, "limit": limit})
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
            session.write([*steps, Step(_INSERT, [values])])
            session.commit()
