-- The end of the service's own ledger, kept beside its entries as a tenant's is on its row: it
-- tells of last entries that are gone. Each entry moves it. The next one follows the head,
-- so a ledger that lost its end shows the gap for ever, and takes new entries.

LOCK TABLE service_ledger IN SHARE ROW EXCLUSIVE MODE;
CREATE TABLE service_head (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    sequence BIGINT NOT NULL,
    hash     TEXT NOT NULL
);
INSERT INTO service_head VALUES (
    1, 0, 'sha256:ae2ad19ec4d1c915732f92fe5d3713c8982f381767997a2a305a4b59fbb664ab');
UPDATE service_head SET (sequence, hash) = (
    SELECT sequence, hash FROM service_ledger ORDER BY sequence DESC LIMIT 1)
WHERE EXISTS (SELECT 1 FROM service_ledger);

CREATE OR REPLACE FUNCTION firstry_service_ledger_goes_on() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.sequence <> 1 + (SELECT sequence FROM service_head) THEN
        RAISE EXCEPTION 'a ledger has no gap' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION firstry_service_head_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE service_head SET sequence = NEW.sequence, hash = NEW.hash;
    RETURN NULL;
END $$;
CREATE TRIGGER service_ledger_moves_its_head AFTER INSERT ON service_ledger
FOR EACH ROW EXECUTE FUNCTION firstry_service_head_moves();

CREATE FUNCTION firstry_service_head_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.sequence <= OLD.sequence OR NOT EXISTS (
        SELECT 1 FROM service_ledger l WHERE l.sequence = NEW.sequence AND l.hash = NEW.hash) THEN
        RAISE EXCEPTION 'a ledger head is its last entry'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER service_head_is_an_entry BEFORE UPDATE ON service_head
FOR EACH ROW EXECUTE FUNCTION firstry_service_head_changes();
CREATE TRIGGER service_head_stays BEFORE DELETE ON service_head
FOR EACH ROW EXECUTE FUNCTION firstry_refuse('a ledger head is its last entry');
CREATE TRIGGER service_head_is_kept BEFORE TRUNCATE ON service_head
FOR EACH STATEMENT EXECUTE FUNCTION firstry_refuse('a ledger head is its last entry');
