"""Builders for tests of an import: what a dump tells of one tenant, and taking it over."""

from datetime import datetime
from typing import Any

from firstry.domain.due import Quiet, Reason, decide
from firstry.domain.import_key import Key, parse_key
from firstry.domain.import_value import Told, facts_of
from firstry.domain.imported import AGES, Taken, imported
from firstry.domain.instant import iso
from firstry.domain.policy import Policy
from firstry.ports.store import Store
from support.domain import DEFAULT, TENANT, at
from support.invariants import breaches_of, snapshot

NOW = at(13)
STATE = "phase5:scheduler:state:{}"
DONE_12H = "phase5:scheduler:{}:AUTO_12H:DONE"
DONE_24H = "phase5:scheduler:{}:AUTO_24H:DONE"
EVIDENCE = "phase4:evidence:installation:{}"
INSTALLED = {"installed_at": iso(at(0))}


def facts(shape: str, value: object, now: datetime = NOW) -> object:
    """Return what is read from a value under a key of TENANT, or why it is refused."""
    key = parse_key(shape.format(TENANT.cloud_id), frozenset(AGES))
    assert isinstance(key, Key)
    return facts_of(key, value, now)


def told(now: datetime = NOW, **values: Any) -> Told:
    """Return what a dump tells with these values: evidence, done_12h, done_24h, state."""
    shapes = {"evidence": EVIDENCE, "done_12h": DONE_12H, "done_24h": DONE_24H, "state": STATE}
    found = Told()
    for name, value in values.items():
        read = facts(shapes[name], value, now)
        assert isinstance(read, list), read
        for fact in read:
            found.add(fact)
    return found


def take(store: Store, now: datetime = NOW, policy: Policy = DEFAULT, **values: Any) -> Taken:
    """Import a dump of one tenant, and judge what stands there then."""
    what = told(now, **values)
    taken = store.transact(TENANT, now, lambda record: imported(TENANT, what, now, policy, record))
    record = store.read(TENANT)
    if record is not None:
        assert breaches_of(snapshot(store, record), policy) == []
    return taken


def reason_at(store: Store, now: datetime) -> Reason | None:
    """Return why TENANT is left alone at `now`, None if something is due."""
    decided = decide(store.read(TENANT), now, DEFAULT)
    return decided.reason if isinstance(decided, Quiet) else None


def failing(number: int, **more: object) -> dict[str, object]:
    """Return a state in which AUTO_12H has failed so often."""
    error = {
        "timestamp": iso(at(12)),
        "message": "secret words",
        "trigger": "AUTO_12H",
        "attempt_count": number,
    }
    return {"auto_12h_attempt_count": number, "last_error": error, **more}
