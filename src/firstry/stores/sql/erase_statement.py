"""The statements of an erasure. The tombstone is written first: the schema asks for it.

`firstry_digest` and `firstry_erased_body` are functions of the database: PostgreSQL's
are in its schema, a SQLite connection brings ours along (`domain.ledger`).
"""

ERASE_TENANT = """
UPDATE tenant SET erased_at = :erased_at, erased_sequence = :erased_sequence
WHERE cloud_id = :cloud_id
"""
ERASE_REPORTS = """
UPDATE report SET body = :nothing, envelope = :erased, erased_at = :erased_at
WHERE cloud_id = :cloud_id AND erased_at IS NULL
"""
"""No envelope is empty, so a word stands in its place."""
ERASE_ENTRIES = """
UPDATE ledger SET erased_hash = firstry_digest(body),
       body = firstry_erased_body(entry_at, entry_kind, entry_actor, entry_trigger)
WHERE cloud_id = :cloud_id AND sequence < :erased_sequence AND erased_hash IS NULL
"""
ERASE_SWITCHES = "UPDATE flag SET reason = '', actor = '' WHERE scope = :cloud_id"
"""A switch stays as it stands; who turned it, and why, goes."""

TO_ERASE = """
SELECT cloud_id FROM tenant
WHERE uninstalled_at IS NOT NULL AND (erased_at IS NULL OR erased_at < uninstalled_at)
  AND uninstalled_at <= :until
ORDER BY uninstalled_at, cloud_id LIMIT :limit
"""
