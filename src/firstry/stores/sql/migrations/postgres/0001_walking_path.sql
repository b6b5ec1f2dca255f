-- The first schema. Instants are whole milliseconds since 1970-01-01 UTC.
-- The rules at the end are the store's own: an old or faulty worker is refused
-- here, whatever its code believes (I1 to I5, I15).

CREATE TABLE store_clock (
    only_row      BIGINT PRIMARY KEY CHECK (only_row = 1),
    store_id      TEXT NOT NULL,
    high_water_at BIGINT NOT NULL
);
INSERT INTO store_clock VALUES (1, replace(gen_random_uuid()::text, '-', ''), 0);

CREATE TABLE tenant (
    cloud_id        TEXT COLLATE "C" PRIMARY KEY CHECK (length(cloud_id) BETWEEN 1 AND 128),
    installed_at    BIGINT NOT NULL,
    source          TEXT NOT NULL,
    installation_id TEXT,
    app_version     TEXT,
    reinstalled_at  BIGINT,
    paused_at       BIGINT,
    uninstalled_at  BIGINT,
    last_tick_at    BIGINT,
    head_sequence   BIGINT NOT NULL,
    head_hash       TEXT NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_vacuum_threshold = 1000);

CREATE TABLE token (
    cloud_id   TEXT COLLATE "C" PRIMARY KEY REFERENCES tenant,
    ciphertext BYTEA NOT NULL,
    key_id     TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE milestone (
    cloud_id      TEXT COLLATE "C" NOT NULL REFERENCES tenant,
    trigger_name  TEXT COLLATE "C" NOT NULL,
    revision      BIGINT NOT NULL CHECK (revision >= 1),
    state         TEXT NOT NULL CHECK (state IN
        ('scheduled', 'claimed', 'completed', 'missed', 'discarded', 'cancelled')),
    installed_at  BIGINT NOT NULL,
    due_at        BIGINT NOT NULL,
    window_end_at BIGINT,
    next_due      BIGINT NOT NULL,
    attempts      BIGINT NOT NULL CHECK (attempts >= 0),
    starts        BIGINT NOT NULL CHECK (starts >= attempts),
    fence         BIGINT NOT NULL CHECK (fence >= 0),
    lease_until   BIGINT CHECK ((lease_until IS NOT NULL) = (state = 'claimed')),
    deferral_kind TEXT,
    deferrals     BIGINT NOT NULL,
    settled_fence BIGINT,
    settled_as    TEXT,
    error_code    TEXT,
    error_message TEXT,
    error_at      BIGINT,
    error_attempt BIGINT,
    PRIMARY KEY (cloud_id, trigger_name, revision)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0.02);

CREATE INDEX milestone_next_due ON milestone (next_due, cloud_id)
    WHERE state IN ('scheduled', 'claimed');

CREATE TABLE report (
    report_id    TEXT COLLATE "C" NOT NULL UNIQUE,
    cloud_id     TEXT COLLATE "C" NOT NULL,
    trigger_name TEXT COLLATE "C" NOT NULL,
    revision     BIGINT NOT NULL,
    generated_at BIGINT NOT NULL,
    digest       TEXT NOT NULL,
    body         BYTEA NOT NULL,
    envelope     BYTEA NOT NULL CHECK (length(envelope) > 0),
    PRIMARY KEY (cloud_id, trigger_name, revision)
);

CREATE TABLE marker (
    cloud_id     TEXT COLLATE "C" NOT NULL,
    trigger_name TEXT COLLATE "C" NOT NULL,
    revision     BIGINT NOT NULL,
    completed_at BIGINT NOT NULL,
    report_id    TEXT COLLATE "C" NOT NULL,
    digest       TEXT NOT NULL,
    PRIMARY KEY (cloud_id, trigger_name, revision)
);

CREATE TABLE signing_key (
    key_id        TEXT COLLATE "C" PRIMARY KEY,
    point         BYTEA NOT NULL CHECK (length(point) = 32),
    first_used_at BIGINT NOT NULL
);

CREATE TABLE ledger (
    cloud_id TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL CHECK (sequence >= 1),
    body     BYTEA NOT NULL,
    hash     TEXT NOT NULL,
    PRIMARY KEY (cloud_id, sequence)
);

CREATE FUNCTION firstry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER report_is_written_once BEFORE UPDATE OR DELETE ON report
FOR EACH ROW EXECUTE FUNCTION firstry_refuse('a report is written once');
CREATE TRIGGER report_stays BEFORE TRUNCATE ON report
FOR EACH STATEMENT EXECUTE FUNCTION firstry_refuse('a report is written once');
CREATE TRIGGER marker_is_written_once BEFORE UPDATE OR DELETE ON marker
FOR EACH ROW EXECUTE FUNCTION firstry_refuse('a completion marker is written once');
CREATE TRIGGER marker_stays BEFORE TRUNCATE ON marker
FOR EACH STATEMENT EXECUTE FUNCTION firstry_refuse('a completion marker is written once');
CREATE TRIGGER signing_key_is_written_once BEFORE UPDATE OR DELETE ON signing_key
FOR EACH ROW EXECUTE FUNCTION firstry_refuse('a public key is written once');
CREATE TRIGGER signing_key_stays BEFORE TRUNCATE ON signing_key
FOR EACH STATEMENT EXECUTE FUNCTION firstry_refuse('a public key is written once');
CREATE TRIGGER ledger_is_written_once BEFORE UPDATE OR DELETE ON ledger
FOR EACH ROW EXECUTE FUNCTION firstry_refuse('a ledger entry is written once');
CREATE TRIGGER ledger_stays BEFORE TRUNCATE ON ledger
FOR EACH STATEMENT EXECUTE FUNCTION firstry_refuse('a ledger entry is written once');
CREATE TRIGGER milestone_stays BEFORE DELETE ON milestone
FOR EACH ROW EXECUTE FUNCTION firstry_refuse('a milestone is never deleted');
CREATE TRIGGER milestones_stay BEFORE TRUNCATE ON milestone
FOR EACH STATEMENT EXECUTE FUNCTION firstry_refuse('a milestone is never deleted');
CREATE TRIGGER tenant_stays BEFORE DELETE ON tenant
FOR EACH ROW EXECUTE FUNCTION firstry_refuse('a tenant is never deleted');
CREATE TRIGGER tenants_stay BEFORE TRUNCATE ON tenant
FOR EACH STATEMENT EXECUTE FUNCTION firstry_refuse('a tenant is never deleted');

-- The rules that follow look at all rows of a statement at once, when it is done: a batch
-- of a hundred costs little more than one row. Each row's part is a subquery of its own,
-- never a join, so that it goes by an index whatever the planner believes of the tables.
-- They tie report, marker and ledger to what they belong to, and ask for more than a
-- foreign key does. What those belong to is never deleted.

CREATE FUNCTION firstry_markers_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM added n WHERE (
            SELECT r.report_id = n.report_id AND r.digest = n.digest FROM report r
            WHERE r.cloud_id = n.cloud_id AND r.trigger_name = n.trigger_name
              AND r.revision = n.revision) IS NOT TRUE) THEN
        RAISE EXCEPTION 'a completion marker needs its report'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER marker_needs_its_report AFTER INSERT ON marker
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION firstry_markers_begin();

CREATE FUNCTION firstry_reports_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM added n WHERE (
            SELECT m.state = 'claimed' FROM milestone m
            WHERE m.cloud_id = n.cloud_id AND m.trigger_name = n.trigger_name
              AND m.revision = n.revision) IS NOT TRUE) THEN
        RAISE EXCEPTION 'a report is of a claimed milestone'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER report_needs_its_claim AFTER INSERT ON report
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION firstry_reports_begin();

CREATE FUNCTION firstry_ledgers_grow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM added n WHERE CASE n.sequence
            WHEN 1 THEN (SELECT true FROM tenant t WHERE t.cloud_id = n.cloud_id)
            ELSE (SELECT true FROM ledger l
                  WHERE l.cloud_id = n.cloud_id AND l.sequence = n.sequence - 1)
        END IS NOT TRUE) THEN
        RAISE EXCEPTION 'a ledger has no gap'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_has_no_gap AFTER INSERT ON ledger
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION firstry_ledgers_grow();

CREATE FUNCTION firstry_milestones_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM added n
        WHERE (n.state = 'scheduled' AND n.fence = 0 AND n.starts = 0) IS NOT TRUE) THEN
        RAISE EXCEPTION 'a milestone starts scheduled'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER milestone_starts_scheduled AFTER INSERT ON milestone
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION firstry_milestones_begin();

-- A row is known again by its key. None can take the key of another in the same statement:
-- the first of them would meet a key that is not free yet.
CREATE FUNCTION firstry_milestones_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken TEXT;
BEGIN
    SELECT min(CASE
        WHEN (o.state IS NOT NULL AND n.state IS NOT NULL) IS NOT TRUE
            THEN 'a milestone keeps its name'
        WHEN (o.state IN ('scheduled', 'claimed')) IS NOT TRUE
            THEN 'a finished milestone never changes'
        WHEN (n.installed_at = o.installed_at AND n.due_at = o.due_at) IS NOT TRUE
            THEN 'a due time never moves'
        WHEN (n.fence >= o.fence AND n.starts >= o.starts) IS NOT TRUE
            THEN 'fence and starts never fall'
        WHEN (n.state <> 'claimed' OR (n.fence > o.fence AND n.starts > o.starts)) IS NOT TRUE
            THEN 'every claim raises the fence and counts a start'
        WHEN (n.settled_fence IS NOT DISTINCT FROM o.settled_fence
              OR (n.settled_fence = o.fence AND o.state = 'claimed')) IS NOT TRUE
            THEN 'only the claim in force is settled'
        WHEN n.state = 'completed' AND (o.state <> 'claimed' OR (
            SELECT true FROM marker k
            WHERE k.cloud_id = n.cloud_id AND k.trigger_name = n.trigger_name
              AND k.revision = n.revision) IS NOT TRUE)
            THEN 'completed needs its claim, report and marker'
        END) INTO broken
    FROM was o FULL JOIN becomes n ON n.cloud_id = o.cloud_id
         AND n.trigger_name = o.trigger_name AND n.revision = o.revision;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION '%', broken USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER milestone_steps AFTER UPDATE ON milestone
REFERENCING OLD TABLE AS was NEW TABLE AS becomes
FOR EACH STATEMENT EXECUTE FUNCTION firstry_milestones_step();

CREATE FUNCTION firstry_tenants_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken TEXT;
BEGIN
    SELECT min(CASE
        WHEN (o.source IS NOT NULL AND n.source IS NOT NULL) IS NOT TRUE
            THEN 'a tenant keeps its name'
        WHEN (n.installed_at = o.installed_at AND n.source = o.source) IS NOT TRUE
            THEN 'the first installation evidence stays'
        WHEN (n.head_sequence > o.head_sequence
              OR (n.head_sequence = o.head_sequence AND n.head_hash = o.head_hash)) IS NOT TRUE
            THEN 'a ledger head never falls'
        END) INTO broken
    FROM was o FULL JOIN becomes n ON n.cloud_id = o.cloud_id;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION '%', broken USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tenant_changes AFTER UPDATE ON tenant
REFERENCING OLD TABLE AS was NEW TABLE AS becomes
FOR EACH STATEMENT EXECUTE FUNCTION firstry_tenants_change();
