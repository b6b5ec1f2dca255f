"""What a signature says of a report: an in-toto statement over its exact bytes.

The statement names the digest of the report, what the report is, the ledger
head that it anchors and the key it was signed with. Everything in it can be
compared with the report, so neither can be exchanged under the other.
"""

from firstry.domain.canonical import Json
from firstry.domain.instant import iso
from firstry.domain.ledger import Head
from firstry.domain.record import StoredReport
from firstry.domain.report.schema import SCHEMA_VERSION

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:firstry:trust-report:predicate:1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


def statement_of(report: StoredReport, head: Head, key_id: str) -> dict[str, Json]:
    """Return the statement that is signed for `report`, as a JSON object."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {
                "name": f"{report.report_id}.json",
                "digest": {"sha256": report.digest.removeprefix("sha256:")},
            }
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "schema_version": SCHEMA_VERSION,
            "report_id": report.report_id,
            "cloud_id": report.tenant.cloud_id,
            "trigger": report.trigger,
            "revision": report.revision,
            "generated_at": iso(report.generated_at),
            "ledger_head": {"sequence": head.sequence, "hash": head.hash},
            "key_id": key_id,
        },
    }
