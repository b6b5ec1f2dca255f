"""Sessions of the console behave alike on every SQL store."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from firstry.domain.access import ApiToken, Role
from firstry.domain.console_session import IDLE, LONGEST, ConsoleSession
from firstry.domain.ledger import OPERATOR
from firstry.stores.sql.access import SqlTokens
from firstry.stores.sql.console_session import SqlSessions
from firstry.stores.sql.service_ledger import ServiceLedger
from firstry.stores.sql.store import SqlStore
from support.backing import BACKINGS, SHARED
from support.domain import at

TOKEN = ApiToken("t-1", "ada", Role.OPERATOR, at(0), at(8))
BY_TOKEN = ConsoleSession("sha256:a", "ada", Role.OPERATOR, "t-1", at(0), at(0), at(0) + LONGEST)
BY_OTHERS = replace(BY_TOKEN, digest="sha256:b", name="bea", role=Role.ADMIN, token_id=None)


@pytest.fixture(params=SHARED)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """An empty SQL store of every kind, with one API token."""
    opened = BACKINGS[request.param](tmp_path).open()
    assert isinstance(opened, SqlStore)
    SqlTokens(opened.database).add(TOKEN, "sha256:token", OPERATOR)
    yield opened
    opened.close()


@pytest.fixture
def sessions(store: SqlStore) -> SqlSessions:
    """The sessions of the store, with one by token and one by somebody else's word."""
    found = SqlSessions(store.database)
    found.begin(BY_TOKEN, None)
    found.begin(BY_OTHERS, None)
    return found


def test_a_session_is_known_by_its_digest_until_it_ends(sessions: SqlSessions) -> None:
    assert sessions.good("sha256:a", at(0)) == BY_TOKEN
    assert sessions.good("sha256:b", at(0)) == BY_OTHERS
    assert sessions.good("sha256:c", at(0)) is None
    sessions.end(BY_OTHERS, at(0))
    sessions.end(BY_OTHERS, at(0))
    assert sessions.good("sha256:b", at(0)) is None
    assert sessions.good("sha256:a", at(0)) == BY_TOKEN


def test_it_ends_when_nobody_uses_it(sessions: SqlSessions) -> None:
    almost = at(0) + IDLE - timedelta(milliseconds=1)
    assert sessions.good("sha256:b", almost) == BY_OTHERS
    assert sessions.good("sha256:b", at(0) + IDLE) is None
    sessions.note_seen(BY_OTHERS, almost)
    assert sessions.good("sha256:b", at(0) + IDLE) is not None


def test_it_ends_after_half_a_day_however_it_is_used(sessions: SqlSessions) -> None:
    now, end = at(0), at(0) + LONGEST
    while now + timedelta(minutes=30) < end:
        now += timedelta(minutes=30)
        found = sessions.good("sha256:b", now)
        assert found is not None
        sessions.note_seen(found, now)
    assert sessions.good("sha256:b", end - timedelta(milliseconds=1)) is not None
    assert sessions.good("sha256:b", end) is None


def test_use_is_noted_once_a_minute(sessions: SqlSessions) -> None:
    noted = []
    for seconds in (59, 60, 61, 119, 120):
        found = sessions.good("sha256:b", at(seconds=seconds))
        assert found is not None
        sessions.note_seen(found, at(seconds=seconds))
        again = sessions.good("sha256:b", at(seconds=seconds))
        assert again is not None
        noted.append(again.seen_at)
    assert noted == [at(0), at(seconds=60), at(seconds=60), at(seconds=60), at(seconds=120)]


def test_it_ends_with_the_token_it_was_begun_with(store: SqlStore, sessions: SqlSessions) -> None:
    SqlTokens(store.database).revoke("t-1", at(0), OPERATOR)
    assert sessions.good("sha256:a", at(0)) is None
    assert sessions.good("sha256:b", at(0)) == BY_OTHERS


def test_so_it_does_when_the_token_is_over(sessions: SqlSessions) -> None:
    now = at(7) + timedelta(minutes=59)
    sessions.note_seen(BY_TOKEN, now)
    assert sessions.good("sha256:a", now) is not None
    assert sessions.good("sha256:a", at(8)) is None


def test_a_new_one_takes_the_formers_place_and_sweeps(
    store: SqlStore, sessions: SqlSessions
) -> None:
    third = replace(BY_OTHERS, digest="sha256:c", created_at=at(0), seen_at=at(0))
    sessions.begin(third, "sha256:b")
    assert sessions.good("sha256:b", at(0)) is None
    assert sessions.good("sha256:a", at(0)) == BY_TOKEN
    assert sessions.spend("sha256:form", at(0))
    much_later = replace(third, digest="sha256:d", created_at=at(30), ends_at=at(42))
    sessions.begin(much_later, None)
    held = store.database.read((), "SELECT digest FROM console_session", {})
    assert [row["digest"] for row in held] == ["sha256:d"]
    assert store.database.read((), "SELECT digest FROM console_form", {}) == []
    kinds = [entry.body for entry in ServiceLedger(store.database).entries(0, 100)]
    assert sum(b"CONSOLE_SESSION_BEGUN" in body for body in kinds) == 4


def test_a_form_is_spent_once_whoever_comes_first(sessions: SqlSessions) -> None:
    assert sessions.spend("sha256:form", at(0)) is True
    assert sessions.spend("sha256:form", at(0)) is False
    with ThreadPoolExecutor(4) as threads:
        spent = list(threads.map(lambda _: sessions.spend("sha256:other", at(0)), range(4)))
    assert sorted(spent) == [False, False, False, True]
