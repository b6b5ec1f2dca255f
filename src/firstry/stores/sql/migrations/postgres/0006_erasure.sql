-- Erasing what a tenant told. The tombstone on the tenant's row comes first; under it each
-- report and each earlier ledger entry may lose its content once, and nothing else of it.
-- Markers, digests and the hashes of the chain stay. Who may do it stands in rights.sql.

ALTER TABLE tenant ADD COLUMN erased_at BIGINT, ADD COLUMN erased_sequence BIGINT;
ALTER TABLE report ADD COLUMN erased_at BIGINT;
-- The digest of the entry as it was written; set once its body is erased.
ALTER TABLE ledger ADD COLUMN erased_hash TEXT;

CREATE INDEX tenant_to_erase ON tenant (uninstalled_at, cloud_id)
    WHERE uninstalled_at IS NOT NULL AND (erased_at IS NULL OR erased_at < uninstalled_at);

CREATE FUNCTION firstry_digest(body BYTEA) RETURNS TEXT LANGUAGE sql IMMUTABLE AS
$$ SELECT 'sha256:' || encode(sha256(body), 'hex') $$;

CREATE FUNCTION firstry_erased_body(
    entry_at TEXT, entry_kind TEXT, entry_actor TEXT, entry_trigger TEXT)
RETURNS BYTEA LANGUAGE sql IMMUTABLE AS $$
    SELECT convert_to('{"actor":' || to_json(entry_actor)::text || ',"at":'
        || to_json(entry_at)::text || ',"detail":{"erased":true'
        || coalesce(',"trigger":' || to_json(entry_trigger)::text, '') || '},"kind":'
        || to_json(entry_kind)::text || '}', 'UTF8') $$;

CREATE FUNCTION firstry_report_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.erased_at IS NULL AND NEW.body = '' AND NEW.envelope = 'erased'
        AND (NEW.report_id, NEW.cloud_id, NEW.trigger_name, NEW.revision, NEW.generated_at,
             NEW.digest)
          = (OLD.report_id, OLD.cloud_id, OLD.trigger_name, OLD.revision, OLD.generated_at,
             OLD.digest)
        AND (SELECT t.erased_at = NEW.erased_at AND t.erased_at >= OLD.generated_at
             FROM tenant t WHERE t.cloud_id = OLD.cloud_id)) IS NOT TRUE THEN
        RAISE EXCEPTION 'a report is written once'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER report_is_written_once ON report;
CREATE TRIGGER report_is_written_once BEFORE UPDATE ON report
FOR EACH ROW EXECUTE FUNCTION firstry_report_changes();
CREATE TRIGGER report_is_kept BEFORE DELETE ON report
FOR EACH ROW EXECUTE FUNCTION firstry_refuse('a report is written once');

CREATE FUNCTION firstry_ledger_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.erased_hash IS NULL AND NEW.erased_hash = firstry_digest(OLD.body)
        AND NEW.body = firstry_erased_body(
            OLD.entry_at, OLD.entry_kind, OLD.entry_actor, OLD.entry_trigger)
        AND (NEW.cloud_id, NEW.sequence, NEW.hash) = (OLD.cloud_id, OLD.sequence, OLD.hash)
        AND (NEW.entry_at, NEW.entry_kind, NEW.entry_actor, NEW.entry_trigger)
            IS NOT DISTINCT FROM
            (OLD.entry_at, OLD.entry_kind, OLD.entry_actor, OLD.entry_trigger)
        AND (SELECT t.erased_sequence > OLD.sequence
             FROM tenant t WHERE t.cloud_id = OLD.cloud_id)) IS NOT TRUE THEN
        RAISE EXCEPTION 'a ledger entry is written once'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER ledger_is_written_once ON ledger;
CREATE TRIGGER ledger_is_written_once BEFORE UPDATE ON ledger
FOR EACH ROW EXECUTE FUNCTION firstry_ledger_changes();
CREATE TRIGGER ledger_is_kept BEFORE DELETE ON ledger
FOR EACH ROW EXECUTE FUNCTION firstry_refuse('a ledger entry is written once');

-- Of a finished milestone the words of its last error go, under the tombstone.
CREATE OR REPLACE FUNCTION firstry_milestones_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken TEXT;
BEGIN
    SELECT min(CASE
        WHEN (o.state IS NOT NULL AND n.state IS NOT NULL) IS NOT TRUE
            THEN 'a milestone keeps its name'
        WHEN (o.state IN ('scheduled', 'claimed')
              OR (n.error_code IS NULL AND n.error_message IS NULL AND n.error_at IS NULL
                  AND n.error_attempt IS NULL
                  AND to_jsonb(n) - 'error_code' - 'error_message' - 'error_at' - 'error_attempt'
                    = to_jsonb(o) - 'error_code' - 'error_message' - 'error_at' - 'error_attempt'
                  AND (SELECT t.erased_sequence = t.head_sequence FROM tenant t
                       WHERE t.cloud_id = n.cloud_id))) IS NOT TRUE
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
        WHEN n.state = 'completed' AND o.state <> 'completed' AND (o.state <> 'claimed' OR (
            SELECT true FROM marker k
            WHERE k.cloud_id = n.cloud_id AND k.trigger_name = n.trigger_name
              AND k.revision = n.revision) IS NOT TRUE)
            THEN 'completed needs its claim, report and marker'
        WHEN n.imported_at IS DISTINCT FROM o.imported_at
            THEN 'an import ends no milestone that is open here'
        END) INTO broken
    FROM was o FULL JOIN becomes n ON n.cloud_id = o.cloud_id
         AND n.trigger_name = o.trigger_name AND n.revision = o.revision;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION '%', broken USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION firstry_tenants_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken TEXT;
BEGIN
    SELECT min(CASE
        WHEN (o.source IS NOT NULL AND n.source IS NOT NULL) IS NOT TRUE
            THEN 'a tenant keeps its name'
        WHEN (n.installed_at = o.installed_at AND n.source = o.source
              OR (o.source = 'UNKNOWN' AND n.source <> 'UNKNOWN')) IS NOT TRUE
            THEN 'the first installation evidence stays'
        WHEN (n.head_sequence > o.head_sequence
              OR (n.head_sequence = o.head_sequence AND n.head_hash = o.head_hash)) IS NOT TRUE
            THEN 'a ledger head never falls'
        WHEN (n.erased_at, n.erased_sequence) IS DISTINCT FROM (o.erased_at, o.erased_sequence)
             AND (n.erased_at >= coalesce(o.erased_at, n.erased_at)
                  AND n.erased_sequence > coalesce(o.erased_sequence, 0)
                  AND n.erased_sequence = n.head_sequence
                  AND (SELECT l.entry_kind = 'ERASED' FROM ledger l
                       WHERE l.cloud_id = n.cloud_id
                         AND l.sequence = n.erased_sequence)) IS NOT TRUE
            THEN 'an erasure is told by the last ledger entry'
        END) INTO broken
    FROM was o FULL JOIN becomes n ON n.cloud_id = o.cloud_id;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION '%', broken USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
