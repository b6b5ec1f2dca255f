-- The end of the service's own ledger, kept beside its entries as a tenant's is on its row: it
-- tells of last entries that are gone. Each entry moves it. The next one follows the head,
-- so a ledger that lost its end shows the gap for ever, and takes new entries.

CREATE TABLE service_head (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    sequence INTEGER NOT NULL,
    hash     TEXT NOT NULL
) STRICT;
INSERT INTO service_head VALUES (
    1, 0, 'sha256:ae2ad19ec4d1c915732f92fe5d3713c8982f381767997a2a305a4b59fbb664ab');
UPDATE service_head SET (sequence, hash) = (
    SELECT sequence, hash FROM service_ledger ORDER BY sequence DESC LIMIT 1)
WHERE EXISTS (SELECT 1 FROM service_ledger);

DROP TRIGGER service_ledger_has_no_gap;
CREATE TRIGGER service_ledger_has_no_gap BEFORE INSERT ON service_ledger
WHEN NEW.sequence <> 1 + (SELECT sequence FROM service_head)
BEGIN SELECT RAISE(ABORT, 'a ledger has no gap'); END;
CREATE TRIGGER service_ledger_moves_its_head AFTER INSERT ON service_ledger
BEGIN UPDATE service_head SET sequence = NEW.sequence, hash = NEW.hash; END;
CREATE TRIGGER service_head_is_an_entry BEFORE UPDATE ON service_head
WHEN NEW.sequence <= OLD.sequence OR NOT EXISTS (
    SELECT 1 FROM service_ledger l WHERE l.sequence = NEW.sequence AND l.hash = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'a ledger head is its last entry'); END;
CREATE TRIGGER service_head_stays BEFORE DELETE ON service_head
BEGIN SELECT RAISE(ABORT, 'a ledger head is its last entry'); END;
