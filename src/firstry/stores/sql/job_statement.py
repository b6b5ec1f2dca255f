"""Every SQL statement of the book of bulk jobs, as constants."""

_COUNTS = """
       (SELECT count(*) FROM bulk_target g
        WHERE g.job_id = j.job_id AND g.outcome IS NULL) AS unsettled,
       (SELECT count(*) FROM bulk_target g
        WHERE g.job_id = j.job_id AND g.outcome = 'failed') AS failed
"""
"""What is done is the rest: counting it would look at every target."""
_JOB = (
    """
SELECT j.job_id, j.act, j.filter, j.reason, j.actor, j.request_key, j.total, j.created_at,
       j.ended_at, j.runner, j.held_until,
"""
    + _COUNTS
    + "FROM bulk_job j "
)
READ_JOB = _JOB + "WHERE j.job_id = :job_id"
RECENT = (
    _JOB
    + "WHERE (j.created_at, j.job_id) < (:created_at, :job_id) "
    + "ORDER BY j.created_at DESC, j.job_id DESC LIMIT :limit"
)
READ_BY_KEY = _JOB + "WHERE j.request_key = :key"
READ_HELD = (
    _JOB
    + "WHERE j.ended_at IS NULL AND j.runner = :runner AND j.held_until = :until "
    + "ORDER BY j.created_at, j.job_id LIMIT 1"
)
LEFT_ALONE = (
    _JOB
    + "WHERE j.ended_at IS NULL AND j.created_at <= :since "
    + "AND (j.held_until IS NULL OR j.held_until <= :now) "
    + "ORDER BY j.created_at, j.job_id LIMIT :limit"
)
INSERT_JOB = """
INSERT INTO bulk_job (job_id, act, filter, reason, actor, request_key, total, created_at)
VALUES (:job_id, :act, :filter, :reason, :actor, :key, :total, :created_at)
"""
INSERT_TARGET = """
INSERT INTO bulk_target (job_id, tenant_id, trigger_name)
VALUES (:job_id, :tenant_id, :trigger_name)
"""
TAKE = """
UPDATE bulk_job SET runner = :runner, held_until = :until
WHERE ended_at IS NULL AND (held_until IS NULL OR held_until <= :now)
  AND job_id = (SELECT o.job_id FROM bulk_job o
                WHERE o.ended_at IS NULL AND (o.held_until IS NULL OR o.held_until <= :now)
                ORDER BY o.created_at, o.job_id LIMIT 1)
"""
KEEP = """
UPDATE bulk_job SET held_until = :until
WHERE job_id = :job_id AND runner = :runner AND ended_at IS NULL
"""
LEFT = """
SELECT tenant_id, trigger_name FROM bulk_target
WHERE job_id = :job_id AND outcome IS NULL
ORDER BY tenant_id, trigger_name LIMIT :limit
"""
SETTLE = """
UPDATE bulk_target SET outcome = :outcome, code = :code, message = :message
WHERE job_id = :job_id AND tenant_id = :tenant_id AND trigger_name = :trigger_name
  AND outcome IS NULL
"""
FINISH = "UPDATE bulk_job SET ended_at = :now WHERE job_id = :job_id AND ended_at IS NULL"
ERRORS = """
SELECT tenant_id, trigger_name, code, message FROM bulk_target
WHERE job_id = :job_id AND outcome = 'failed'
ORDER BY tenant_id, trigger_name LIMIT :limit
"""
