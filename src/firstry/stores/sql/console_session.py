"""Sessions of the console over SQL. What is stored is a digest; no statement sees a secret."""

from datetime import datetime

from firstry.domain.access import Role
from firstry.domain.canonical import Json
from firstry.domain.console_session import (
    FORM_LIFE,
    IDLE,
    SEEN_NOTE_INTERVAL,
    SESSION_BEGUN,
    SESSION_ENDED,
    ConsoleSession,
)
from firstry.domain.errors import Defect
from firstry.domain.instant import from_milliseconds, iso, to_milliseconds
from firstry.domain.ledger import Entry
from firstry.stores.sql.service_ledger import ServiceLedger
from firstry.stores.sql.session import Database, Row, Step, Values

_GOOD = """
SELECT s.digest, s.name, s.role, s.token_id, s.created_at, s.seen_at, s.ends_at
FROM console_session s LEFT JOIN api_token t ON t.token_id = s.token_id
WHERE s.digest = :digest AND s.ends_at > :now AND s.seen_at > :idle_since
  AND (s.token_id IS NULL OR (t.revoked_at IS NULL
       AND (t.expires_at IS NULL OR t.expires_at > :now)))
"""
_INSERT = """
INSERT INTO console_session (digest, name, role, token_id, created_at, seen_at, ends_at)
VALUES (:digest, :name, :role, :token_id, :created_at, :created_at, :ends_at)
"""
_NOTE_SEEN = """
UPDATE console_session SET seen_at = :now WHERE digest = :digest AND seen_at <= :before
"""
_END = "DELETE FROM console_session WHERE digest = :digest"
_SWEEP = "DELETE FROM console_session WHERE ends_at <= :now OR seen_at <= :idle_since"
_SPEND = """
INSERT INTO console_form (digest, ends_at) VALUES (:digest, :ends_at) ON CONFLICT DO NOTHING
"""
_SWEEP_FORMS = "DELETE FROM console_form WHERE ends_at <= :now"


class SqlSessions:
    """A `SessionRegister` over the tables `console_session` and `console_form`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ledger = ServiceLedger(database)

    def begin(self, session: ConsoleSession, former: str | None) -> None:
        now = _times(session.created_at)
        values: Values = {
            "digest": session.digest,
            "name": session.name,
            "role": session.role.value,
            "token_id": session.token_id,
            "created_at": to_milliseconds(session.created_at),
            "ends_at": to_milliseconds(session.ends_at),
        }
        detail: dict[str, Json] = {
            "name": session.name,
            "role": session.role.value,
            "token_id": session.token_id,
            "ends_at": iso(session.ends_at),
        }
        steps = [
            Step(_SWEEP, [now], is_guarded=False),
            Step(_SWEEP_FORMS, [now], is_guarded=False),
            Step(_END, [{"digest": former or ""}], is_guarded=False),
            Step(_INSERT, [values]),
        ]
        entry = Entry(SESSION_BEGUN, session.created_at, session.actor, detail)
        self._ledger.write(entry, steps)

    def good(self, digest: str, now: datetime) -> ConsoleSession | None:
        found = self._database.read((), _GOOD, {"digest": digest, **_times(now)})
        return _session_from(found[0]) if found else None

    def note_seen(self, session: ConsoleSession, now: datetime) -> None:
        if now - session.seen_at < SEEN_NOTE_INTERVAL:
            return
        values = {
            "digest": session.digest,
            "now": to_milliseconds(now),
            "before": to_milliseconds(now - SEEN_NOTE_INTERVAL),
        }
        self._write(Step(_NOTE_SEEN, [values], is_guarded=False))

    def end(self, session: ConsoleSession, now: datetime) -> None:
        detail: dict[str, Json] = {"name": session.name, "token_id": session.token_id}
        step = Step(_END, [{"digest": session.digest}], is_guarded=False)
        self._ledger.write(Entry(SESSION_ENDED, now, session.actor, detail), [step])

    def spend(self, form: str, now: datetime) -> bool:
        values = {"digest": form, "ends_at": to_milliseconds(now + FORM_LIFE)}
        try:
            self._write(Step(_SPEND, [values]))
        except Defect:  # the guard: somebody has written the same row before
            return False
        return True

    def _write(self, step: Step) -> None:
        with self._database.writing((), skip_locked=False) as session:
            session.write([step])
            session.commit()


def _times(now: datetime) -> dict[str, int]:
    return {"now": to_milliseconds(now), "idle_since": to_milliseconds(now - IDLE)}


def _session_from(row: Row) -> ConsoleSession:
    return ConsoleSession(
        row["digest"],
        row["name"],
        Role(row["role"]),
        row["token_id"],
        from_milliseconds(row["created_at"]),
        from_milliseconds(row["seen_at"]),
        from_milliseconds(row["ends_at"]),
    )
