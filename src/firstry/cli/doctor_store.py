"""What `firstry doctor` finds in a store that can be read.

What is wrong with tenants is the attention list, word for word: console, API, alerts
and doctor have it from one place. The rest is what no list of tenants shows.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from firstry.cli.doctor_erasure import erasure_findings
from firstry.cli.finding import Finding
from firstry.config import Settings
from firstry.domain.due import is_behind
from firstry.domain.instant import iso
from firstry.insight.alert import AlertName
from firstry.insight.concern import Code, concerns
from firstry.insight.overview import overview
from firstry.insight.patrol import LedgerPatrol
from firstry.ports.access import TokenRegister
from firstry.ports.alert import AlertBook
from firstry.ports.job import JobBook
from firstry.ports.store import PAGE_LIMIT, Store
from firstry.stores.place import Place, clock_for
from firstry.stores.sql.alert import SqlAlerts
from firstry.stores.sql.service_ledger import ServiceLedger
from firstry.stores.sql.store import SqlStore
from firstry.wiring.operators import operators_of
from firstry.wiring.policy import policy_of

ENDS_SOON = timedelta(days=7)
JOB_LEFT = timedelta(minutes=10)
TRIES = 3
"""A message that was not taken so often is told; before, it may just be on its way."""


def found_in(settings: Settings, store: SqlStore) -> Iterator[Finding]:
    """Yield what is wrong in a store, the most pressing first. Raises as the store does."""
    clock = clock_for(settings.database_url, store)
    limits = (settings.alert_backoff, settings.alert_failure_rate)
    seen = operators_of(store, clock, policy_of(settings), *limits)
    now = clock.now()
    yield from _clock(store, now)
    yield from _role(settings)
    book = SqlAlerts(store.database)
    patrol = LedgerPatrol(store, ServiceLedger(store.database), clock)
    yield from _ledgers(patrol, book)
    for concern in concerns(overview(seen.insight, now)):
        if concern.code is not Code.CLOCK_BEHIND:
            yield Finding(concern.code.value, f"{concern.what}: {concern.why}", concern.command)
    yield from erasure_findings(settings, seen.insight.insight, now)
    yield from _jobs(seen.bulk.jobs, now)
    if settings.alert_webhook_url is not None:
        yield from _webhook(book)
    yield from _tokens(seen.tokens, now)


def _clock(store: Store, now: datetime) -> Iterator[Finding]:
    high_water_at = store.check()
    if high_water_at is not None and is_behind(high_water_at, now):
        yield Finding(
            "CLOCK_BEHIND",
            f"the clock says {iso(now)}, but the store has seen {iso(high_water_at)}: "
            "nothing is claimed",
            "set the host's clock, on PostgreSQL the server's; if the store has seen a "
            "wrong clock, see docs/operations.md, 'The clock stepped back'",
        )


def _role(settings: Settings) -> Iterator[Finding]:
    """One role for all is allowed, and another one for the services is better."""
    if Place(settings.database_url).is_sqlite:
        return
    from firstry.stores.sql.postgres.role import owner_among

    role = owner_among(settings.database_url)
    if role is not None:
        yield Finding(
            "ROLE_OWNS_TABLES",
            f"the service connects as {role}, which owns the tables and could change their rules",
            "give the service a role of its own, keep this one for FIRSTRY_MIGRATE_DATABASE_URL, "
            "then: firstry db upgrade",
        )


def _ledgers(patrol: LedgerPatrol, book: AlertBook) -> Iterator[Finding]:
    """Walk the service's own ledger and the first tenants'; the patrol of a service knows more."""
    patrol.step(PAGE_LIMIT)
    if patrol.is_service_broken:
        yield Finding(
            "LEDGER_BROKEN",
            "the service's own ledger is not what was written",
            "firstry evidence verify --service",
        )
    if patrol.is_unreadable:
        yield Finding(
            "LEDGER_BROKEN",
            "a tenant's row is not what was written, and cannot be read",
            "restore the database from a backup",
        )
    for cloud_id in patrol.broken_tenants:
        yield Finding(
            "LEDGER_BROKEN",
            f"the ledger of tenant {cloud_id} is not what was written",
            f"firstry evidence verify {cloud_id}",
        )
    told = {record.name for record in book.records() if record.is_firing}
    if AlertName.LEDGER_BROKEN.value in told and not patrol.broken:
        yield Finding(
            "LEDGER_BROKEN",
            "a service has met a ledger that is not what was written",
            "firstry evidence verify ID, for each tenant",
        )


def _jobs(jobs: JobBook, now: datetime) -> Iterator[Finding]:
    for job in jobs.left_alone(now, now - JOB_LEFT):
        yield Finding(
            "BULK_STUCK",
            f"bulk job {job.job_id} ({job.act}) has {job.total - job.done - job.failed} targets "
            f"left, since {iso(job.created_at)}, and nobody works on it",
            "firstry serve --role web",
        )


def _webhook(book: AlertBook) -> Iterator[Finding]:
    for record in book.records():
        if record.body is not None and record.tries >= TRIES:
            yield Finding(
                "WEBHOOK_UNDELIVERED",
                f"the webhook did not take {record.name} in {record.tries} tries; the next one is "
                f"due at {iso(record.next_try_at)}",
                "see that FIRSTRY_ALERT_WEBHOOK_URL answers a POST with 2xx: firstry config show",
            )


def _tokens(tokens: TokenRegister, now: datetime) -> Iterator[Finding]:
    for token in tokens.tokens():
        if token.revoked_at is not None or token.expires_at is None:
            continue
        whose = f"{token.name} ({token.role})"
        if token.expires_at <= now:
            yield Finding(
                "API_TOKEN_EXPIRED",
                f"the token of {whose} ended at {iso(token.expires_at)}",
                f"firstry tokens revoke {token.token_id}",
            )
        elif token.expires_at <= now + ENDS_SOON:
            yield Finding(
                "API_TOKEN_ENDS_SOON",
                f"the token of {whose} ends at {iso(token.expires_at)}",
                f'firstry tokens create --name "{token.name} 2" --role {token.role} --expires 90d',
            )
