"""Named places at which a test may stop the process dead.

In service `reach` does nothing: no setting, no header and no file arms a
failpoint. Only code in the same process can, and only the crash tests do: they
start the service under a hook that kills it. The set of names here equals the
set of places in the source and the set that the crash matrix executes; tests
compare all three.
"""

from collections.abc import Callable
from enum import StrEnum


class Failpoint(StrEnum):
    """Every place, in the order in which one due trigger passes them."""

    TICK_READ = "tick.read"
    TOKEN_SEALED = "tick.token_sealed"
    TRANSACTION_BEGUN = "transaction.begun"
    TRANSACTION_DECIDED = "transaction.decided"
    TRANSACTION_HALF_WRITTEN = "transaction.half_written"
    TRANSACTION_WRITTEN = "transaction.written"
    TRANSACTION_COMMITTED = "transaction.committed"
    ATTEMPT_CLAIMED = "attempt.claimed"
    EVIDENCE_TOKEN_OPENED = "evidence.token_opened"
    EVIDENCE_READ = "evidence.read"
    ATTEMPT_GENERATED = "attempt.generated"
    ATTEMPT_SETTLED = "attempt.settled"
    ANSWER_READY = "answer.ready"


def _nothing(_: Failpoint) -> None:
    return None


_hook: Callable[[Failpoint], None] = _nothing


def reach(failpoint: Failpoint) -> None:
    """Pass a named place. Does nothing in service."""
    _hook(failpoint)


def arm(hook: Callable[[Failpoint], None]) -> None:
    """Have `hook` called at every place from now on. For crash tests alone."""
    global _hook
    _hook = hook
