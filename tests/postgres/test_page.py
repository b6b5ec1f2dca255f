"""docs/postgresql.md: its SQL is run, and each bad day that it tells has its test, no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from docs.page import page
from firstry.domain.errors import EraseNotAllowed
from firstry.stores.place import open_eraser
from firstry.stores.sql.postgres.migration import upgrade
from firstry.stores.sql.postgres.store import PostgresStore
from postgres.bad_day import BAD_DAYS
from support.domain import install, tenant
from support.postgres import Cluster
from support.postgres_binaries import newest

PAGE = "docs/postgresql.md"
HERE = Path(__file__).parent
GRANTED = "GRANT firstry_eraser TO firstry_erasing"
"""What the superuser grants where the migrator is to make no roles."""
OTHER_DAYS = {
    "sessions ended": "test_ended_sessions_are_made_anew",
    "row held": "test_a_row_that_a_stranger_holds_stops_its_own_tenant_only",
    "pool used up": "test_a_pool_that_is_used_up_refuses_and_recovers",
    "disk full": "test_no_room_for_the_claim_is_a_fault_and_no_work",
    "disk full for the log": "test_no_room_for_the_log_stops_the_server_and_loses_nothing",
    "clock stepped back": "test_a_server_whose_clock_steps_back_claims_nothing_and_says_so",
    "server too old": "test_a_server_that_is_too_old_is_refused",
    "role with too many rights": "test_a_role_with_too_many_rights_is_refused_at_the_start",
    "role without rights": "test_a_role_without_rights_is_told_what_it_needs",
    "older schema": "test_a_service_on_an_old_schema_names_the_command",
    "newer schema": "test_a_service_that_runs_goes_on_over_a_newer_schema",
}
"""The bad days that have a test of their own, beside the one for all of `BAD_DAYS`."""


@pytest.fixture
def server() -> Iterator[Cluster]:
    """A server without any role of firstry's."""
    cluster = Cluster(newest(), durable=False)
    cluster.start()
    yield cluster
    cluster.remove()


def _blocks(word: str) -> list[str]:
    """Return the statements of the one SQL block that has `word` in it."""
    [found] = [b for b in page(PAGE).blocks() if b.language == "sql" and word in b.text]
    return [statement for statement in found.text.split(";") if statement.strip()]


def _run(url: str, statements: list[str]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            done = connection.execute(statement.encode())
            rows = done.fetchall() if done.description else []
    return rows


def _url(server: Cluster, role: str, password: str) -> str:
    return f"postgresql://{role}:{password}@127.0.0.1:{server.port}/firstry"


def _serves(url: str) -> None:
    store = PostgresStore(url)
    store.check()
    install(store, tenant(1))
    assert len(store.tenants(None, 10)) == 1
    store.close()


def test_every_bad_day_is_told_and_tested() -> None:
    told = page(PAGE).table("bad day", "what one sees").column("bad day")
    assert sorted(told) == sorted([*BAD_DAYS, *OTHER_DAYS])
    tests = {
        node.name
        for path in HERE.glob("test_*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert set(OTHER_DAYS.values()) <= tests


@pytest.mark.parametrize("makes_roles", [True, False])
def test_a_database_is_set_up_as_told(server: Cluster, makes_roles: bool) -> None:
    """By a migrator that makes the group roles, and by one that finds them."""
    setting_up = _blocks("CREATE DATABASE")
    if not makes_roles:
        setting_up = [re.sub(" CREATEROLE", "", each) for each in setting_up]
    _run(server.url(), setting_up)
    if not makes_roles:
        _run(server.url(), _blocks("CREATE ROLE firstry_app"))
    assert upgrade(_url(server, "firstry_migrator", "change-me-1"), service_role="firstry_service")
    _serves(_url(server, "firstry_service", "change-me-2"))


def test_one_role_that_owns_the_database_is_enough(server: Cluster) -> None:
    with server.database() as database:
        assert upgrade(database.url, service_role=database.owner)
        _serves(database.url)


def test_the_other_blocks_do_what_the_page_says(server: Cluster) -> None:
    _run(server.url(), _blocks("CREATE DATABASE"))
    owner = _url(server, "firstry_migrator", "change-me-1")
    upgrade(owner, service_role="firstry_service")
    seen = _run(_url(server, "firstry_service", "change-me-2"), _blocks("n_dead_tup"))
    assert [row[0] for row in seen] == ["milestone", "tenant"]
    for mark, is_lowered in ((2**42, True), (5, False)):
        _run(owner, [f"UPDATE store_clock SET high_water_at = {mark}"])
        _run(owner, _blocks("store_clock"))
        [(after,)] = _run(owner, ["SELECT high_water_at FROM store_clock"])
        assert (after != mark) is is_lowered


@pytest.mark.parametrize("makes_roles", [True, False])
def test_a_role_that_erases_is_set_up_as_told(server: Cluster, makes_roles: bool) -> None:
    setting_up = _blocks("CREATE DATABASE")
    if not makes_roles:
        setting_up = [re.sub(" CREATEROLE", "", each) for each in setting_up]
    _run(server.url(), [*setting_up, *_blocks("firstry_erasing")])
    if not makes_roles:
        _run(server.url(), [*_blocks("CREATE ROLE firstry_app"), GRANTED])
    owner = _url(server, "firstry_migrator", "change-me-1")
    upgrade(owner, service_role="firstry_service", erase_role="firstry_erasing")
    with open_eraser(_url(server, "firstry_erasing", "change-me-3")) as store:
        assert store.read(tenant(1)) is None
    with (
        pytest.raises(EraseNotAllowed),
        open_eraser(_url(server, "firstry_service", "change-me-2")),
    ):
        pass


def test_the_sizes_of_pools_and_waits_are_the_ones_told() -> None:
    from firstry.stores.sql.postgres import connection, pool

    text = page(PAGE).text
    assert f"at most {pool.CONNECTIONS} and" in text
    assert f"longer than {connection.ANSWER_SECONDS} s, no lock" in text
    assert f"silent for {connection.ANSWER_SECONDS + 0.25} s" in text
    assert (pool.WAIT_SECONDS, connection.LOCK_SECONDS, pool.IDLE_SECONDS) == (1.0, 1.0, 600.0)
    assert f"PostgreSQL {connection.OLDEST_MAJOR} or newer" in text
