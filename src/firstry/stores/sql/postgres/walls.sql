-- The walls between tenants. Doing it twice changes nothing.
--
-- Every table with a column cloud_id has row-level security, for its owner too. A
-- transaction sees the tenants that `firstry.tenants` names (`,a,b,`: no id has a
-- comma). It sees all of them only where `firstry.scope` is 'all' and its role belongs
-- to firstry_scheduler, or owns the tables (one role for all). That is asked first, once
-- a query: who sees all need not be looked up by name for each row.
--
-- Whatever search_path or temporary table a session has, the functions mean our tables.

DO $$ BEGIN
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION firstry_sees_all() RETURNS boolean LANGUAGE sql STABLE AS '
        '$body$ SELECT coalesce(current_setting(''firstry.scope'', true) = ''all'', false) '
        'AND EXISTS (SELECT 1 FROM pg_catalog.pg_roles r '
        'WHERE (r.rolname = ''firstry_scheduler'' '
        'OR r.oid = (SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.oid = %L::regclass)) '
        'AND pg_has_role(current_user, r.oid, ''USAGE'')) $body$',
        format('%I.tenant', current_schema()));
END $$;

DO $$
DECLARE
    rule REGPROCEDURE;
BEGIN
    FOR rule IN
        SELECT p.oid FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
        WHERE l.lanname = 'plpgsql' AND p.proname LIKE 'firstry\_%'
          AND p.pronamespace = current_schema()::regnamespace
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', rule, current_schema());
    END LOOP;
END $$;

DO $$
DECLARE
    place REGCLASS;
BEGIN
    FOR place IN
        SELECT c.oid FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'cloud_id'
        WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', place);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', place);
        EXECUTE format('DROP POLICY IF EXISTS tenant_wall ON %s', place);
        EXECUTE format('CREATE POLICY tenant_wall ON %s USING '
            '((SELECT firstry_sees_all()) OR cloud_id IN (SELECT unnest(string_to_array('
            'current_setting(''firstry.tenants'', true), '',''))))',
            place);
    END LOOP;
END $$;
