-- The roles that hold a service behind the walls, and what they may do. Built after every
-- upgrade; doing it twice changes nothing, and no table is locked for it.
--
-- Where the role that upgrades may make no roles and nobody else has made these, there
-- are none: then one role owns the tables and is the service's.

DO $$
DECLARE
    may_create BOOLEAN := (SELECT rolsuper OR rolcreaterole FROM pg_roles
                           WHERE rolname = current_user);
BEGIN
    IF may_create AND NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'firstry_app') THEN
        CREATE ROLE firstry_app NOLOGIN;
    END IF;
    IF may_create AND NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'firstry_scheduler') THEN
        CREATE ROLE firstry_scheduler NOLOGIN IN ROLE firstry_app;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL; -- another database of this server was upgraded at the same moment
END $$;

DO $$
BEGIN
    IF (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user)
        AND NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'firstry_eraser') THEN
        CREATE ROLE firstry_eraser NOLOGIN IN ROLE firstry_app;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN
    NULL; -- the same, or somebody else made firstry_app and makes this one too
END $$;

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'firstry_app') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO firstry_app', current_schema());
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA %I TO firstry_app',
            current_schema());
        REVOKE UPDATE ON report, marker, ledger, service_ledger, signing_key FROM firstry_app;
        REVOKE INSERT, UPDATE ON schema_migration FROM firstry_app;
        REVOKE INSERT ON store_clock, service_head FROM firstry_app;
        REVOKE UPDATE ON tenant FROM firstry_app; -- all but the tombstone
        GRANT UPDATE (installed_at, source, installation_id, app_version, reinstalled_at,
            paused_at, uninstalled_at, last_tick_at, head_sequence, head_hash)
            ON tenant TO firstry_app;
        GRANT DELETE ON token, console_session, console_form TO firstry_app;
    END IF;
END $$;

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'firstry_eraser') THEN
        GRANT UPDATE (erased_at, erased_sequence) ON tenant TO firstry_eraser;
        GRANT UPDATE (body, envelope, erased_at) ON report TO firstry_eraser;
        GRANT UPDATE (body, erased_hash) ON ledger TO firstry_eraser;
    END IF;
END $$;
