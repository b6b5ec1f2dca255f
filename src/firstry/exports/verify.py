"""Verify a report as a stranger would: from its two files and a key, and nothing else.

Each check is made on its own and says what holds and what does not, and where.
A key is only ever taken from the caller, never from the files: who can write
them could write any key into them. Nothing here needs a store or a network.
"""

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from firstry.domain.canonical import Json, digest_of
from firstry.domain.instant import parse_instant
from firstry.domain.ledger import Head
from firstry.domain.policy import Trigger
from firstry.domain.record import StoredReport
from firstry.domain.report.generate import report_id_of
from firstry.domain.report.rule import judge
from firstry.domain.report.schema import COUNT, DIGEST, LARGEST, SCHEMA_VERSION
from firstry.domain.report.shape import Breach, Fixed, Instant, Record, Rows, Text, Whole
from firstry.domain.report.signing import PREDICATE_TYPE, STATEMENT_TYPE, statement_of
from firstry.domain.tenant import Tenant
from firstry.exports.key import TrustedKeys
from firstry.exports.signature import Envelope, EnvelopeInvalid, read_envelope
from firstry.exports.strict_json import Unreadable, form_of, read_json

Object = Mapping[str, Any]

LONGEST_REPORT = 10 * 1024 * 1024


class Check(StrEnum):
    """What is checked, in the order in which it is told."""

    ENVELOPE = "envelope"
    SIGNATURE = "signature"
    STATEMENT = "statement"
    DIGEST = "digest"
    JSON = "json"
    SCHEMA = "schema"
    EVIDENCE = "evidence"
    RULES = "rules"
    CARRIED = "carried"
    PAGES = "pages"


OF_PDF = (Check.CARRIED, Check.PAGES)
"""The checks that are made of a PDF beside all others, and only of a PDF."""
OF_REPORT = tuple(check for check in Check if check not in OF_PDF)
IN_ENVELOPE = frozenset({Check.ENVELOPE, Check.SIGNATURE, Check.STATEMENT})
"""The checks whose places are places in the envelope; the others look at the report."""


HOLDS = {
    Check.ENVELOPE: "the envelope is one, in its only right form",
    Check.SIGNATURE: "the envelope was signed with a key that you trust",
    Check.DIGEST: "the signed SHA-256 is that of the report, byte for byte",
    Check.JSON: "the report is JSON in canonical form (RFC 8785)",
    Check.SCHEMA: "the report has the structure of its schema, and no key beyond it",
    Check.RULES: "every number, disclosure and window keeps the rules of the report contract",
    Check.EVIDENCE: "every cited ledger entry has its hash, and the numbers are those entries'",
    Check.STATEMENT: "the signed statement and the report name the same report and ledger head",
    Check.CARRIED: "the PDF carries one report and its envelope, and nothing else",
    Check.PAGES: "the pages show what the carried report says",
}
"""What each check means where it holds."""

NOT_PROVEN = (
    "that what Jira answered was complete or right; only that this answer was recorded",
    "when the report was made; the time is the signer's own word",
    "who holds the key; get it from its owner, over a way that you trust",
    "that there is no other report of this site",
)
"""What nobody can learn from a signature."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one check ended. `breaches` is empty where it holds, None where it was not made.

    `note` says how it was made, where there is more than one way, or why it was not.
    """

    check: Check
    breaches: tuple[Breach, ...] | None
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the check was made and found nothing."""
        return self.breaches == ()


@dataclass(frozen=True, slots=True)
class Verified:
    """Everything that was checked of one report. It verifies only if every check holds."""

    verdicts: tuple[Verdict, ...]
    digest: str
    key_id: str | None = None
    document: Json = None

    @property
    def holds(self) -> bool:
        """Whether every check was made and holds."""
        return all(verdict.holds for verdict in self.verdicts)

    def failed(self) -> Iterator[tuple[Check, Breach]]:
        """Yield every place at which a check found something."""
        for verdict in self.verdicts:
            for breach in verdict.breaches or ():
                yield verdict.check, breach


Found = dict[Check, tuple[Breach, ...] | None]

_HEAD = Record("ledger_head", {"sequence": COUNT, "hash": DIGEST})
_STATEMENT = Record(
    "statement",
    {
        "_type": Fixed(STATEMENT_TYPE),
        "subject": Rows(
            Record(
                "subject",
                {
                    "name": Text(r"r-[0-9a-f]{32}\.json", "the report's id and .json"),
                    "digest": Record("digest", {"sha256": Text(r"[0-9a-f]{64}", "64 hex digits")}),
                },
            ),
            1,
            1,
        ),
        "predicateType": Fixed(PREDICATE_TYPE),
        "predicate": Record(
            "predicate",
            {
                "schema_version": Fixed(SCHEMA_VERSION),
                "report_id": Text(r"r-[0-9a-f]{32}", "the id of a report"),
                "cloud_id": Text(r"[A-Za-z0-9_-]{1,128}", "a cloudId"),
                "trigger": Text(r"[A-Z0-9_]{1,40}", "the name of a trigger"),
                "revision": Whole(1, LARGEST),
                "generated_at": Instant(),
                "ledger_head": _HEAD,
                "key_id": Text(r"[A-Za-z0-9._-]{1,64}", "the id of a key"),
            },
        ),
    },
)


_NO_KEY = "and no key was given: name the publisher's firstry-keys.json with --key"


def verify(body: bytes, envelope: bytes, keys: TrustedKeys) -> Verified:
    """Make every check that can be made of a report and its envelope."""
    found: dict[Check, tuple[Breach, ...] | None] = dict.fromkeys(OF_REPORT)
    document = _json(body, found)
    opened = _envelope(envelope, keys, found)
    statement = _statement(opened, found)
    if statement is not None:
        found[Check.DIGEST] = _digest(body, statement)
    if document is not None:
        judged = judge(document)
        found |= {
            Check.SCHEMA: judged.schema,
            Check.EVIDENCE: judged.evidence,
            Check.RULES: judged.rules,
        }
        if isinstance(document, dict) and not judged.schema and opened and statement:
            found[Check.STATEMENT] = tuple(_agreement(document, body, statement, opened.key_id))
    verdicts = tuple(Verdict(check, found[check]) for check in OF_REPORT)
    return Verified(
        verdicts, digest_of(body), opened.key_id if opened is not None else None, document
    )


def _json(body: bytes, found: Found) -> Json:
    """Return the report as JSON if it is read at all; canonical form is judged beside."""
    try:
        document = read_json(body, LONGEST_REPORT)
    except Unreadable as unreadable:
        found[Check.JSON] = (unreadable.breach,)
        return None
    breach = form_of(body, document)
    found[Check.JSON] = (breach,) if breach else ()
    return document


def _envelope(content: bytes, keys: TrustedKeys, found: Found) -> Envelope | None:
    try:
        opened = read_envelope(content)
    except EnvelopeInvalid as invalid:
        found[Check.ENVELOPE] = (invalid.breach,)
        return None
    found[Check.ENVELOPE] = ()
    point = keys.point(opened.key_id)
    if point is None:
        rule = f"names {opened.key_id}, " + ("which no given key has" if keys.by_id else _NO_KEY)
        found[Check.SIGNATURE] = (Breach("/signatures/0/keyid", rule),)
    elif opened.is_signed_by(point):
        found[Check.SIGNATURE] = ()
    else:
        breach = Breach("/signatures/0/sig", f"is no signature of the payload by {opened.key_id}")
        found[Check.SIGNATURE] = (breach,)
    return opened


def _statement(opened: Envelope | None, found: Found) -> Object | None:
    """Return what was signed, if it is a statement of ours."""
    if opened is None:
        return None
    breaches: list[Breach] = []
    statement: Json = None
    try:
        statement = opened.statement()
        _STATEMENT.check(statement, "/payload", breaches)
    except EnvelopeInvalid as invalid:
        breaches.append(invalid.breach)
    if isinstance(statement, dict) and not breaches:
        return statement
    found[Check.STATEMENT] = tuple(breaches)
    return None


def _digest(body: bytes, statement: Object) -> tuple[Breach, ...]:
    signed = statement["subject"][0]["digest"]["sha256"]
    has = digest_of(body).removeprefix("sha256:")
    if hmac.compare_digest(signed, has):
        return ()
    return (Breach("", f"has SHA-256 {has}, but {signed} was signed"),)


def _agreement(document: Object, body: bytes, statement: Object, key_id: str) -> Iterator[Breach]:
    """The statement says of the report what the report says of itself."""
    predicate = statement["predicate"]
    tenant = Tenant.from_row(document["cloud_id"])
    trigger, revision = Trigger(document["trigger"]), predicate["revision"]
    if document["report_id"] != report_id_of(tenant, trigger, revision):
        yield Breach("/payload/predicate/revision", "with site and trigger leads to another id")
    report = StoredReport(
        report_id=document["report_id"],
        tenant=tenant,
        trigger=trigger,
        revision=revision,
        generated_at=parse_instant(document["generated_at"]),
        digest=digest_of(body),
        body=body,
    )
    head = document["evidence"]["ledger_head"]
    expected = statement_of(report, Head(head["sequence"], head["hash"]), key_id)
    if statement["subject"][0]["name"] != f"{report.report_id}.json":
        yield Breach("/payload/subject/0/name", f"must be {report.report_id}.json")
    said = expected["predicate"]
    assert isinstance(said, dict)
    for name, value in said.items():
        if predicate[name] != value:
            yield Breach(f"/payload/predicate/{name}", f"must be {value}")
