"""Signatures: nothing can be changed unseen, and others can read what we sign."""

import base64
import copy
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.dsse import Envelope as ForeignEnvelope
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

from firstry.domain.canonical import canonical_bytes, digest_of
from firstry.domain.ledger import Head
from firstry.domain.record import StoredReport
from firstry.exports.key import TrustedKeys
from firstry.exports.signature import Ed25519Signer
from firstry.exports.verify import Check, Verified, verify
from support.report import HEAD, TRUSTED, document, forecast_report, signed, smallest
from support.signing import SIGNER

NAMELESS = TrustedKeys({}, SIGNER.point)
OTHER = Ed25519Signer("s-other", bytes(32))


def failed(verified: Verified) -> set[Check]:
    assert not verified.holds
    return {check for check, _ in verified.failed()}


def flipped(content: bytes, place: int, bit: int) -> bytes:
    return content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("part", ["body", "envelope"])
def test_no_changed_byte_verifies(part: str) -> None:
    """Every byte of a small report and of its envelope, flipped once; each is told with a place."""
    report = smallest()
    whole = report.body if part == "body" else report.envelope
    assert verify(report.body, report.envelope, TRUSTED).holds
    for place in range(len(whole)):
        changed = flipped(whole, place, place % 8)
        body, envelope = (changed, report.envelope) if part == "body" else (report.body, changed)
        verified = verify(body, envelope, TRUSTED)
        assert not verified.holds, place
        assert any(breach.place or check is Check.DIGEST for check, breach in verified.failed())
        if part == "envelope":
            assert not verify(body, envelope, NAMELESS).holds, place


@pytest.mark.parametrize("change", [b" ", b"\n", b"\x00", b"{}", b"\xff"])
@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("part", ["body", "envelope"])
def test_nothing_can_be_added(change: bytes, where: str, part: str) -> None:
    report = smallest()
    parts = {"body": report.body, "envelope": report.envelope}
    parts[part] = change + parts[part] if where == "before" else parts[part] + change
    assert not verify(parts["body"], parts["envelope"], TRUSTED).holds


@pytest.mark.parametrize("length", [0, 1, 17, -1])
@pytest.mark.parametrize("part", ["body", "envelope"])
def test_nothing_can_be_cut_off(length: int, part: str) -> None:
    report = smallest()
    parts = {"body": report.body, "envelope": report.envelope}
    parts[part] = parts[part][:length]
    assert not verify(parts["body"], parts["envelope"], TRUSTED).holds


def test_an_envelope_belongs_to_one_report() -> None:
    one, other = signed(), forecast_report()
    assert failed(verify(one.body, other.envelope, TRUSTED)) == {Check.DIGEST, Check.STATEMENT}


def test_another_key_of_the_same_name_does_not_verify() -> None:
    report = signed()
    keys = TrustedKeys({SIGNER.key_id: OTHER.point})
    assert failed(verify(report.body, report.envelope, keys)) == {Check.SIGNATURE}


def test_an_unknown_key_does_not_verify() -> None:
    report = signed()
    verified = verify(report.body, report.envelope, TrustedKeys({"s-1": SIGNER.point}))
    assert failed(verified) == {Check.SIGNATURE}
    [(_, breach)] = verified.failed()
    assert breach.place == "/signatures/0/keyid"
    assert SIGNER.key_id in breach.rule


def test_a_key_without_a_name_verifies_what_it_has_signed() -> None:
    report = signed()
    assert verify(report.body, report.envelope, NAMELESS).holds
    assert not verify(report.body, report.envelope, TrustedKeys({}, OTHER.point)).holds


def test_the_name_of_the_key_is_signed_too() -> None:
    """DSSE does not sign the keyid; our statement does."""
    report = signed()
    renamed = report.envelope.replace(b'"keyid":"s-test"', b'"keyid":"s-best"')
    assert renamed != report.envelope
    assert failed(verify(report.body, renamed, NAMELESS)) == {Check.STATEMENT}


@pytest.mark.parametrize(
    "change",
    [
        {"trigger": "AUTO_24H"},
        {"revision": 2},
        {"report_id": "r-" + "0" * 32},
        {"digest": "sha256:" + "0" * 64},
    ],
)
def test_a_statement_that_says_something_else_is_found(change: dict[str, str]) -> None:
    """Also where it was signed with a trusted key."""
    report = signed()
    envelope = SIGNER.sign(replace(report, **change), HEAD)  # type: ignore[arg-type]
    verified = verify(report.body, envelope, TRUSTED)
    assert failed(verified) <= {Check.STATEMENT, Check.DIGEST}


def test_another_ledger_head_is_found() -> None:
    report = signed()
    envelope = SIGNER.sign(report, Head(HEAD.sequence + 1, HEAD.hash))
    verified = verify(report.body, envelope, TRUSTED)
    assert [breach.place for _, breach in verified.failed()] == ["/payload/predicate/ledger_head"]


def test_a_signed_report_that_breaks_the_contract_is_found() -> None:
    """A signature makes nothing true: the rules are judged all the same."""
    whole = document()
    whole["sections"]["A"]["issues_scanned"]["count"] = 1
    report = signed()
    body = canonical_bytes(whole)
    forged = _signed_again(replace(report, body=body))
    verified = verify(body, forged.envelope, TRUSTED)
    assert [(check, b.place) for check, b in verified.failed()] == [
        (Check.RULES, "/sections/A/issues_scanned/count")
    ]


def _signed_again(report: StoredReport) -> StoredReport:
    report = replace(report, digest=digest_of(report.body))
    return replace(report, envelope=SIGNER.sign(report, HEAD))


def test_a_report_that_is_not_canonical_is_found() -> None:
    report = signed()
    spaced = json.dumps(document(report)).encode()
    forged = _signed_again(replace(report, body=spaced))
    verified = verify(spaced, forged.envelope, TRUSTED)
    assert failed(verified) == {Check.JSON}


def test_a_key_twice_in_one_object_is_found() -> None:
    report = signed()
    double = report.body.replace(b'{"cloud_id"', b'{"cloud_id":"x","cloud_id"', 1)
    forged = _signed_again(replace(report, body=double))
    assert failed(verify(double, forged.envelope, TRUSTED)) == {Check.JSON}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1e999",
        b"9" * 5000,
        b"NaN",
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b"\xef\xbb\xbf{}",
        b" " * (10 * 1024 * 1024 + 1),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_bytes_that_are_no_report_are_found(body: bytes) -> None:
    verified = verify(body, signed().envelope, TRUSTED)
    assert Check.DIGEST in failed(verified)


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"[" * 100_000,
        b"x" * (64 * 1024 + 1),
        b'{"payload":"","payloadType":"application/vnd.in-toto+json","signatures":[]}',
        signed().envelope.replace(b'"payload":"ey', b'"payload":"=y'),
        signed().envelope.replace(b'","payloadType', b'A","payloadType'),
    ],
    ids=lambda envelope: repr(envelope[:60]),
)
def test_bytes_that_are_no_envelope_are_found(envelope: bytes) -> None:
    verified = verify(signed().body, envelope, TRUSTED)
    assert Check.ENVELOPE in failed(verified)
    assert next(v for v in verified.verdicts if v.check is Check.DIGEST).breaches is None


def test_two_signatures_are_refused() -> None:
    content = json.loads(signed().envelope)
    content["signatures"] *= 2
    verified = verify(signed().body, canonical_bytes(content), TRUSTED)
    assert failed(verified) == {Check.ENVELOPE}


def test_an_independent_library_verifies_our_envelope() -> None:
    """securesystemslib, as in-toto and TUF use it."""
    report = signed()
    public = Ed25519PublicKey.from_public_bytes(SIGNER.point)
    key = SSlibKey.from_crypto(public, keyid=SIGNER.key_id)
    foreign = ForeignEnvelope.from_dict(copy.deepcopy(json.loads(report.envelope)))
    assert set(foreign.verify([key], 1)) == {SIGNER.key_id}
    statement = json.loads(foreign.payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"][0]["digest"] == {"sha256": report.digest.removeprefix("sha256:")}


def test_the_envelope_holds_what_dsse_wants() -> None:
    content = json.loads(signed().envelope)
    assert content.keys() == {"payload", "payloadType", "signatures"}
    assert content["payloadType"] == "application/vnd.in-toto+json"
    assert base64.b64decode(content["payload"]) == canonical_bytes(
        json.loads(base64.b64decode(content["payload"]))
    )


def test_the_same_report_has_the_same_envelope() -> None:
    """A settle that is sent again stores the same bytes (I3)."""
    assert signed().envelope == signed().envelope
