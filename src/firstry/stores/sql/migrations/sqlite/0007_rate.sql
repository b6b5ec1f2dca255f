-- The index of kinds also holds what rates are counted by, and who acted: the entries
-- themselves need not be looked at.

DROP INDEX ledger_of_kind;
CREATE INDEX ledger_of_kind ON ledger (entry_kind, entry_at, cloud_id, sequence, entry_trigger,
                                      entry_actor)
    WHERE entry_kind <> 'EVIDENCE_READ';
