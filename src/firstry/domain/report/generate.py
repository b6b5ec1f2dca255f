"""Make the trust report: a pure function of evidence, claim and instant.

The same evidence under the same claim gives the same bytes, so an attempt that
has to store its report twice stores the same report (I1, I3).
"""

from firstry.domain.canonical import Json, canonical_bytes, digest_of
from firstry.domain.claim import Claim
from firstry.domain.evidence import Evidence, Reading
from firstry.domain.instant import iso
from firstry.domain.policy import Trigger
from firstry.domain.record import StoredReport
from firstry.domain.report.forecast import Forecast, forecast_of
from firstry.domain.report.rule import refuse_breaches
from firstry.domain.report.schema import SCHEMA_VERSION
from firstry.domain.report.section import (
    Window,
    disclosures,
    duration_hours,
    section_a,
    section_b,
    section_c,
    section_d,
)
from firstry.domain.tenant import Tenant


def report_id_of(tenant: Tenant, trigger: Trigger, revision: int) -> str:
    """Return the id of the one report of this milestone, on every machine the same (P26)."""
    named: Json = {"cloud_id": tenant.cloud_id, "trigger": trigger, "revision": revision}
    return "r-" + digest_of(canonical_bytes(named)).removeprefix("sha256:")[:32]


def generate(claim: Claim, evidence: Evidence, earlier: tuple[Reading, ...] = ()) -> StoredReport:
    """Return the report that `claim` was made for, not yet signed.

    `generated_at` is the instant of the claim's decision: one clock reading
    decides, and the report speaks of that instant (P27). `earlier` are readings
    of the same tenant from its ledger; only a forecast looks at them. Raises
    ReportInvalid where the report would break a rule of the report contract.
    """
    document = document_of(claim, evidence, earlier)
    refuse_breaches(document)
    body = canonical_bytes(document)
    return StoredReport(
        report_id=report_id_of(claim.tenant, claim.trigger, claim.revision),
        tenant=claim.tenant,
        trigger=claim.trigger,
        revision=claim.revision,
        generated_at=claim.decided_at,
        digest=digest_of(body),
        body=body,
    )


def document_of(
    claim: Claim, evidence: Evidence, earlier: tuple[Reading, ...] = ()
) -> dict[str, Json]:
    """Return the report as the JSON object that is stored."""
    window = Window(claim.installed_at, claim.decided_at)
    disclosed = disclosures(evidence, window)
    forecast = forecast_of(evidence, earlier, claim.decided_at)
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
            "duration_hours": duration_hours(claim.installed_at, claim.decided_at),
        },
        "sections": {
            "A": section_a(evidence, disclosed),
            "B": section_b(evidence, disclosed, window),
            "C": section_c(evidence, disclosed),
            "D": section_d(forecast),
        },
        "evidence": _cited(claim, evidence, forecast),
    }


def _cited(claim: Claim, evidence: Evidence, forecast: Forecast | None) -> dict[str, Json]:
    """Cite the ledger: its head with the claim in it, and every entry the report rests on."""
    cited: dict[str, Json] = {
        "ledger_head": {"sequence": claim.head.sequence, "hash": claim.head.hash},
        "entries": [_entry(reading) for reading in evidence.readings()],
    }
    if forecast is not None:
        cited["earlier"] = _entry(forecast.earlier)
    return cited


def _entry(reading: Reading) -> dict[str, Json]:
    entry = reading.entry()
    return {"entry_hash": digest_of(entry.canonical()), "entry": entry.as_json()}
