"""API tokens over SQL. What is stored is a digest; no statement ever sees a secret."""

from collections.abc import Sequence
from datetime import datetime

from firstry.domain.access import USE_NOTE_INTERVAL, ApiToken, Role
from firstry.domain.canonical import Json
from firstry.domain.errors import Conflict, NotFound
from firstry.domain.instant import from_milliseconds, iso, to_milliseconds
from firstry.domain.ledger import Actor, Entry
from firstry.stores.sql.service_ledger import ServiceLedger
from firstry.stores.sql.session import Database, Row, Step, Values

TOKEN_CREATED = "API_TOKEN_CREATED"
TOKEN_REVOKED = "API_TOKEN_REVOKED"

_BY_DIGEST = """
SELECT token_id, name, role, created_at, expires_at, revoked_at, last_used_at
FROM api_token WHERE digest = :digest
"""
_LIST = """
SELECT token_id, name, role, created_at, expires_at, revoked_at, last_used_at
FROM api_token ORDER BY created_at, token_id
"""
_INSERT = """
INSERT INTO api_token (token_id, digest, name, role, created_at, expires_at)
VALUES (:token_id, :digest, :name, :role, :created_at, :expires_at)
"""
_REVOKE = """
UPDATE api_token SET revoked_at = :now WHERE token_id = :token_id AND revoked_at IS NULL
"""
_NOTE_USE = """
UPDATE api_token SET last_used_at = :now
WHERE token_id = :token_id AND (last_used_at IS NULL OR last_used_at <= :before)
"""


class SqlTokens:
    """A `TokenRegister` over the table `api_token`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ledger = ServiceLedger(database)

    def add(self, token: ApiToken, digest: str, actor: Actor) -> None:
        for known in self.tokens():
            is_good = known.revoked_at is None and not _is_over(known, token.created_at)
            if known.name == token.name and is_good:
                raise Conflict(
                    f"there is a token named {token.name!r} already ({known.token_id})",
                    "choose another name, or revoke it first: firstry tokens revoke",
                )
        values = {
            "token_id": token.token_id,
            "digest": digest,
            "name": token.name,
            "role": token.role.value,
            "created_at": to_milliseconds(token.created_at),
            "expires_at": to_milliseconds(token.expires_at) if token.expires_at else None,
        }
        detail: dict[str, Json] = {
            "token_id": token.token_id,
            "name": token.name,
            "role": token.role.value,
            "expires_at": iso(token.expires_at) if token.expires_at else None,
        }
        entry = Entry(TOKEN_CREATED, token.created_at, actor, detail)
        self._ledger.write(entry, [Step(_INSERT, [values])])

    def by_digest(self, digest: str) -> ApiToken | None:
        found = self._rows(_BY_DIGEST, {"digest": digest})
        return _token_from(found[0]) if found else None

    def tokens(self) -> Sequence[ApiToken]:
        return [_token_from(row) for row in self._rows(_LIST, {})]

    def revoke(self, token_id: str, now: datetime, actor: Actor) -> ApiToken:
        known = self._known(token_id)
        if known.revoked_at is not None:
            return known
        entry = Entry(TOKEN_REVOKED, now, actor, {"token_id": token_id, "name": known.name})
        values = {"token_id": token_id, "now": to_milliseconds(now)}
        self._ledger.write(entry, [Step(_REVOKE, [values])])
        return self._known(token_id)

    def note_use(self, token: ApiToken, now: datetime) -> None:
        if token.last_used_at is not None and now - token.last_used_at < USE_NOTE_INTERVAL:
            return
        values = {
            "token_id": token.token_id,
            "now": to_milliseconds(now),
            "before": to_milliseconds(now - USE_NOTE_INTERVAL),
        }
        with self._database.writing((), skip_locked=False) as session:
            session.write([Step(_NOTE_USE, [values], is_guarded=False)])
            session.commit()

    def _known(self, token_id: str) -> ApiToken:
        known = next((t for t in self.tokens() if t.token_id == token_id), None)
        if known is None:
            raise NotFound(f"there is no token {token_id[:80]!r}", "see `firstry tokens list`")
        return known

    def _rows(self, sql: str, values: Values) -> list[Row]:
        return self._database.read((), sql, values)


def _is_over(token: ApiToken, now: datetime) -> bool:
    return token.expires_at is not None and token.expires_at <= now


def _token_from(row: Row) -> ApiToken:
    return ApiToken(
        row["token_id"],
        row["name"],
        Role(row["role"]),
        from_milliseconds(row["created_at"]),
        _instant(row["expires_at"]),
        _instant(row["revoked_at"]),
        _instant(row["last_used_at"]),
    )


def _instant(milliseconds: int | None) -> datetime | None:
    return from_milliseconds(milliseconds) if milliseconds is not None else None
