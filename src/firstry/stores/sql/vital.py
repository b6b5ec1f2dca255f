"""What a database can say of itself: product, schema, connections."""

from firstry.ports.vital import PoolUse, SchemaState
from firstry.stores.sql.migration import migrations
from firstry.stores.sql.session import Database

_APPLIED = "SELECT name FROM schema_migration ORDER BY version"


class SqlVitals:
    """A `StoreVitals` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def product(self) -> str:
        """See `ports.vital.StoreVitals`."""
        return self._database.product()

    def schema(self) -> SchemaState:
        """See `ports.vital.StoreVitals`."""
        applied = self._database.read((), _APPLIED, {})
        head = migrations(self._database.engine)[-1].name
        return SchemaState(head, [str(each["name"]) for each in applied])

    def pool(self) -> PoolUse:
        """See `ports.vital.StoreVitals`."""
        return self._database.pool_use()
