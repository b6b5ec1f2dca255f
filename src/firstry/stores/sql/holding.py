"""What a store holds, counted by one statement each."""

from datetime import datetime

from firstry.domain.instant import to_milliseconds
from firstry.ports.holding import Holding
from firstry.stores.sql.session import Database

_TOKENS = """
SELECT count(*) AS n, coalesce(sum(CASE WHEN expires_at > :now THEN 1 ELSE 0 END), 0) AS live
FROM token
"""
_ENTRIES = "SELECT coalesce(sum(head_sequence), 0) AS n FROM tenant"


class SqlHolding:
    """A `HoldingCount` over the tables of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def holding(self, now: datetime) -> Holding:
        """See `ports.holding.HoldingCount`. A tenant's head tells how many entries it has."""
        tokens = self._database.read(None, _TOKENS, {"now": to_milliseconds(now)})[0]
        entries = self._database.read(None, _ENTRIES, {})[0]
        live = int(tokens["live"])
        return Holding(live, int(tokens["n"]) - live, int(entries["n"]))
