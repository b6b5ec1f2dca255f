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

-- What an entry says of itself, read from its canonical bytes and nowhere else.
CREATE FUNCTION firstry_said(body BYTEA, VARIADIC path TEXT[]) RETURNS TEXT
LANGUAGE sql IMMUTABLE AS $$ SELECT convert_from(body, 'UTF8')::jsonb #>> path $$;

ALTER TABLE ledger
    ADD COLUMN entry_at TEXT COLLATE "C"
        GENERATED ALWAYS AS (firstry_said(body, 'at')) STORED,
    ADD COLUMN entry_kind TEXT COLLATE "C"
        GENERATED ALWAYS AS (firstry_said(body, 'kind')) STORED,
    ADD COLUMN entry_actor TEXT COLLATE "C"
        GENERATED ALWAYS AS (firstry_said(body, 'actor')) STORED,
    ADD COLUMN entry_trigger TEXT COLLATE "C"
        GENERATED ALWAYS AS (firstry_said(body, 'detail', 'trigger')) STORED;
-- From here on the store writes them, from the same bytes: reading them anew for each
-- column of each entry cost more than the entry.
ALTER TABLE ledger
    ALTER COLUMN entry_at DROP EXPRESSION,
    ALTER COLUMN entry_kind DROP EXPRESSION,
    ALTER COLUMN entry_actor DROP EXPRESSION,
    ALTER COLUMN entry_trigger DROP EXPRESSION;
CREATE INDEX ledger_recent ON ledger (entry_at, cloud_id, sequence)
    WHERE entry_kind <> 'EVIDENCE_READ';
CREATE INDEX ledger_of_kind ON ledger (entry_kind, entry_at, cloud_id, sequence)
    WHERE entry_kind <> 'EVIDENCE_READ';
CREATE INDEX ledger_of_person ON ledger (entry_actor, entry_at, cloud_id, sequence)
    WHERE entry_actor NOT IN ('scheduler', 'platform');

CREATE FUNCTION firstry_service_ledger_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.sequence <> 1 + coalesce((SELECT max(sequence) FROM service_ledger), 0) THEN
        RAISE EXCEPTION 'a ledger has no gap' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TABLE service_ledger (
    sequence BIGINT PRIMARY KEY CHECK (sequence >= 1),
    body     BYTEA NOT NULL,
    hash     TEXT NOT NULL,
    entry_at TEXT COLLATE "C" GENERATED ALWAYS AS (firstry_said(body, 'at')) STORED,
    entry_kind TEXT COLLATE "C" GENERATED ALWAYS AS (firstry_said(body, 'kind')) STORED,
    entry_actor TEXT COLLATE "C" GENERATED ALWAYS AS (firstry_said(body, 'actor')) STORED
);
CREATE TRIGGER service_ledger_is_written_once BEFORE UPDATE OR DELETE ON service_ledger
FOR EACH ROW EXECUTE FUNCTION firstry_refuse('a ledger entry is written once');
CREATE TRIGGER service_ledger_stays BEFORE TRUNCATE ON service_ledger
FOR EACH STATEMENT EXECUTE FUNCTION firstry_refuse('a ledger entry is written once');
CREATE TRIGGER service_ledger_has_no_gap BEFORE INSERT ON service_ledger
FOR EACH ROW EXECUTE FUNCTION firstry_service_ledger_goes_on();

CREATE TABLE api_token (
    token_id     TEXT COLLATE "C" PRIMARY KEY,
    digest       TEXT COLLATE "C" NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    last_used_at BIGINT
);
CREATE FUNCTION firstry_api_token_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.token_id, NEW.digest, NEW.name, NEW.role, NEW.created_at, NEW.expires_at)
        IS DISTINCT FROM
       (OLD.token_id, OLD.digest, OLD.name, OLD.role, OLD.created_at, OLD.expires_at) THEN
        RAISE EXCEPTION 'a token keeps its name, role and end'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at THEN
        RAISE EXCEPTION 'a revoked token stays revoked'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER api_token_changes BEFORE UPDATE ON api_token
FOR EACH ROW EXECUTE FUNCTION firstry_api_token_changes();

-- `scope` is '*' for everybody, else a cloudId.
CREATE TABLE flag (
    scope      TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    is_on      BIGINT NOT NULL CHECK (is_on IN (0, 1)),
    changed_at BIGINT NOT NULL,
    actor      TEXT NOT NULL,
    reason     TEXT NOT NULL,
    PRIMARY KEY (scope, name)
);

CREATE TABLE bulk_job (
    job_id      TEXT COLLATE "C" PRIMARY KEY,
    act         TEXT NOT NULL CHECK (act IN ('retry', 'reset', 'pause', 'resume')),
    filter      TEXT NOT NULL,
    reason      TEXT NOT NULL,
    actor       TEXT NOT NULL,
    request_key TEXT UNIQUE,
    total       BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    ended_at    BIGINT,
    runner      TEXT,
    held_until  BIGINT
);
CREATE INDEX bulk_job_open ON bulk_job (created_at, job_id) WHERE ended_at IS NULL;

-- `trigger_name` is empty where the act is on the tenant; `outcome` is NULL until it is done.
CREATE TABLE bulk_target (
    job_id       TEXT COLLATE "C" NOT NULL REFERENCES bulk_job,
    tenant_id    TEXT COLLATE "C" NOT NULL,
    trigger_name TEXT COLLATE "C" NOT NULL,
    outcome      TEXT CHECK (outcome IN ('done', 'failed')),
    code         TEXT,
    message      TEXT,
    PRIMARY KEY (job_id, tenant_id, trigger_name)
);
CREATE INDEX bulk_target_left ON bulk_target (job_id, tenant_id, trigger_name)
    WHERE outcome IS NULL;
CREATE FUNCTION firstry_bulk_target_settles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.outcome IS NOT NULL THEN
        RAISE EXCEPTION 'a target is settled once'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bulk_target_settles BEFORE UPDATE ON bulk_target
FOR EACH ROW EXECUTE FUNCTION firstry_bulk_target_settles();
