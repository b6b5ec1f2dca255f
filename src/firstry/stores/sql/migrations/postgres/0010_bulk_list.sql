-- Jobs are listed, the newest first, each with how many of its targets are left and failed:
-- both are counted by an index of few rows, for what is done is the rest.

CREATE INDEX bulk_job_recent ON bulk_job (created_at, job_id);
CREATE INDEX bulk_target_failed ON bulk_target (job_id, tenant_id, trigger_name)
    WHERE outcome = 'failed';
