"""Something that is fetched rarely and kept honestly: the provider's metadata and its keys.

However many people sign in, there is one fetch at a time and none within `COOLDOWN_SECONDS` of the
one before, because the cooldown counts attempts. What was fetched last stays in use
while fetching fails, but not for ever.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from firstry.domain.identity import ProviderUnavailable

COOLDOWN_SECONDS = 10.0
REFRESH_SECONDS = 3600.0
KEEP_SECONDS = 24 * 3600.0

T = TypeVar("T")


class Kept(Generic[T]):
    """The last good result of `load`, which raises ProviderUnavailable. Threads may share it."""

    def __init__(self, load: Callable[[], T], monotonic: Callable[[], float]) -> None:
        self._load, self._monotonic = load, monotonic
        self._lock = threading.Lock()
        self._held: tuple[float, T] | None = None
        self._failure: ProviderUnavailable | None = None
        self._attempted_at = float("-inf")

    def get(self) -> T:
        """Return it, fetched within the last hour if that can be had."""
        with self._lock:
            if self._held is None or self._age() >= REFRESH_SECONDS:
                self._refresh()
            return self._good()

    def anew(self) -> T:
        """Return it, fetched now unless somebody tried a moment ago."""
        with self._lock:
            self._refresh()
            return self._good()

    def _refresh(self) -> None:
        now = self._monotonic()
        if now - self._attempted_at < COOLDOWN_SECONDS:
            return
        self._attempted_at = now
        try:
            self._held, self._failure = (now, self._load()), None
        except ProviderUnavailable as error:
            self._failure = error

    def _good(self) -> T:
        if self._held is None or self._age() > KEEP_SECONDS:
            raise self._failure or ProviderUnavailable("nothing of the identity provider is known")
        return self._held[1]

    def _age(self) -> float:
        return self._monotonic() - self._held[0] if self._held is not None else float("inf")
