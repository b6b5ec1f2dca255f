"""100,000 tenants as an operator meets them: most are done, 5 % fail, a few are in each rare state.

Everybody is put in by the store's own transactions, so ledgers, markers and
reports hold; only the waiting is left out: each act is done at the instant in the
past at which it would have been done. What passes while it is measured, an hour
at most, changes no state.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bench.report import SIGNER, evidence
from firstry.domain.arm import armed
from firstry.domain.claim import Claim, claim
from firstry.domain.due import Quiet
from firstry.domain.import_value import Told
from firstry.domain.imported import imported
from firstry.domain.ledger import OPERATOR, PLATFORM, Entry, genesis
from firstry.domain.outcome import Completed, Deferred, Failed, Outcome
from firstry.domain.policy import DeferralKind, Policy, Trigger
from firstry.domain.public_key import PublicKey
from firstry.domain.record import (
    Change,
    Decide,
    Installation,
    InstallationSource,
    Order,
    SealedToken,
    TenantRecord,
    ledgered,
)
from firstry.domain.report.generate import generate
from firstry.domain.settle import Fenced, Settled, settle
from firstry.domain.tenant import Tenant
from firstry.lifecycle.pause import switching
from firstry.lifecycle.reset import resetting
from firstry.lifecycle.uninstall import record_uninstallation
from firstry.stores.sql.store import SqlStore

POLICY = Policy()
IMPATIENT = Policy(max_attempts=1)
"""Under it a milestone is given up after its first attempt."""
BATCH = 1000
FAILING_SHARE = 0.05
FAILING = "JIRA_UNAVAILABLE,JIRA_MALFORMED,JIRA_TOO_MANY"
"""The errors of those that fail."""
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
AUTO_12H, AUTO_24H = (name for name, _ in POLICY.triggers)
_EVIDENCE = evidence()
_TOKEN = b"x" * 400


@dataclass(frozen=True, slots=True)
class Life:
    """How one group of tenants lived. `age` is since the installation.

    `attempts` are (how long ago, its outcome), in order; an outcome None is still running.
    """

    share: int
    age: timedelta
    done: Sequence[Trigger] = ()
    has_token: bool = True
    attempts: Sequence[tuple[timedelta, str | None]] = ()
    then: str | None = None


_FAILING = (
    ("unavailable",),
    ("unavailable", "unavailable"),
    ("unavailable", "unavailable", "unavailable"),
    ("malformed", "malformed"),
    ("too many", "too many", "too many"),
)
_AGO = {1: (2 * MINUTE,), 2: (3 * HOUR, MINUTE), 3: (6 * HOUR, 4 * HOUR, HOUR)}
"""When attempts failed, so that the wait after the last one goes on for a while."""

LIVES = (
    *(
        Life(1, 21 * HOUR, attempts=tuple(zip(_AGO[len(each)], each, strict=True)))
        for each in _FAILING
    ),
    Life(5, 20 * HOUR, attempts=((7 * HOUR, "report"),)),
    Life(1, 13 * HOUR),
    Life(1, 14 * HOUR, has_token=False),
    Life(1, 15 * HOUR, attempts=((timedelta(), None),)),
    Life(1, 15 * HOUR, attempts=((2 * HOUR, "deferred"),)),
    Life(1, 40 * HOUR, has_token=False, then="missed"),
    Life(1, 20 * HOUR, attempts=((3 * HOUR, "unavailable"),), then="discarded"),
    Life(1, 300 * HOUR, done=(AUTO_12H, AUTO_24H), then="reset"),
    Life(2, 5 * HOUR, then="paused"),
    Life(3, 90 * HOUR, done=(AUTO_12H,), then="uninstalled"),
    Life(22, 6 * HOUR),
    Life(12, 14 * HOUR, done=(AUTO_12H,)),
    Life(44, 2000 * HOUR, done=(AUTO_12H, AUTO_24H)),
)
"""By hundredths of all tenants; the first five are those that fail."""

assert sum(life.share for life in LIVES) == 100
_BY_HUNDREDTH = [life for life in LIVES for _ in range(life.share)]


def tenant_named(number: int) -> Tenant:
    """Return one of the tenants; their order is another than that of their numbers."""
    return Tenant.from_row(f"{number * 2654435761 % 2**32:08x}-2222-4333-8444-{number:012x}")


def populate(store: SqlStore, tenants: int, now: datetime) -> None:
    """Let `tenants` live in an empty store until `now`."""
    store.remember(PublicKey(SIGNER.key_id, SIGNER.point, now - 2000 * HOUR))
    for first in range(0, tenants, BATCH):
        numbers = range(first, min(first + BATCH, tenants))
        store.transact_many(now, {tenant_named(n): _recorded(n, now) for n in numbers})
        for life in LIVES:
            mine = [n for n in numbers if life_of(n) is life]
            for ago, outcome in life.attempts:
                _attempt(store, mine, now - ago, outcome)
            if life.then is not None:
                _THEN[life.then](store, [tenant_named(n) for n in mine], now)


def life_of(number: int) -> Life:
    """Return how the tenant with this number lived."""
    return _BY_HUNDREDTH[number % 100]


def _recorded(number: int, now: datetime) -> Decide[None]:
    life, tenant = life_of(number), tenant_named(number)
    age = life.age + timedelta(seconds=number % 3000) if life.age < 48 * HOUR else life.age
    installed_at = now - age - (number % 977) * HOUR * (life.age > 500 * HOUR)

    def decide(_: TenantRecord | None) -> Change[None]:
        if life.done:
            told = Told(installed_at, dict.fromkeys(life.done, installed_at + 25 * HOUR))
            met = imported(tenant, told, now - HOUR * (number % 90), POLICY, None)
            assert met.after is not None
            after, sealed = met.after, met.entries
        else:
            found = Installation(installed_at, InstallationSource.LIFECYCLE, "i")
            names = [name for name, _ in POLICY.triggers]
            blank = TenantRecord(tenant, found, genesis(tenant))
            record = armed(blank, names, installed_at, POLICY)
            after, sealed = ledgered(record, [Entry("INSTALLED", installed_at, PLATFORM, {})])
        token = SealedToken(_TOKEN, "k", now + (6 if life.has_token else -1) * HOUR)
        silent = timedelta(minutes=number % 70) if number % 50 else None
        after = replace(
            after,
            last_tick_at=now - silent if silent is not None else None,
            token_expires_at=token.expires_at,
        )
        return Change(None, after, sealed, token=token)

    return decide


def _attempt(store: SqlStore, numbers: Sequence[int], at: datetime, outcome: str | None) -> None:
    """Let each claim at an instant, and settle unless the attempt is still running."""
    begun = store.transact_many(at, {tenant_named(n): _claiming(at, POLICY) for n in numbers})
    held = {tenant: each for tenant, each in begun.items() if isinstance(each, Claim)}
    if len(held) != len(numbers):
        raise RuntimeError(f"{len(numbers) - len(held)} could not be claimed: {outcome}")
    if outcome is None:
        return
    ended = {tenant: _settling(mine, _outcome(outcome, mine), at) for tenant, mine in held.items()}
    store.transact_many(at, ended)


def _claiming(at: datetime, policy: Policy) -> Decide[Claim | Quiet]:
    return lambda record: claim(_back(record), at, policy)


def _settling(held: Claim, outcome: Outcome, at: datetime) -> Decide[Settled | Fenced]:
    return lambda record: settle(record, held, outcome, at, POLICY)


def _back(record: TenantRecord | None) -> TenantRecord | None:
    """Return the record as if the store's clock stood still; the filling goes back in time."""
    return replace(record, store_clock_at=None) if record is not None else None


def _outcome(word: str, held: Claim) -> Outcome:
    if word == "report":
        report = generate(held, _EVIDENCE)
        return Completed(replace(report, envelope=SIGNER.sign(report, held.head)), ())
    if word == "deferred":
        return Deferred(DeferralKind.QUOTA, "the quota is used up", held.decided_at + 12 * HOUR)
    number = held.decided_at.microsecond + int(held.tenant.cloud_id[-4:], 16)
    return {
        "unavailable": Failed("JIRA_UNAVAILABLE", f"Jira answered {(503, 502)[number % 2]}"),
        "malformed": Failed("JIRA_MALFORMED", "Jira's answer for Issues has another shape"),
        "too many": Failed("JIRA_TOO_MANY", f"read {number % 200} of 9000"),
    }[word]


def _missed(store: SqlStore, tenants: Iterable[Tenant], now: datetime) -> None:
    store.transact_many(now, {each: _claiming(now, POLICY) for each in tenants})


def _discarded(store: SqlStore, tenants: Iterable[Tenant], now: datetime) -> None:
    store.transact_many(now, {each: _claiming(now, IMPATIENT) for each in tenants})


def _reset(store: SqlStore, tenants: Iterable[Tenant], now: datetime) -> None:
    order = Order("bench", OPERATOR, now - HOUR)
    store.transact_many(now, {each: resetting(each, AUTO_24H, order) for each in tenants})


def _paused(store: SqlStore, tenants: Iterable[Tenant], now: datetime) -> None:
    order = Order("bench", OPERATOR, now - HOUR)
    store.transact_many(now, {each: switching(each, order, to_pause=True) for each in tenants})


def _uninstalled(store: SqlStore, tenants: Iterable[Tenant], now: datetime) -> None:
    for each in tenants:
        record_uninstallation(store, each, None, now - HOUR)


_THEN: dict[str, Callable[[SqlStore, Iterable[Tenant], datetime], None]] = {
    "missed": _missed,
    "discarded": _discarded,
    "reset": _reset,
    "paused": _paused,
    "uninstalled": _uninstalled,
}
