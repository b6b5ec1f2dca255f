"""`/health/detail` on PostgreSQL: the server's version and clock, the schema, the pool."""

from pathlib import Path

from firstry.domain.access import Role
from firstry.sim.platform_key import KeyRing
from firstry.stores.sql.migration import Engine, migrations
from firstry.stores.sql.postgres.clock import DatabaseClock
from firstry.stores.sql.postgres.store import PostgresDatabase
from support.operator_call import operator
from support.postgres_rows import PostgresRows
from support.postgres_service import ServiceDatabase
from support.service import World


def test_every_part_is_told(tmp_path: Path, keys: KeyRing, database: ServiceDatabase) -> None:
    engine = PostgresDatabase(database.url)
    clock = DatabaseClock(engine)
    rows = PostgresRows(tmp_path / "none.db", database)
    try:
        with World(tmp_path, keys, real_clock=clock, database=rows) as world:
            parts = operator(world, Role.VIEWER).got("/health/detail")["parts"]
    finally:
        clock.close()
        engine.close()
    assert parts["store"]["product"].startswith("PostgreSQL 1")
    connections = parts["store"]["connections"]
    assert 1 <= connections["open"] <= connections["most"] == 10
    names = [step.name for step in migrations(Engine.POSTGRES)]
    assert (parts["schema"]["head"], parts["schema"]["applied"]) == (names[-1], names)
    assert abs(parts["clock"]["ahead_of_host_seconds"]) < 30
    assert {parts[name]["says"] for name in ("store", "schema", "clock")} == {"ok"}
