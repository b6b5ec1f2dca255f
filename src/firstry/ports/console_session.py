"""Where the console's sessions are kept. Their secrets are not."""

from datetime import datetime
from typing import Protocol

from firstry.domain.console_session import ConsoleSession


class SessionRegister(Protocol):
    """Keeps sessions by the digests of their secrets. Raises StoreUnavailable as a store does."""

    def begin(self, session: ConsoleSession, former: str | None) -> None:
        """Keep a new session in place of the one with the digest `former`, if there is one.

        What is over by then is taken away. Both ends leave entries in the service's ledger.
        """
        ...

    def good(self, digest: str, now: datetime) -> ConsoleSession | None:
        """Return the session if it is neither over nor idle and its API token is still good."""
        ...

    def note_seen(self, session: ConsoleSession, now: datetime) -> None:
        """Write down that `session` was used, if the last note is a minute old."""
        ...

    def end(self, session: ConsoleSession, now: datetime) -> None:
        """End a session for ever; a second time changes nothing."""
        ...

    def spend(self, form: str, now: datetime) -> bool:
        """Note that the form with this digest is used; False if it was before."""
        ...
