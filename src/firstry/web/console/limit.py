"""How often somebody may try to sign in: failures are counted, for one address and for all.

A token cannot be guessed anyway; the limit keeps a flood from the store and the log. It
holds for this process, and its memory is bounded: the address that failed longest ago
is forgotten first.
"""

import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta

from firstry.domain.console_session import SignInLimited
from firstry.domain.instant import iso

SPAN = timedelta(minutes=5)
MOST_OF_ADDRESS = 10
MOST_OF_ALL = 300
MOST_ADDRESSES = 1000


class SignInLimit:
    """Counts the failures of the last minutes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: deque[datetime] = deque(maxlen=MOST_OF_ALL)
        self._by_address: OrderedDict[str, deque[datetime]] = OrderedDict()

    def refuse_if_over(self, address: str, now: datetime) -> None:
        """Raise SignInLimited if too many have failed; says from when on it may be tried."""
        with self._lock:
            own = self._by_address.get(address, deque())
            ends = [_free_at(own, MOST_OF_ADDRESS, now), _free_at(self._all, MOST_OF_ALL, now)]
        free_at = max((end for end in ends if end is not None), default=None)
        if free_at is not None:
            raise SignInLimited(
                "too many sign-ins failed within a few minutes",
                f"try again after {iso(free_at)}; `firstry tokens list` shows which tokens are "
                "good",
            )

    def note_failure(self, address: str, now: datetime) -> None:
        """Count one sign-in that failed."""
        with self._lock:
            self._all.append(now)
            own = self._by_address.setdefault(address, deque(maxlen=MOST_OF_ADDRESS))
            own.append(now)
            self._by_address.move_to_end(address)
            if len(self._by_address) > MOST_ADDRESSES:
                self._by_address.popitem(last=False)


def _free_at(failures: deque[datetime], most: int, now: datetime) -> datetime | None:
    """Return when the oldest of `most` failures is forgotten, or None if that is over."""
    if len(failures) < most or now - failures[0] >= SPAN:
        return None
    return failures[0] + SPAN
