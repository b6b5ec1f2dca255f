-- What the predecessor completed. Such a milestone is inserted as completed, with the
-- instant of it in `imported_at`, and has neither report nor marker here. It is the only
-- exception from "completed needs its claim, report and marker", and nothing that was
-- armed here can become one.

ALTER TABLE milestone ADD COLUMN imported_at BIGINT
    CHECK (imported_at IS NULL OR state = 'completed');

CREATE OR REPLACE FUNCTION firstry_milestones_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM added n
        WHERE (n.fence = 0 AND CASE
            WHEN n.state <> 'scheduled' THEN n.imported_at IS NOT NULL AND n.starts = 0
            WHEN n.starts = 0 THEN true
            ELSE n.revision = 1 AND n.starts = n.attempts AND (
                SELECT t.source = 'MIGRATED' FROM tenant t WHERE t.cloud_id = n.cloud_id)
        END) IS NOT TRUE) THEN
        RAISE EXCEPTION 'a milestone starts scheduled'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION firstry_milestones_step() RETURNS trigger LANGUAGE plpgsql AS $$
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
        END) INTO broken
    FROM was o FULL JOIN becomes n ON n.cloud_id = o.cloud_id;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION '%', broken USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
