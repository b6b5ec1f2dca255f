"""Make the trust report: a pure function of evidence, claim and instant.

The same evidence under the same claim gives the same bytes, so an attempt that
has to store its report twice stores the same report (I1, I3).
"""

from firstry.domain.canonical import Json, canonical_bytes, digest_of
from firstry.domain.claim import Claim
from firstry.domain.evidence import Evidence
from firstry.domain.instant import iso
from firstry.domain.policy import Trigger
from firstry.domain.record import StoredReport
from firstry.domain.report.section import Window, section_a, section_b, section_c, section_d
from firstry.domain.tenant import Tenant

SCHEMA_VERSION = "1.0"


def report_id_of(tenant: Tenant, trigger: Trigger, revision: int) -> str:
    """Return the id of the one report of this milestone, on every machine the same (P26)."""
    named: Json = {"cloud_id": tenant.cloud_id, "trigger": trigger, "revision": revision}
    return "r-" + digest_of(canonical_bytes(named)).removeprefix("sha256:")[:32]


def generate(claim: Claim, evidence: Evidence) -> StoredReport:
    """Return the report that `claim` was made for.

    `generated_at` is the instant of the claim's decision: one clock reading
    decides, and the report speaks of that instant (P27). Raises ReportInvalid
    where the evidence breaks a rule of the report contract.
    """
    body = canonical_bytes(document_of(claim, evidence))
    return StoredReport(
        report_id=report_id_of(claim.tenant, claim.trigger, claim.revision),
        tenant=claim.tenant,
        trigger=claim.trigger,
        revision=claim.revision,
        generated_at=claim.decided_at,
        digest=digest_of(body),
        body=body,
    )


def document_of(claim: Claim, evidence: Evidence) -> dict[str, Json]:
    """Return the report as the JSON object that is stored."""
    window = Window(claim.installed_at, claim.decided_at)
    return {
        "schema_version": SCHEMA_VERSION,
        "report_id": report_id_of(claim.tenant, claim.trigger, claim.revision),
        "cloud_id": claim.tenant.cloud_id,
        "generated_at": iso(claim.decided_at),
        "trigger": claim.trigger,
        "installation_detected_at": iso(claim.installed_at),
        "observation_window": {
            "from": iso(claim.installed_at),
            "to": iso(claim.decided_at),
            "duration_hours": round(
                (claim.decided_at - claim.installed_at).total_seconds() / 3600, 1
            ),
        },
        "sections": {
            "A": section_a(evidence, window),
            "B": section_b(evidence, window),
            "C": section_c(evidence, window),
            "D": section_d(),
        },
        "evidence": _cited(claim, evidence),
    }


def _cited(claim: Claim, evidence: Evidence) -> dict[str, Json]:
    """Cite the ledger: its head with the claim in it, and every entry read under it."""
    entries = [reading.entry() for reading in evidence.readings()]
    return {
        "ledger_head": {"sequence": claim.head.sequence, "hash": claim.head.hash},
        "entries": [
            {"entry_hash": digest_of(entry.canonical()), "entry": entry.as_json()}
            for entry in entries
        ],
    }
