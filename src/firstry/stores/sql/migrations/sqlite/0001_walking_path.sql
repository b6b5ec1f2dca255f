-- The first schema. Instants are whole milliseconds since 1970-01-01 UTC.
-- The rules at the end are the store's own: an old or faulty worker is refused
-- here, whatever its code believes (I1 to I5, I15).

CREATE TABLE store_clock (
    only_row      INTEGER PRIMARY KEY CHECK (only_row = 1),
    store_id      TEXT NOT NULL,
    high_water_at INTEGER NOT NULL
) STRICT;
INSERT INTO store_clock VALUES (1, lower(hex(randomblob(16))), 0);

CREATE TABLE tenant (
    cloud_id        TEXT PRIMARY KEY CHECK (length(cloud_id) BETWEEN 1 AND 128),
    installed_at    INTEGER NOT NULL,
    source          TEXT NOT NULL,
    installation_id TEXT,
    app_version     TEXT,
    reinstalled_at  INTEGER,
    paused_at       INTEGER,
    uninstalled_at  INTEGER,
    last_tick_at    INTEGER,
    head_sequence   INTEGER NOT NULL,
    head_hash       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE token (
    cloud_id   TEXT PRIMARY KEY REFERENCES tenant,
    ciphertext BLOB NOT NULL,
    key_id     TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE milestone (
    cloud_id      TEXT NOT NULL REFERENCES tenant,
    trigger_name  TEXT NOT NULL,
    revision      INTEGER NOT NULL CHECK (revision >= 1),
    state         TEXT NOT NULL CHECK (state IN
        ('scheduled', 'claimed', 'completed', 'missed', 'discarded', 'cancelled')),
    installed_at  INTEGER NOT NULL,
    due_at        INTEGER NOT NULL,
    window_end_at INTEGER,
    next_due      INTEGER NOT NULL,
    attempts      INTEGER NOT NULL CHECK (attempts >= 0),
    starts        INTEGER NOT NULL CHECK (starts >= attempts),
    fence         INTEGER NOT NULL CHECK (fence >= 0),
    lease_until   INTEGER CHECK ((lease_until IS NOT NULL) = (state = 'claimed')),
    deferral_kind TEXT,
    deferrals     INTEGER NOT NULL,
    settled_fence INTEGER,
    settled_as    TEXT,
    error_code    TEXT,
    error_message TEXT,
    error_at      INTEGER,
    error_attempt INTEGER,
    PRIMARY KEY (cloud_id, trigger_name, revision)
) STRICT, WITHOUT ROWID;

CREATE INDEX milestone_next_due ON milestone (next_due, cloud_id)
    WHERE state IN ('scheduled', 'claimed');

CREATE TABLE report (
    report_id    TEXT PRIMARY KEY,
    cloud_id     TEXT NOT NULL,
    trigger_name TEXT NOT NULL,
    revision     INTEGER NOT NULL,
    generated_at INTEGER NOT NULL,
    digest       TEXT NOT NULL,
    body         BLOB NOT NULL,
    envelope     BLOB NOT NULL CHECK (length(envelope) > 0),
    UNIQUE (cloud_id, trigger_name, revision),
    FOREIGN KEY (cloud_id, trigger_name, revision) REFERENCES milestone
) STRICT;

CREATE TABLE marker (
    cloud_id     TEXT NOT NULL,
    trigger_name TEXT NOT NULL,
    revision     INTEGER NOT NULL,
    completed_at INTEGER NOT NULL,
    report_id    TEXT NOT NULL UNIQUE REFERENCES report,
    digest       TEXT NOT NULL,
    PRIMARY KEY (cloud_id, trigger_name, revision),
    FOREIGN KEY (cloud_id, trigger_name, revision) REFERENCES milestone
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_key (
    key_id        TEXT PRIMARY KEY,
    point         BLOB NOT NULL CHECK (length(point) = 32),
    first_used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger (
    cloud_id TEXT NOT NULL REFERENCES tenant,
    sequence INTEGER NOT NULL CHECK (sequence >= 1),
    body     BLOB NOT NULL,
    hash     TEXT NOT NULL,
    PRIMARY KEY (cloud_id, sequence)
) STRICT, WITHOUT ROWID;

-- The rules BEFORE INSERT are there for INSERT OR REPLACE, which deletes unseen.

CREATE TRIGGER report_comes_once BEFORE INSERT ON report
WHEN EXISTS (
    SELECT 1 FROM report r
    WHERE r.report_id = NEW.report_id
       OR (r.cloud_id = NEW.cloud_id AND r.trigger_name = NEW.trigger_name
           AND r.revision = NEW.revision))
BEGIN SELECT RAISE(ABORT, 'a report is written once'); END;
CREATE TRIGGER report_is_written_once BEFORE UPDATE ON report
BEGIN SELECT RAISE(ABORT, 'a report is written once'); END;
CREATE TRIGGER report_stays BEFORE DELETE ON report
BEGIN SELECT RAISE(ABORT, 'a report is written once'); END;

CREATE TRIGGER marker_comes_once BEFORE INSERT ON marker
WHEN EXISTS (
    SELECT 1 FROM marker k
    WHERE k.report_id = NEW.report_id
       OR (k.cloud_id = NEW.cloud_id AND k.trigger_name = NEW.trigger_name
           AND k.revision = NEW.revision))
BEGIN SELECT RAISE(ABORT, 'a completion marker is written once'); END;
CREATE TRIGGER marker_is_written_once BEFORE UPDATE ON marker
BEGIN SELECT RAISE(ABORT, 'a completion marker is written once'); END;
CREATE TRIGGER marker_stays BEFORE DELETE ON marker
BEGIN SELECT RAISE(ABORT, 'a completion marker is written once'); END;
CREATE TRIGGER marker_needs_its_report BEFORE INSERT ON marker
WHEN NOT EXISTS (
    SELECT 1 FROM report r
    WHERE r.report_id = NEW.report_id AND r.digest = NEW.digest AND r.cloud_id = NEW.cloud_id
      AND r.trigger_name = NEW.trigger_name AND r.revision = NEW.revision)
BEGIN SELECT RAISE(ABORT, 'a completion marker needs its report'); END;

CREATE TRIGGER signing_key_is_written_once BEFORE UPDATE ON signing_key
BEGIN SELECT RAISE(ABORT, 'a public key is written once'); END;
CREATE TRIGGER signing_key_stays BEFORE DELETE ON signing_key
BEGIN SELECT RAISE(ABORT, 'a public key is written once'); END;

CREATE TRIGGER ledger_is_written_once BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'a ledger entry is written once'); END;
CREATE TRIGGER ledger_stays BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'a ledger entry is written once'); END;
CREATE TRIGGER ledger_has_no_gap BEFORE INSERT ON ledger
WHEN NEW.sequence <> 1 + coalesce(
    (SELECT max(sequence) FROM ledger WHERE cloud_id = NEW.cloud_id), 0)
BEGIN SELECT RAISE(ABORT, 'a ledger has no gap'); END;

CREATE TRIGGER milestone_comes_once BEFORE INSERT ON milestone
WHEN EXISTS (
    SELECT 1 FROM milestone m
    WHERE m.cloud_id = NEW.cloud_id AND m.trigger_name = NEW.trigger_name
      AND m.revision = NEW.revision)
BEGIN SELECT RAISE(ABORT, 'a milestone is armed once'); END;
CREATE TRIGGER milestone_stays BEFORE DELETE ON milestone
BEGIN SELECT RAISE(ABORT, 'a milestone is never deleted'); END;
CREATE TRIGGER milestone_keeps_its_name BEFORE UPDATE OF cloud_id, trigger_name, revision
ON milestone
BEGIN SELECT RAISE(ABORT, 'a milestone keeps its name'); END;
CREATE TRIGGER milestone_starts_scheduled BEFORE INSERT ON milestone
WHEN NEW.state <> 'scheduled' OR NEW.fence <> 0 OR NEW.starts <> 0
BEGIN SELECT RAISE(ABORT, 'a milestone starts scheduled'); END;
CREATE TRIGGER milestone_end_is_final BEFORE UPDATE ON milestone
WHEN OLD.state IN ('completed', 'missed', 'discarded', 'cancelled')
BEGIN SELECT RAISE(ABORT, 'a finished milestone never changes'); END;
CREATE TRIGGER milestone_evidence_stays BEFORE UPDATE ON milestone
WHEN NEW.installed_at <> OLD.installed_at OR NEW.due_at <> OLD.due_at
BEGIN SELECT RAISE(ABORT, 'a due time never moves'); END;
CREATE TRIGGER milestone_counts_rise BEFORE UPDATE ON milestone
WHEN NEW.fence < OLD.fence OR NEW.starts < OLD.starts
BEGIN SELECT RAISE(ABORT, 'fence and starts never fall'); END;
CREATE TRIGGER milestone_claim_raises_fence BEFORE UPDATE ON milestone
WHEN NEW.state = 'claimed' AND (NEW.fence <= OLD.fence OR NEW.starts <= OLD.starts)
BEGIN SELECT RAISE(ABORT, 'every claim raises the fence and counts a start'); END;
CREATE TRIGGER milestone_settles_its_fence BEFORE UPDATE ON milestone
WHEN NEW.settled_fence IS NOT OLD.settled_fence
 AND (NEW.settled_fence IS NULL OR NEW.settled_fence <> OLD.fence OR OLD.state <> 'claimed')
BEGIN SELECT RAISE(ABORT, 'only the claim in force is settled'); END;
CREATE TRIGGER milestone_completes_with_marker BEFORE UPDATE ON milestone
WHEN NEW.state = 'completed' AND (OLD.state <> 'claimed' OR NOT EXISTS (
    SELECT 1 FROM marker k
    WHERE k.cloud_id = NEW.cloud_id AND k.trigger_name = NEW.trigger_name
      AND k.revision = NEW.revision))
BEGIN SELECT RAISE(ABORT, 'completed needs its claim, report and marker'); END;

CREATE TRIGGER tenant_comes_once BEFORE INSERT ON tenant
WHEN EXISTS (SELECT 1 FROM tenant t WHERE t.cloud_id = NEW.cloud_id)
BEGIN SELECT RAISE(ABORT, 'a tenant is recorded once'); END;
CREATE TRIGGER tenant_stays BEFORE DELETE ON tenant
BEGIN SELECT RAISE(ABORT, 'a tenant is never deleted'); END;
CREATE TRIGGER tenant_evidence_is_first BEFORE UPDATE ON tenant
WHEN NEW.installed_at <> OLD.installed_at OR NEW.source <> OLD.source
BEGIN SELECT RAISE(ABORT, 'the first installation evidence stays'); END;
CREATE TRIGGER tenant_head_rises BEFORE UPDATE ON tenant
WHEN NEW.head_sequence < OLD.head_sequence
  OR (NEW.head_sequence = OLD.head_sequence AND NEW.head_hash <> OLD.head_hash)
BEGIN SELECT RAISE(ABORT, 'a ledger head never falls'); END;
