"""The JQL of a simulated site: what it counts and what it refuses."""

from datetime import UTC, datetime, timedelta

import pytest

from firstry.sim.jira_query import UNBOUNDED, JQLError, restriction

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("jql", "expected"),
    [
        ('created >= "1970-01-01"', [True, True, True]),
        ("created >= 1970-01-01 ORDER BY created DESC", [True, True, True]),
        ("CREATED > '2026/02/28 12:00'", [False, False, True]),
        ('created < "2026-02-28 12:00"', [True, False, False]),
        ('created = "2026-02-28 12:00"', [False, True, False]),
        ('created >= "2020-01-01" AND updated <= -1d', [True, True, False]),
        ("created >= -25h and project is not EMPTY", [False, True, True]),
        ("project is not null", [True, True, True]),
        ("created > 2030-01-01", [False, False, False]),
    ],
)
def test_bounded_queries_pass_the_issues_they_name(jql: str, expected: list[bool]) -> None:
    passes = restriction(jql, AT)
    issues = [AT - timedelta(days=40), AT - timedelta(days=1), AT - timedelta(hours=1)]
    assert [passes(created) for created in issues] == expected


@pytest.mark.parametrize("jql", ["", "   ", "ORDER BY created", " order by created desc"])
def test_unbounded_queries_are_refused(jql: str) -> None:
    with pytest.raises(JQLError) as refused:
        restriction(jql, AT)
    assert str(refused.value) == UNBOUNDED


@pytest.mark.parametrize(
    "jql",
    [
        "created",
        "created >=",
        "created >= ,",
        "created >> 2020-01-01",
        'created >= "1970-01-01',
        'created >= "',
        'created >= "yesterday"',
        'created >= "1970-13-01"',
        "created >= 1970-01-01 AND",
        "AND created >= 1970-01-01",
        "created >= 1970-01-01 ORDER BY",
        "created >= 1970-01-01 created",
        "(created >= 1970-01-01",
        "created >= 1970-01-01 OR created < 1970-01-01",
        "project = ACME",
        "colour = red",
        "created is EMPTY",
        "\x00",
        "created >= -99999w",
    ],
)
def test_malformed_and_unsupported_queries_are_refused(jql: str) -> None:
    with pytest.raises(JQLError):
        restriction(jql, AT)
