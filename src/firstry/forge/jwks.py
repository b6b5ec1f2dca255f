"""The platform's public keys, fetched rarely and kept honestly.

A token can make us fetch at most once in `COOLDOWN_SECONDS`, whatever `kid` it
names, because the cooldown counts attempts, not successes. The last good set
stays in use while fetching fails, but not for ever: then we fail closed.
"""

import json
import threading
from collections import OrderedDict

from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from firstry.domain.errors import KeySetUnavailable
from firstry.forge.transport import Request, Transport, TransportFailed
from firstry.ports.clock import Clock
from firstry.ports.telemetry import Event, Telemetry

COOLDOWN_SECONDS = 30.0
REFRESH_SECONDS = 3600.0
KEEP_SECONDS = 24 * 3600.0
FETCH_SECONDS = 2.0
MAX_BYTES = 64 * 1024
MAX_KEYS = 64
UNKNOWN_KIDS = 1024


class KeySet:
    """The key set behind one URL. Threads may share it; one of them fetches."""

    def __init__(self, url: str, transport: Transport, clock: Clock, telemetry: Telemetry) -> None:
        self._url = url
        self._transport = transport
        self._clock = clock
        self._telemetry = telemetry
        self._fetching = threading.Lock()
        self._keys: dict[str, RSAKey] = {}
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._fetched_at: float | None = None
        self._attempted_at: float | None = None

    def key(self, kid: str, deadline: float) -> RSAKey | None:
        """Return the key named `kid`, or None if the platform has none of that name.

        Raises KeySetUnavailable if there is no set, or only one that is too old
        to be trusted. Ends before `deadline` on the clock's `monotonic`.
        """
        now = self._clock.monotonic()
        found = self._keys.get(kid)
        if found is not None and self._age(now) < REFRESH_SECONDS:
            return found
        if found is None and self._is_known_unknown(kid, now):
            return None
        if deadline <= now:
            raise KeySetUnavailable("the platform's key set is not at hand")
        self._refresh(deadline, waits=found is None)
        if self._age(self._clock.monotonic()) > KEEP_SECONDS:
            raise KeySetUnavailable("the platform's key set could not be fetched")
        found = self._keys.get(kid)
        if found is None and self._fetched_at is not None and self._fetched_at >= now:
            self._remember_unknown(kid, now)  # the platform was asked after this kid was seen
        return found

    def _age(self, now: float) -> float:
        return float("inf") if self._fetched_at is None else now - self._fetched_at

    def _refresh(self, deadline: float, *, waits: bool) -> None:
        """Fetch, unless somebody tried within the cooldown.

        While another thread fetches, who has a key goes on with it; who has
        none `waits`.
        """
        patience = max(0.0, deadline - self._clock.monotonic()) if waits else 0.0
        if not self._fetching.acquire(timeout=patience):
            return
        try:
            now = self._clock.monotonic()
            if self._attempted_at is not None and now - self._attempted_at < COOLDOWN_SECONDS:
                return
            self._attempted_at = now
            self._fetch(min(FETCH_SECONDS, deadline - now))
        finally:
            self._fetching.release()

    def _fetch(self, timeout_seconds: float) -> None:
        try:
            answer = self._transport.send(Request("GET", self._url), timeout_seconds, MAX_BYTES)
            if answer.status != 200:
                raise ValueError(f"status {answer.status}")
            keys = _parse(answer.body)
        except (TransportFailed, ValueError, RecursionError) as error:
            self._telemetry.emit(Event.KEY_SET_FETCH_FAILED, detail=str(error))
            return
        self._keys, self._fetched_at = keys, self._clock.monotonic()
        self._unknown.clear()
        self._telemetry.emit(Event.KEY_SET_FETCHED, count=len(keys))

    def _is_known_unknown(self, kid: str, now: float) -> bool:
        return now < self._unknown.get(kid, now) and self._fetched_at is not None

    def _remember_unknown(self, kid: str, now: float) -> None:
        # No longer than nobody may ask anyway: a kid that came before its key is published
        # is good at the platform's next try, a minute later.
        self._unknown[kid] = now + COOLDOWN_SECONDS
        while len(self._unknown) > UNKNOWN_KIDS:
            self._unknown.popitem(last=False)


def _parse(body: bytes) -> dict[str, RSAKey]:
    """Return the RSA signing keys of a JWKS by kid; ValueError if there is none."""
    document = json.loads(body)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("no key list")
    keys: dict[str, RSAKey] = {}
    for entry in entries[:MAX_KEYS]:
        if not isinstance(entry, dict) or not _is_usable(entry):
            continue
        try:
            keys[entry["kid"]] = RSAKey.import_key({k: entry[k] for k in ("kty", "n", "e")})
        except (JoseError, ValueError):
            continue
    if not keys:
        raise ValueError("no usable key")
    return keys


def _is_usable(entry: dict[str, object]) -> bool:
    return (
        entry.get("kty") == "RSA"
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", "RS256") == "RS256"
        and all(isinstance(entry.get(name), str) for name in ("kid", "n", "e"))
    )
