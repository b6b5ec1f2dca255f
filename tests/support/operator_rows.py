"""Rows of the operators' tables, and plain SQL that the rules of those tables refuse."""

FILL = """
INSERT INTO service_ledger (sequence, body, hash) VALUES (1, CAST('{}' AS BLOB), 'h');
INSERT INTO api_token (token_id, digest, name, role, created_at, revoked_at)
VALUES ('t-1', 'd1', 'n', 'viewer', 0, 5), ('t-2', 'd2', 'n', 'admin', 0, NULL);
INSERT INTO bulk_job (job_id, act, filter, reason, actor, total, created_at)
VALUES ('j-1', 'retry', '', 'r', 'a', 2, 0);
INSERT INTO bulk_target (job_id, tenant_id, trigger_name, outcome)
VALUES ('j-1', 'a', 'AUTO_12H', 'done'), ('j-1', 'b', 'AUTO_12H', NULL);
INSERT INTO console_session (digest, name, role, token_id, created_at, seen_at, ends_at)
VALUES ('d1', 'n', 'viewer', 't-2', 0, 0, 9);
"""
"""One row of each kind, in the words of SQLite; a ledger's body is bytes there."""

STATEMENTS: dict[str, tuple[str, ...]] = {
    "service_ledger_is_written_once": (
        "UPDATE service_ledger SET hash = 'x'",
        "UPDATE service_ledger SET body = x'7b7d'",
    ),
    "service_ledger_stays": ("DELETE FROM service_ledger",),
    "service_ledger_has_no_gap": (
        "INSERT INTO service_ledger (sequence, body, hash) VALUES (3, x'7b7d', 'h')",
    ),
    "service_head_is_an_entry": (
        "UPDATE service_head SET sequence = 0",
        "UPDATE service_head SET sequence = 2",
        "UPDATE service_head SET hash = 'x'",
        "UPDATE service_head SET sequence = 2, hash = 'h'",
    ),
    "service_head_stays": ("DELETE FROM service_head",),
    "api_token_keeps_what_it_is": (
        "UPDATE api_token SET role = 'admin' WHERE token_id = 't-1'",
        "UPDATE api_token SET digest = 'd3' WHERE token_id = 't-2'",
        "UPDATE api_token SET expires_at = 9 WHERE token_id = 't-2'",
    ),
    "api_token_stays_revoked": (
        "UPDATE api_token SET revoked_at = NULL WHERE token_id = 't-1'",
        "UPDATE api_token SET revoked_at = 6 WHERE token_id = 't-1'",
    ),
    "console_session_keeps_what_it_is": (
        "UPDATE console_session SET role = 'admin'",
        "UPDATE console_session SET ends_at = 99",
    ),
    "bulk_target_is_settled_once": (
        "UPDATE bulk_target SET outcome = 'failed' WHERE tenant_id = 'a'",
    ),
}
"""By the trigger that refuses them."""

MOVING = {"service_ledger_moves_its_head"}
"""The triggers that refuse nothing: they write what follows from a row."""

CONSTRAINTS = (
    """INSERT INTO api_token (token_id, digest, name, role, created_at)
       VALUES ('t-3', 'd3', 'n', 'king', 0)""",
    """INSERT INTO api_token (token_id, digest, name, role, created_at)
       VALUES ('t-3', 'd1', 'n', 'viewer', 0)""",
    "INSERT INTO bulk_target (job_id, tenant_id, trigger_name) VALUES ('j-2', 'a', '')",
    """INSERT INTO console_session (digest, name, role, token_id, created_at, seen_at, ends_at)
       VALUES ('d2', 'n', 'viewer', 't-9', 0, 0, 9)""",
    """INSERT INTO flag (scope, name, is_on, changed_at, actor, reason)
       VALUES ('*', 'generation', 2, 0, 'a', 'r')""",
)
"""What a constraint refuses, with or without any trigger."""
