"""A fleet of tenants in every state there is, made by the acts that make them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from firstry.domain.claim import Claim
from firstry.domain.errors import FirstryError
from firstry.domain.ledger import OPERATOR
from firstry.domain.outcome import Deferred, Failed
from firstry.domain.policy import DeferralKind, Policy
from firstry.domain.tenant import Tenant
from firstry.lifecycle.manual import request_report
from firstry.lifecycle.pause import pause
from firstry.lifecycle.reset import reset
from firstry.lifecycle.retry import retry_now
from firstry.lifecycle.uninstall import record_uninstallation
from firstry.ports.store import Store
from support.domain import (
    AUTO_12H,
    AUTO_24H,
    INSTALLED_AT,
    claim_at,
    completed,
    drop_token,
    install,
    settle_at,
    tick_at,
    token,
)

POLICY = Policy(max_attempts=4)
HOUR = timedelta(hours=1)
ERRORS = (
    ("JIRA_UNAVAILABLE", "Jira answered 503"),
    ("JIRA_MALFORMED", "Jira's answer for Issues has another shape"),
    ("JIRA_TOO_MANY", "read 4711 of 9000"),
)


def named(number: int) -> Tenant:
    """Return the tenant with this number; every third has another kind of id."""
    kinds = ("acme-site_{:03}", "BETA-{:03}", "gamma{:03}")
    return Tenant.from_row(kinds[number % 3].format(number))


def settle_down(
    store: Store, rng: Random, count: int, steps: int
) -> tuple[Sequence[Tenant], datetime]:
    """Let `count` tenants live for `steps` random acts; return them, and what time it is then."""
    everybody = [named(number) for number in range(count)]
    now = INSTALLED_AT
    for number, who in enumerate(everybody):
        begin = now + rng.random() * (300 if number % 5 == 0 else 30) * HOUR
        live = rng.choice([2, 30, 300]) * HOUR
        install(store, who, installed_at=begin, token_until=begin + live, policy=POLICY, now=now)
    now += 30 * HOUR
    for _ in range(steps):
        now += timedelta(minutes=rng.choice([0, 1, 12]))
        _one_act(store, rng, rng.choice(everybody), now)
    return everybody, now


def _one_act(store: Store, rng: Random, who: Tenant, now: datetime) -> None:
    kind = rng.random()
    if kind < 0.7:
        held = claim_at(store, now, who, POLICY)
        if isinstance(held, Claim):
            _settle(store, rng, held, now)
    elif kind < 0.8:
        tick_at(store, now, token(now + rng.choice([3, 300]) * HOUR), who, POLICY)
    else:
        try:
            _ordered(store, rng, who, now)
        except FirstryError:
            return


def _settle(store: Store, rng: Random, held: Claim, now: datetime) -> None:
    """Settle a claim in one of the ways there are; now and then not at all."""
    kind = rng.random()
    if kind < 0.2:
        return
    if kind < 0.4:
        settle_at(store, held, completed(held), now, POLICY)
    elif kind < 0.55:
        settle_at(store, held, Deferred(DeferralKind.QUOTA, "later", now + 9 * HOUR), now, POLICY)
    else:
        settle_at(store, held, Failed(*rng.choice(ERRORS)), now, POLICY)


def _ordered(store: Store, rng: Random, who: Tenant, now: datetime) -> None:
    kind = rng.randrange(7)
    if kind == 0:
        pause(store, who, "why", now)
    elif kind == 1:
        reset(store, who, rng.choice([AUTO_12H, AUTO_24H]), "why", now)
    elif kind == 2:
        retry_now(store, who, rng.choice([AUTO_12H, AUTO_24H]), "why", now)
    elif kind in (3, 4):
        request_report(store, who, "why", OPERATOR, now, POLICY)
    elif kind == 5:
        record_uninstallation(store, who, None, now)
    else:
        drop_token(store, now, who)
