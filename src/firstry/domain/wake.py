"""What one tick does to a tenant: keep its token, note the tick, claim what is due.

One pure function serves twice: on the record that was read, to see whether
there is anything to write at all, and inside the transaction, to write it.
"""

from datetime import datetime

from firstry.domain.claim import Claim, claim
from firstry.domain.due import Quiet
from firstry.domain.policy import TICK_NOTE_INTERVAL, Policy
from firstry.domain.record import Change, SealedToken, TenantRecord
from firstry.domain.value import replace


def wake(
    record: TenantRecord | None, token: SealedToken | None, now: datetime, policy: Policy
) -> Change[Claim | Quiet]:
    """Return the change of a tick at `now` that brought `token`.

    An idle tick changes nothing: a token is kept only if it lives longer than
    the stored one, and `last_tick_at` is written along with something else or
    when it is an hour old. An unknown tenant gets nothing written (contract B).
    """
    if record is None or not record.is_evidenced():
        return claim(None, now, policy)
    noted, kept = _noted(record, token, now)
    change = claim(noted, now, policy)
    if change.after is None and kept is None and not _is_note_old(record, now):
        return change
    return replace(change, after=change.after or noted, token=kept)


def wake_unclaimed(
    record: TenantRecord | None, token: SealedToken | None, now: datetime, policy: Policy
) -> Change[Quiet | None]:
    """Return the change of a tick for whose attempt no slot is taken.

    It is that of `wake`; but where that claims, the answer is None and nothing is
    written but the token and the note of the tick.
    """
    change = wake(record, token, now, policy)
    if isinstance(change.answer, Quiet):
        return Change(change.answer, change.after, change.entries, change.report, change.token)
    if record is None:
        return Change(None)
    noted, kept = _noted(record, token, now)
    if kept is None and not _is_note_old(record, now):
        return Change(None)
    return Change(None, noted, token=kept)


def _noted(
    record: TenantRecord, token: SealedToken | None, now: datetime
) -> tuple[TenantRecord, SealedToken | None]:
    """Return the record as a tick at `now` leaves it, and the token if it is to be kept."""
    kept = token if token is not None and outlives(token.expires_at, record) else None
    expires_at = kept.expires_at if kept is not None else record.token_expires_at
    return replace(record, token_expires_at=expires_at, last_tick_at=now), kept


def outlives(expires_at: datetime, record: TenantRecord) -> bool:
    """Whether a token with this end lives longer than the stored one and is to be kept.

    A site that has uninstalled the app has no token kept, also not a late one.
    """
    if record.uninstalled_at is not None:
        return False
    return record.token_expires_at is None or expires_at > record.token_expires_at


def _is_note_old(record: TenantRecord, now: datetime) -> bool:
    return record.last_tick_at is None or record.last_tick_at + TICK_NOTE_INTERVAL <= now


def forget_token(record: TenantRecord | None, expires_at: datetime | None) -> Change[None]:
    """Return the change that drops the token with this end, or any token if None.

    A newer token that arrived in the meantime stays.
    """
    if record is None or record.token_expires_at is None:
        return Change(None)
    if expires_at is not None and record.token_expires_at != expires_at:
        return Change(None)
    return Change(None, replace(record, token_expires_at=None))
