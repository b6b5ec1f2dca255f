"""Builders for tests of the protocol: instants, evidence, and each act on any store.

Every act here is the pure decision of the domain, run by `Store.transact` as the
service runs it. So one helper serves the memory store in a unit test, every
store of the conformance suite and both stores of the lockstep test.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from firstry.domain.claim import Claim, claim
from firstry.domain.due import Quiet, due_query
from firstry.domain.evidence import (
    Count,
    CountMethod,
    Dataset,
    Evidence,
    NotCollected,
    NotCollectedCause,
    NotPermitted,
    Reading,
)
from firstry.domain.ledger import SealedEntry
from firstry.domain.milestone import Milestone
from firstry.domain.outcome import Completed, Outcome
from firstry.domain.policy import Policy, Trigger
from firstry.domain.record import (
    Installation,
    InstallationSource,
    SealedToken,
    StoredReport,
    TenantRecord,
)
from firstry.domain.report.generate import generate
from firstry.domain.settle import Fenced, Settled, settle
from firstry.domain.tenant import Tenant
from firstry.domain.wake import forget_token, wake
from firstry.lifecycle.install import Recorded, record_installation
from firstry.ports.store import ReportHead, Store

INSTALLED_AT = datetime(2026, 1, 1, tzinfo=UTC)
FAR = timedelta(days=4000)
AUTO_12H = Trigger("AUTO_12H")
AUTO_24H = Trigger("AUTO_24H")
DEFAULT = Policy()
TENANT = Tenant.from_row("11111111-2222-4333-8444-555555555555")


def at(hours: float = 0, minutes: float = 0, seconds: float = 0, milliseconds: int = 0) -> datetime:
    """Return the instant this long after the installation."""
    return INSTALLED_AT + timedelta(
        hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds
    )


MOMENT = timedelta(milliseconds=1)
"""The smallest step of time that a store keeps."""


def tenant(number: int) -> Tenant:
    """Return a tenant; a higher number is later in cloudId order."""
    return Tenant.from_row(f"site-{number:05}")


def token(expires_at: datetime, ciphertext: bytes = b"sealed") -> SealedToken:
    """Return a sealed token; nothing in these tests opens it."""
    return SealedToken(ciphertext, "k1", expires_at)


def install(
    store: Store,
    who: Tenant = TENANT,
    *,
    installed_at: datetime = INSTALLED_AT,
    token_until: datetime | None = INSTALLED_AT + FAR,
    policy: Policy = DEFAULT,
    installation_id: str | None = None,
    now: datetime | None = None,
) -> Recorded:
    """Record an installation, with a token that lives for years unless told otherwise."""
    evidence = Installation(installed_at, InstallationSource.LIFECYCLE, installation_id)
    kept = token(token_until) if token_until else None
    return record_installation(store, who, evidence, now or installed_at, policy, token=kept)


def claim_at(
    store: Store, now: datetime, who: Tenant = TENANT, policy: Policy = DEFAULT
) -> Claim | Quiet:
    """Run the claim of `scheduler.attempt.begin`."""
    return store.transact(who, now, lambda record: claim(record, now, policy))


def won(store: Store, now: datetime, who: Tenant = TENANT, policy: Policy = DEFAULT) -> Claim:
    """Return the claim that is won at `now`; an assertion fails where there is none."""
    answer = claim_at(store, now, who, policy)
    assert isinstance(answer, Claim), answer
    return answer


def tick_at(
    store: Store,
    now: datetime,
    brought: SealedToken | None = None,
    who: Tenant = TENANT,
    policy: Policy = DEFAULT,
) -> Claim | Quiet:
    """Run the write of a tick."""
    return store.transact(who, now, lambda record: wake(record, brought, now, policy))


def settle_at(
    store: Store, held: Claim, outcome: Outcome, now: datetime, policy: Policy = DEFAULT
) -> Settled | Fenced:
    """Settle `held` with `outcome`."""
    return store.transact(
        held.tenant, now, lambda record: settle(record, held, outcome, now, policy)
    )


def drop_token(store: Store, now: datetime, who: Tenant = TENANT) -> None:
    """Delete the tenant's token, as the vault does."""
    store.transact(who, now, lambda record: forget_token(record, None))


def complete(
    store: Store,
    now: datetime,
    who: Tenant = TENANT,
    policy: Policy = DEFAULT,
    evidence: Evidence | None = None,
) -> StoredReport:
    """Claim what is due at `now` and settle it with a report."""
    held = won(store, now, who, policy)
    outcome = completed(held, evidence)
    settled = settle_at(store, held, outcome, now, policy)
    assert isinstance(settled, Settled), settled
    return outcome.report


def completed(held: Claim, evidence: Evidence | None = None) -> Completed:
    """Return the outcome of a generation for `held`. Its signature is not a real one."""
    seen = evidence if evidence is not None else site_evidence(asked_at=held.decided_at)
    entries = tuple(reading.entry() for reading in seen.readings())
    return Completed(replace(generate(held, seen), envelope=b"an envelope"), entries)


def known(store: Store, who: Tenant = TENANT) -> TenantRecord:
    """Return the tenant's record; an assertion fails where there is none."""
    record = store.read(who)
    assert record is not None
    return record


def milestone_of(
    store: Store, trigger: Trigger, who: Tenant = TENANT, revision: int = 1
) -> Milestone:
    """Return one milestone as stored."""
    found = known(store, who).milestone(trigger, revision)
    assert found is not None
    return found


def reading(
    dataset: Dataset,
    value: int | None,
    *,
    covered: int | None = None,
    visible: int | None = None,
    method: CountMethod = CountMethod.READ,
    asked_at: datetime = INSTALLED_AT,
) -> Reading:
    """Return a reading of `value`; None is the platform's 403."""
    answer: Count | NotPermitted = NotPermitted()
    if value is not None:
        whole = value if visible is None else visible
        answer = Count(value, whole if covered is None else covered, whole, method)
    path = f"GET /rest/api/3/{dataset.name.lower()}"
    status = 403 if value is None else 200
    return Reading(dataset, path, "read:jira-work", asked_at, status, answer)


def site_evidence(*changed: Reading | NotCollected, asked_at: datetime = INSTALLED_AT) -> Evidence:
    """Return evidence of a small site, with `changed` in the place of their namesakes.

    Projects, issues and three more were counted; the rest was not asked for.
    """
    counted = {
        Dataset.PROJECTS: CountMethod.COUNTED_BY_PLATFORM,
        Dataset.ISSUES: CountMethod.APPROXIMATED_BY_PLATFORM,
        Dataset.CUSTOM_FIELDS: CountMethod.COUNTED_BY_PLATFORM,
        Dataset.FIELDS: CountMethod.READ,
        Dataset.STATUSES: CountMethod.READ,
    }
    items: dict[Dataset, Reading | NotCollected] = {
        dataset: NotCollected(dataset, NotCollectedCause.NOT_ENABLED) for dataset in Dataset
    }
    items[Dataset.AUTOMATION_RULES] = NotCollected(
        Dataset.AUTOMATION_RULES, NotCollectedCause.NO_SUPPORTED_SOURCE
    )
    for number, (dataset, method) in enumerate(counted.items(), start=3):
        items[dataset] = reading(dataset, 7 * number, method=method, asked_at=asked_at)
    items |= {item.dataset: item for item in changed}
    return Evidence(tuple(items[dataset] for dataset in Dataset))


def all_entries(store: Store, who: Tenant = TENANT) -> tuple[SealedEntry, ...]:
    """Return the tenant's whole ledger, page by page."""
    found: list[SealedEntry] = []
    while page := store.entries(who, len(found), 100):
        found += page
    return tuple(found)


def all_reports(store: Store, who: Tenant | None = TENANT) -> tuple[StoredReport, ...]:
    """Return the reports of a tenant (or of all), page by page, with their bodies."""
    heads: list[ReportHead] = []
    while page := store.reports(who, heads[-1].report_id if heads else None, 100):
        heads += page
    found = [store.report(head.report_id) for head in heads]
    return tuple(report for report in found if report is not None)


def claimable_at(
    store: Store, now: datetime, policy: Policy = DEFAULT, limit: int = 100
) -> Sequence[Tenant]:
    """List what the worker would take up at `now`."""
    return store.claimable(due_query(now, policy), limit)
