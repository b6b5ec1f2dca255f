"""A real report from evidence at hand: validated, canonical, digested, signed (perf-2)."""

from dataclasses import replace

from bench.ground import DUE, INSTALLED, POLICY
from bench.row import Row, per_second
from firstry.domain.claim import Claim
from firstry.domain.evidence import (
    Count,
    CountMethod,
    Dataset,
    Evidence,
    NotCollected,
    NotCollectedCause,
    Reading,
)
from firstry.domain.ledger import Head
from firstry.domain.policy import Trigger
from firstry.domain.record import StoredReport
from firstry.domain.report.generate import generate
from firstry.domain.tenant import Tenant
from firstry.exports.signature import Ed25519Signer

REPORTS = 300
SIGNER = Ed25519Signer("bench", b"x" * 32)


def rows() -> list[Row]:
    """Measure reports a second on one core."""
    read = evidence()
    made = per_second(REPORTS, lambda: [_report(read) for _ in range(REPORTS)])
    return [Row("perf-2", "report made and signed", "reports/s", made, "goal", 1000, ">= 1")]


def evidence() -> Evidence:
    """Return evidence of nine datasets, as a healthy site gives it."""
    count = Count(42, 42, 42, CountMethod.COUNTED_BY_PLATFORM)
    return Evidence(
        tuple(
            Reading(d, "GET /rest/api/3/x", "read:jira-work", DUE, 200, count)
            if position < 9
            else NotCollected(d, NotCollectedCause.NOT_ENABLED)
            for position, d in enumerate(Dataset)
        )
    )


def _report(read: Evidence) -> StoredReport:
    tenant = Tenant.from_row("bench")
    head = Head(2, "sha256:" + "0" * 64)
    lease = DUE + POLICY.lease
    held = Claim(tenant, Trigger("AUTO_12H"), 1, 1, 1, DUE, lease, INSTALLED, head)
    report = generate(held, read)
    return replace(report, envelope=SIGNER.sign(report, held.head))
