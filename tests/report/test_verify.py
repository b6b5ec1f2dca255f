"""`firstry verify`: what holds, what does not, where, and with which exit code."""

import json
import shutil
from pathlib import Path

import pytest

from firstry.domain.ledger import Head
from firstry.exports.key import pem_of, published
from support.report import HEAD, claim_of, document, forecast_report, signed, smallest, written
from support.signing import PUBLIC_KEY, SIGNER
from support.verifying import failures, verify

A, TEXT = "/sections/A", "disclosure/disclosure_text"
SEED = "s-test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


def test_a_report_verifies(folder: Path, keys: Path) -> None:
    ran = verify(written(signed(), folder), "--key", keys, "--json")
    [report] = ran.json()["reports"]
    assert (ran.code, report["verified"], report["key_id"]) == (0, True, "s-test")
    assert report["digest"] == signed().digest
    assert all(check["holds"] for check in report["checks"])
    assert len(report["checks"]) == 8


def test_people_are_told_what_holds_and_what_is_not_proven(folder: Path, keys: Path) -> None:
    ran = verify(written(signed(), folder), "--key", keys)
    assert ran.code == 0
    assert ran.out.count("  holds ") == 8
    assert "verified: 1 report" in ran.out
    assert "No signature proves" in ran.out
    assert "when the report was made" in ran.out


def test_people_are_told_what_fails_and_where(folder: Path, keys: Path) -> None:
    path = written(signed(), folder)
    path.write_bytes(path.read_bytes().replace(b'"value":28', b'"value":29'))
    ran = verify(path, "--key", keys)
    assert ran.code == 1
    assert "does NOT verify" in ran.out
    assert "NOT verified: 1 report" in ran.out
    assert "rules      report.json /sections/C/observations/1/value: must be 28" in ran.out
    assert "digest     report.json: has SHA-256" in ran.out


@pytest.mark.parametrize(
    ("old", "new", "check", "place"),
    [
        (b'"AUTO_12H"', b'"AUTO_99H"', "statement", "/payload/predicate/revision"),
        (b'"count":21', b'"count":22', "evidence", "/evidence/entries/0/entry_hash"),
        (b'"count":21', b'"c0unt":21', "schema", "/evidence/entries/0/entry/detail/count"),
        (b"Read from Jira", b"Seen in Jira!!", "digest", ""),
        (b"Counted by", b"So what by", "schema", f"{A}/projects_scanned/{TEXT}"),
        (b'{"cloud_id"', b'{"cloud_id', "json", "byte 12"),
        (b'"LOW"', b'"MEDIUM"', "rules", f"{A}/projects_scanned/disclosure/confidence_level"),
        (b'"1.0"', b'"1.1"', "schema", "/schema_version"),
    ],
)
def test_a_changed_report_fails_at_its_place(
    folder: Path, keys: Path, old: bytes, new: bytes, check: str, place: str
) -> None:
    path = written(signed(), folder)
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))
    ran = verify(path, "--key", keys, "--json")
    assert ran.code == 1
    found = failures(ran)
    file = "report.json.dsse" if check == "statement" else "report.json"
    assert (file, place) in found[check]
    assert "digest" in found


@pytest.mark.parametrize(
    ("old", "new", "check", "place"),
    [
        (b'"keyid":"s-test"', b'"keyid":"s-rest"', "signature", "/signatures/0/keyid"),
        (b'"sig":"', b'"sig":"A', "envelope", "/signatures/0/sig"),
        (b"in-toto+json", b"in-toto+yaml", "envelope", "/payloadType"),
        (b'{"payload"', b'{ "payload"', "envelope", "byte 1"),
        (b'"signatures"', b'"autographs"', "envelope", "/signatures"),
        (b'"payload":"eyJ', b'"payload":"fyJ', "signature", "/signatures/0/sig"),
    ],
)
def test_a_changed_envelope_fails_at_its_place(
    folder: Path, keys: Path, old: bytes, new: bytes, check: str, place: str
) -> None:
    path = written(signed(), folder)
    envelope = folder / "report.json.dsse"
    assert old in envelope.read_bytes()
    envelope.write_bytes(envelope.read_bytes().replace(old, new))
    ran = verify(path, "--key", keys, "--json")
    assert ran.code == 1
    assert ("report.json.dsse", place) in failures(ran)[check]


def test_an_unknown_key_is_a_finding_that_says_why(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps(published([])))
    ran = verify(written(signed(), folder), "--key", other, "--json")
    assert (ran.code, failures(ran)) == (
        1,
        {"signature": [("report.json.dsse", "/signatures/0/keyid")]},
    )


@pytest.mark.parametrize("form", ["pem", "base64", "base64 without padding"])
def test_one_key_is_taken_in_every_usual_form(folder: Path, tmp_path: Path, form: str) -> None:
    document_ = published([PUBLIC_KEY])["keys"][0]
    texts = {
        "pem": pem_of(SIGNER.point),
        "base64": document_["public_key"],
        "base64 without padding": document_["public_key"].rstrip("=") + "\n",
    }
    key = tmp_path / "key"
    key.write_text(texts[form])
    assert verify(written(signed(), folder), "--key", key).code == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"{",
        b'{"keys":[{"key_id":"s-test"}]}',
        b"AAAA",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        SEED.encode(),
        b"\xff" * 32,
        b"[" * 100_000,
        b"A" * (1024 * 1024 + 1),
    ],
    ids=lambda content: repr(content[:40]),
)
def test_a_file_that_holds_no_key_is_refused(folder: Path, tmp_path: Path, content: bytes) -> None:
    key = tmp_path / "key"
    key.write_bytes(content)
    ran = verify(written(signed(), folder), "--key", key, "--json")
    assert (ran.code, ran.error["code"]) == (2, "INPUT_INVALID")
    assert "A" * 100 not in ran.out


def test_a_key_file_with_two_keys_under_one_name_is_refused(folder: Path, tmp_path: Path) -> None:
    both = published([PUBLIC_KEY, PUBLIC_KEY])
    key = tmp_path / "keys.json"
    key.write_text(json.dumps(both))
    assert verify(written(signed(), folder), "--key", key).code == 0
    both["keys"][1] |= {"public_key": "A" * 43 + "="}
    key.write_text(json.dumps(both))
    assert verify(written(signed(), folder), "--key", key).code == 2


def test_the_key_may_come_from_the_settings(folder: Path, tmp_path: Path) -> None:
    path = written(signed(), folder)
    environ = {"FIRSTRY_SIGNING_KEY": SEED}
    assert verify(path, environ=environ, at=tmp_path).code == 0
    other = {"FIRSTRY_SIGNING_KEY": SEED.replace("AAEC", "BBEC")}
    assert verify(path, environ=other, at=tmp_path).code == 1


def test_a_key_is_never_taken_from_beside_the_report(folder: Path, keys: Path) -> None:
    path = written(signed(), folder)
    shutil.copy(keys, folder)
    for words in ([path], [folder]):
        ran = verify(*words, "--json", at=folder)
        assert (ran.code, set(failures(ran))) == (1, {"signature"})


def test_without_any_key_the_rest_is_checked_and_the_reason_is_told(
    folder: Path, tmp_path: Path
) -> None:
    ran = verify(written(signed(), folder), at=tmp_path)
    assert ran.code == 1
    assert ran.out.count("  holds ") == 7
    assert "no key was given" in ran.out


def test_verify_needs_no_database_and_leaves_nothing_behind(folder: Path, keys: Path) -> None:
    path = written(signed(), folder)
    before = sorted(folder.iterdir())
    verify(path, "--key", keys, at=folder)
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("gone", ["report.json", "report.json.dsse"])
def test_a_missing_file_is_no_finding_but_an_error(folder: Path, keys: Path, gone: str) -> None:
    path = written(signed(), folder)
    (folder / gone).unlink()
    ran = verify(path, "--key", keys, "--json")
    assert (ran.code, ran.error["code"]) == (2, "INPUT_INVALID")
    assert gone in ran.error["message"]


def test_a_missing_key_file_is_an_error(folder: Path) -> None:
    ran = verify(written(signed(), folder), "--key", folder / "none", "--json")
    assert (ran.code, ran.error["code"]) == (2, "INPUT_INVALID")


def test_the_envelope_may_lie_elsewhere(folder: Path, keys: Path) -> None:
    path = written(signed(), folder)
    elsewhere = folder / "signature"
    (folder / "report.json.dsse").rename(elsewhere)
    assert verify(path, "--key", keys).code == 2
    assert verify(path, "--signature", elsewhere, "--key", keys).code == 0
    ran = verify(folder, "--signature", elsewhere, "--key", keys)
    assert ran.code == 2


def test_a_folder_of_reports_verifies(folder: Path, keys: Path) -> None:
    written(signed(), folder, "a.json")
    written(forecast_report(), folder, "b.json")
    shutil.copy(keys, folder)
    (folder / "notes.txt").write_text("not a report")
    ran = verify(folder, "--key", keys, "--json")
    assert ran.code == 0
    assert ran.json()["counts"] == {"verified": 2, "not_verified": 0}
    assert "verified: 2 reports" in verify(folder, "--key", keys).out


def test_one_changed_report_fails_the_folder(folder: Path, keys: Path) -> None:
    written(signed(), folder, "a.json")
    path = written(smallest(), folder, "b.json")
    path.write_bytes(path.read_bytes() + b"\n")
    ran = verify(folder, "--key", keys, "--json")
    assert ran.code == 1
    assert ran.json()["counts"] == {"verified": 1, "not_verified": 1}


@pytest.mark.parametrize(
    ("gone", "told"),
    [("b.json", "an envelope without its report"), ("b.json.dsse", "no envelope beside it")],
)
def test_half_a_pair_fails_the_folder(folder: Path, keys: Path, gone: str, told: str) -> None:
    written(signed(), folder, "a.json")
    written(smallest(), folder, "b.json")
    (folder / gone).unlink()
    ran = verify(folder, "--key", keys, "--json")
    [finding] = ran.json()["findings"]
    assert (ran.code, ran.json()["verified"]) == (1, False)
    assert told in finding["message"]


def test_any_other_json_in_the_folder_fails_it(folder: Path, keys: Path) -> None:
    written(signed(), folder, "a.json")
    (folder / "b.json").write_text("{}")
    (folder / "b.json.dsse").write_text("{}")
    assert verify(folder, "--key", keys).code == 1


def test_an_empty_folder_is_an_error(folder: Path, keys: Path) -> None:
    shutil.copy(keys, folder)
    assert verify(folder, "--key", keys).code == 2


def test_two_reports_that_cannot_both_be_true_fail_the_folder(folder: Path, keys: Path) -> None:
    """The ledger head anchors the ledger outside of the database."""
    written(signed(), folder, "a.json")
    fork = Head(HEAD.sequence, "sha256:" + "f" * 64)
    written(signed(claim_of(claim_of().lease_until, head=fork)), folder, "b.json")
    ran = verify(folder, "--key", keys, "--json")
    [finding] = ran.json()["findings"]
    assert (ran.code, Path(finding["file"]).name) == (1, "b.json")
    assert "another ledger entry 3" in finding["message"]


def test_hostile_names_and_places_are_shown_harmless(folder: Path, keys: Path) -> None:
    whole = document()
    whole["\x1b[31m\u202e"] = 1
    path = written(signed(), folder, "a\x1b\u202eb.json")
    path.write_bytes(json.dumps(whole).encode())
    ran = verify(path, "--key", keys)
    assert ran.code == 1
    assert "\\u001b[31m\\u202e" in ran.out
    assert not {"\x1b", "\u202e"} & set(ran.out)
