-- What operators see and turn: indexes for their lists, API tokens, switches, bulk jobs,
-- and the service's own ledger.

-- Lists of live milestones, of those that were attempted, of ends, and of errors.
CREATE INDEX milestone_live ON milestone (cloud_id, trigger_name)
    WHERE state IN ('scheduled', 'claimed');
CREATE INDEX milestone_troubled ON milestone (cloud_id, trigger_name)
    WHERE (state = 'claimed' OR (state = 'scheduled' AND next_due > due_at));
CREATE INDEX milestone_ended ON milestone (state, cloud_id, trigger_name)
    WHERE state NOT IN ('scheduled', 'claimed');
CREATE INDEX milestone_error ON milestone (error_code, cloud_id)
    WHERE error_code IS NOT NULL AND state <> 'completed';
CREATE INDEX milestone_again ON milestone (cloud_id, trigger_name, revision)
    WHERE revision > 1;
CREATE INDEX tenant_installed ON tenant (installed_at, cloud_id);
CREATE INDEX tenant_paused ON tenant (cloud_id) WHERE paused_at IS NOT NULL;
CREATE INDEX tenant_uninstalled ON tenant (cloud_id) WHERE uninstalled_at IS NOT NULL;

-- What an entry says of itself. The store writes it, from the entry's canonical bytes.
ALTER TABLE ledger ADD COLUMN entry_at TEXT;
ALTER TABLE ledger ADD COLUMN entry_kind TEXT;
ALTER TABLE ledger ADD COLUMN entry_actor TEXT;
ALTER TABLE ledger ADD COLUMN entry_trigger TEXT;
DROP TRIGGER ledger_is_written_once;
UPDATE ledger SET
    entry_at = json_extract(CAST(body AS TEXT), '$.at'),
    entry_kind = json_extract(CAST(body AS TEXT), '$.kind'),
    entry_actor = json_extract(CAST(body AS TEXT), '$.actor'),
    entry_trigger = json_extract(CAST(body AS TEXT), '$.detail.trigger');
CREATE TRIGGER ledger_is_written_once BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'a ledger entry is written once'); END;
CREATE INDEX ledger_recent ON ledger (entry_at, cloud_id, sequence)
    WHERE entry_kind <> 'EVIDENCE_READ';
CREATE INDEX ledger_of_kind ON ledger (entry_kind, entry_at, cloud_id, sequence)
    WHERE entry_kind <> 'EVIDENCE_READ';
CREATE INDEX ledger_of_person ON ledger (entry_actor, entry_at, cloud_id, sequence)
    WHERE entry_actor NOT IN ('scheduler', 'platform');

CREATE TABLE service_ledger (
    sequence INTEGER PRIMARY KEY CHECK (sequence >= 1),
    body     BLOB NOT NULL,
    hash     TEXT NOT NULL,
    entry_at TEXT GENERATED ALWAYS AS (json_extract(CAST(body AS TEXT), '$.at')) VIRTUAL,
    entry_kind TEXT GENERATED ALWAYS AS (json_extract(CAST(body AS TEXT), '$.kind')) VIRTUAL,
    entry_actor TEXT GENERATED ALWAYS AS (json_extract(CAST(body AS TEXT), '$.actor')) VIRTUAL
) STRICT;
CREATE TRIGGER service_ledger_is_written_once BEFORE UPDATE ON service_ledger
BEGIN SELECT RAISE(ABORT, 'a ledger entry is written once'); END;
CREATE TRIGGER service_ledger_stays BEFORE DELETE ON service_ledger
BEGIN SELECT RAISE(ABORT, 'a ledger entry is written once'); END;
CREATE TRIGGER service_ledger_has_no_gap BEFORE INSERT ON service_ledger
WHEN NEW.sequence <> 1 + coalesce((SELECT max(sequence) FROM service_ledger), 0)
BEGIN SELECT RAISE(ABORT, 'a ledger has no gap'); END;

CREATE TABLE api_token (
    token_id     TEXT PRIMARY KEY,
    digest       TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE TRIGGER api_token_keeps_what_it_is
BEFORE UPDATE OF token_id, digest, name, role, created_at, expires_at ON api_token
BEGIN SELECT RAISE(ABORT, 'a token keeps its name, role and end'); END;
CREATE TRIGGER api_token_stays_revoked BEFORE UPDATE ON api_token
WHEN OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NOT OLD.revoked_at
BEGIN SELECT RAISE(ABORT, 'a revoked token stays revoked'); END;

-- `scope` is '*' for everybody, else a cloudId.
CREATE TABLE flag (
    scope      TEXT NOT NULL,
    name       TEXT NOT NULL,
    is_on      INTEGER NOT NULL CHECK (is_on IN (0, 1)),
    changed_at INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    reason     TEXT NOT NULL,
    PRIMARY KEY (scope, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE bulk_job (
    job_id      TEXT PRIMARY KEY,
    act         TEXT NOT NULL CHECK (act IN ('retry', 'reset', 'pause', 'resume')),
    filter      TEXT NOT NULL,
    reason      TEXT NOT NULL,
    actor       TEXT NOT NULL,
    request_key TEXT UNIQUE,
    total       INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    runner      TEXT,
    held_until  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX bulk_job_open ON bulk_job (created_at, job_id) WHERE ended_at IS NULL;

-- `trigger_name` is empty where the act is on the tenant; `outcome` is NULL until it is done.
CREATE TABLE bulk_target (
    job_id       TEXT NOT NULL REFERENCES bulk_job,
    tenant_id    TEXT NOT NULL,
    trigger_name TEXT NOT NULL,
    outcome      TEXT CHECK (outcome IN ('done', 'failed')),
    code         TEXT,
    message      TEXT,
    PRIMARY KEY (job_id, tenant_id, trigger_name)
) STRICT, WITHOUT ROWID;
CREATE INDEX bulk_target_left ON bulk_target (job_id, tenant_id, trigger_name)
    WHERE outcome IS NULL;
CREATE TRIGGER bulk_target_is_settled_once BEFORE UPDATE ON bulk_target
WHEN OLD.outcome IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a target is settled once'); END;
