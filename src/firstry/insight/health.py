"""How the parts of a service are: behind `/readyz`, `/health/detail` and the console.

Each part says `ok` or one sentence on what is wrong and what to do. Readiness is about
this process and whether it can work; the detail adds what somebody who looks into it
wants to know. Reading it changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from firstry.domain.canonical import Json
from firstry.domain.due import is_behind
from firstry.domain.errors import FirstryError, StoreUnfit
from firstry.domain.instant import iso
from firstry.insight.concern import Code, Concern, concerns
from firstry.insight.overview import Overview, Watch
from firstry.ports.clock import Clock
from firstry.ports.pulse import STALE_SECONDS, Pulse
from firstry.ports.store import Store
from firstry.ports.vital import StoreVitals

OK = "ok"
NOT_CHECKED = "not checked"
READINESS = ("store", "schema", "clock", "worker")
"""The parts without which this process cannot work, in the order in which they are looked at."""


@dataclass(frozen=True, slots=True)
class HealthParts:
    """What health is read from. `host` is the machine's own clock, `versions` are of the code."""

    store: Store
    clock: Clock
    host: Clock
    pulse: Pulse
    vitals: StoreVitals
    watch: Watch
    versions: Mapping[str, str]


def readiness(store: Store, clock: Clock, pulse: Pulse | None) -> dict[str, str]:
    """Return what each part of `READINESS` says; a process without a worker says nothing of it."""
    silence = pulse.silence_seconds() if pulse is not None else None
    said = _store_says(store, clock)
    if silence is None:
        return said
    is_alive = silence < STALE_SECONDS
    return {
        **said,
        "worker": OK if is_alive else f"no pass for {silence:.0f} s; start the process anew",
    }


def detail(parts: HealthParts) -> dict[str, Json]:
    """Return how every part is. What the store is needed for is missing while it is not fit."""
    now = parts.clock.now()
    said = readiness(parts.store, parts.clock, parts.pulse)
    is_ready = all(each == OK for each in said.values())
    seen = parts.watch.overview() if said["schema"] == OK else None
    attention = concerns(seen) if seen is not None else []
    found: dict[str, Json] = {
        "store": _store(parts, said["store"]),
        "schema": _schema(parts, said["schema"]),
        "clock": _clock(parts, said["clock"], now),
        "worker": _worker(parts, said.get("worker", "there is none in this process")),
        "ticks": _ticks(seen, attention, now),
        "alerts": {
            "says": _says_of(attention),
            "codes": [each.code.value for each in attention],
        },
    }
    status = "attention" if attention else OK
    return {
        "status": status if is_ready else "not ready",
        "at": iso(now),
        "parts": found,
        "versions": dict(parts.versions),
    }


def _store(parts: HealthParts, says: str) -> dict[str, Json]:
    pool = parts.vitals.pool()
    connections: dict[str, Json] = {
        "in_use": pool.in_use, "open": pool.open, "most": pool.most,
    }  # fmt: skip
    product = parts.vitals.product() if says == OK else None
    return {"says": says, "product": product, "connections": connections}


def _schema(parts: HealthParts, says: str) -> dict[str, Json]:
    if says == NOT_CHECKED:
        return {"says": says, "head": None, "applied": []}
    state = parts.vitals.schema()
    return {"says": says, "head": state.head, "applied": list(state.applied)}


def _clock(parts: HealthParts, says: str, now: datetime) -> dict[str, Json]:
    mark = parts.store.check() if says != NOT_CHECKED else None
    return {
        "says": says,
        "now": iso(now),
        "high_water_at": None if mark is None else iso(mark),
        "ahead_of_host_seconds": round((now - parts.host.now()).total_seconds(), 3),
    }


def _worker(parts: HealthParts, says: str) -> dict[str, Json]:
    silence = parts.pulse.silence_seconds()
    return {"says": says, "silent_seconds": None if silence is None else round(silence, 1)}


def _ticks(seen: Overview | None, attention: Sequence[Concern], now: datetime) -> dict[str, Json]:
    silent = [each for each in attention if each.code is Code.TICKS_SILENT]
    last = seen.last_tick_at if seen is not None else None
    return {
        "says": NOT_CHECKED if seen is None else _says_of(silent),
        "last_at": None if last is None else iso(last),
        "seconds_ago": None if last is None else max(0, int((now - last).total_seconds())),
    }


def _says_of(attention: Sequence[Concern]) -> str:
    return "; ".join(f"{each.what}: {each.remedy}" for each in attention) or OK


def _store_says(store: Store, clock: Clock) -> dict[str, str]:
    try:
        high_water_at = store.check()
    except StoreUnfit as error:
        return {"store": OK, "schema": _told(error), "clock": NOT_CHECKED}
    except FirstryError as error:
        return {"store": _told(error), "schema": NOT_CHECKED, "clock": NOT_CHECKED}
    behind = "the clock lies behind the store; set the host's clock, on PostgreSQL the server's"
    is_clock_behind = is_behind(high_water_at, clock.now())
    return {"store": OK, "schema": OK, "clock": behind if is_clock_behind else OK}


def _told(error: FirstryError) -> str:
    return f"{error.message}; {error.remedy}" if error.remedy else error.message
