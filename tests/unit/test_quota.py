"""The rate-limit budget: who may be asked when (FORGE, "Rate limits")."""

from datetime import UTC, datetime, timedelta

from firstry.domain.tenant import Tenant
from firstry.forge.quota import (
    DEFAULT_WAIT,
    GLOBAL,
    LONGEST_WAIT,
    POINTS_AN_HOUR,
    TENANTS_KEPT,
    QuotaHolds,
)

NOW = datetime(2026, 3, 1, 9, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
ACME, OTHER = Tenant.from_row("acme"), Tenant.from_row("other")
TENANT_QUOTA = {"ratelimit-reason": "jira-quota-tenant-based"}


def test_the_last_point_of_the_hour_holds_everybody_until_the_next() -> None:
    holds = QuotaHolds()
    holds.spend(POINTS_AN_HOUR - 1, NOW)
    assert holds.held_until(ACME, NOW) is None
    holds.spend(1, NOW)
    next_hour = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
    assert holds.held_until(ACME, NOW) == holds.held_until(OTHER, NOW) == next_hour
    assert holds.held_until(ACME, next_hour) is None


def test_each_hour_has_points_of_its_own() -> None:
    holds = QuotaHolds()
    holds.spend(POINTS_AN_HOUR - 1, NOW)
    holds.spend(POINTS_AN_HOUR - 1, NOW + HOUR)
    assert holds.held_until(ACME, NOW + HOUR) is None


def test_a_tenants_own_quota_holds_that_tenant_alone() -> None:
    holds = QuotaHolds()
    holds.hold(ACME, TENANT_QUOTA, NOW + HOUR / 2, NOW)
    assert holds.held_until(ACME, NOW) == NOW + HOUR / 2
    assert holds.held_until(OTHER, NOW) is None
    assert holds.held_until(ACME, NOW + HOUR / 2) is None


def test_the_apps_quota_holds_all_and_a_shorter_word_does_not_shorten_it() -> None:
    holds = QuotaHolds()
    holds.hold(ACME, {"ratelimit-reason": GLOBAL}, NOW + HOUR / 2, NOW)
    holds.hold(OTHER, {"ratelimit-reason": GLOBAL}, NOW + HOUR / 4, NOW)
    assert holds.held_until(OTHER, NOW) == NOW + HOUR / 2


def test_a_hold_without_an_end_or_with_a_far_one_is_bounded() -> None:
    holds = QuotaHolds()
    holds.hold(ACME, TENANT_QUOTA, None, NOW)
    holds.hold(OTHER, TENANT_QUOTA, NOW + 24 * HOUR, NOW)
    assert holds.held_until(ACME, NOW) == NOW + DEFAULT_WAIT
    assert holds.held_until(OTHER, NOW) == NOW + LONGEST_WAIT


def test_holds_that_are_over_are_forgotten_when_there_are_many() -> None:
    holds = QuotaHolds()
    for number in range(TENANTS_KEPT):
        holds.hold(Tenant.from_row(f"site-{number}"), TENANT_QUOTA, NOW + HOUR / 4, NOW)
    holds.hold(ACME, TENANT_QUOTA, NOW + HOUR, NOW + HOUR / 2)
    assert holds.tenants_held == 1
