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

CREATE FUNCTION firstry_marker_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (EXISTS (
        SELECT 1 FROM report r
        WHERE r.cloud_id = NEW.cloud_id AND r.trigger_name = NEW.trigger_name
        AND r.revision = NEW.revision
        AND r.report_id = NEW.report_id AND r.digest = NEW.digest)) IS NOT TRUE THEN
        RAISE EXCEPTION 'a completion marker needs its report'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER marker_needs_its_report BEFORE INSERT ON marker
FOR EACH ROW EXECUTE FUNCTION firstry_marker_begins();

-- Report, marker and ledger are tied to what they belong to by the triggers that follow,
-- which ask for more than a foreign key does, at the same cost. What they belong to is
-- never deleted.

CREATE FUNCTION firstry_report_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM milestone m
        WHERE m.cloud_id = NEW.cloud_id AND m.trigger_name = NEW.trigger_name
          AND m.revision = NEW.revision AND m.state = 'claimed') THEN
        RAISE EXCEPTION 'a report is of a claimed milestone'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER report_needs_its_claim BEFORE INSERT ON report
FOR EACH ROW EXECUTE FUNCTION firstry_report_begins();

CREATE FUNCTION firstry_ledger_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM ledger l
        WHERE l.cloud_id = NEW.cloud_id AND l.sequence = NEW.sequence - 1)
       AND NOT (NEW.sequence = 1 AND EXISTS (
        SELECT 1 FROM tenant t WHERE t.cloud_id = NEW.cloud_id)) THEN
        RAISE EXCEPTION 'a ledger has no gap'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_has_no_gap BEFORE INSERT ON ledger
FOR EACH ROW EXECUTE FUNCTION firstry_ledger_grows();

CREATE FUNCTION firstry_milestone_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.state = 'scheduled' AND NEW.fence = 0 AND NEW.starts = 0) IS NOT TRUE THEN
        RAISE EXCEPTION 'a milestone starts scheduled'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER milestone_starts_scheduled BEFORE INSERT ON milestone
FOR EACH ROW EXECUTE FUNCTION firstry_milestone_begins();

CREATE FUNCTION firstry_milestone_steps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.cloud_id = OLD.cloud_id AND NEW.trigger_name = OLD.trigger_name
        AND NEW.revision = OLD.revision) IS NOT TRUE THEN
        RAISE EXCEPTION 'a milestone keeps its name'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (OLD.state IN ('scheduled', 'claimed')) IS NOT TRUE THEN
        RAISE EXCEPTION 'a finished milestone never changes'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.installed_at = OLD.installed_at AND NEW.due_at = OLD.due_at) IS NOT TRUE THEN
        RAISE EXCEPTION 'a due time never moves'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.fence >= OLD.fence AND NEW.starts >= OLD.starts) IS NOT TRUE THEN
        RAISE EXCEPTION 'fence and starts never fall'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.state <> 'claimed'
        OR (NEW.fence > OLD.fence AND NEW.starts > OLD.starts)) IS NOT TRUE THEN
        RAISE EXCEPTION 'every claim raises the fence and counts a start'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.settled_fence IS NOT DISTINCT FROM OLD.settled_fence
        OR (NEW.settled_fence = OLD.fence AND OLD.state = 'claimed')) IS NOT TRUE THEN
        RAISE EXCEPTION 'only the claim in force is settled'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state = 'completed' AND (OLD.state <> 'claimed' OR NOT EXISTS (
        SELECT 1 FROM marker k
        WHERE k.cloud_id = NEW.cloud_id AND k.trigger_name = NEW.trigger_name
          AND k.revision = NEW.revision)) THEN
        RAISE EXCEPTION 'completed needs its claim, report and marker'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER milestone_steps BEFORE UPDATE ON milestone
FOR EACH ROW EXECUTE FUNCTION firstry_milestone_steps();

CREATE FUNCTION firstry_tenant_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.cloud_id = OLD.cloud_id) IS NOT TRUE THEN
        RAISE EXCEPTION 'a tenant keeps its name'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.installed_at = OLD.installed_at AND NEW.source = OLD.source) IS NOT TRUE THEN
        RAISE EXCEPTION 'the first installation evidence stays'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.head_sequence > OLD.head_sequence
        OR (NEW.head_sequence = OLD.head_sequence AND NEW.head_hash = OLD.head_hash)) IS NOT TRUE THEN
        RAISE EXCEPTION 'a ledger head never falls'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tenant_changes BEFORE UPDATE ON tenant
FOR EACH ROW EXECUTE FUNCTION firstry_tenant_changes();
