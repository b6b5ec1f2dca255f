"""What the role that a service connects as could do besides its work."""

from firstry.stores.sql.postgres.connection import connect, mapped_errors

_OWNER = """
SELECT CASE WHEN pg_has_role(current_user, c.relowner, 'MEMBER') THEN current_user END AS name
FROM pg_class c WHERE c.oid = to_regclass('tenant')
"""


def owner_among(url: str) -> str | None:
    """Return the role that `url` connects as if it owns the tables, or could, else None.

    Raises StoreUnavailable where the server does not answer.
    """
    with connect(url) as connection, mapped_errors():
        row = connection.execute(_OWNER).fetchone()
    return None if row is None or row["name"] is None else str(row["name"])
