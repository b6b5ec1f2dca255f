"""Wrong words on the command line: exit 2, one JSON object with `--json`, a remedy in text."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from support.command import command, shell
from support.service import SECRETS

WRONG = [
    "nosuch",
    "--nosuch",
    "tenants nosuch",
    "tenants add",
    "tenants add site-1 --reason x",
    "tenants add site-1 --installed-at 2026-01-01T00:00:00Z",
    "tenants add site-1 --installed-at 2026-01-01T00:00:00Z --reason x --nosuch",
    "tenants show",
    "tenants show a b",
    "tenants list --limit 0",
    "tenants list --limit 1001",
    "tenants list --limit many",
    "tenants retry site-1",
    "reports list --limit 0",
    "reports show",
    "reports export r-1 --format doc --output x",
    "reports export r-1",
    "evidence list",
    "tick",
    "worker",
    "serve --role king",
    "serve --simulated-time x",
]


@pytest.mark.parametrize("line", WRONG)
def test_wrong_words_exit_2(tmp_path: Path, line: str) -> None:
    ran = command(tmp_path, {}, *line.split(), "--json")
    assert ran.code == 2, ran
    assert ran.error["message"].strip()
    ran = command(tmp_path, {}, *line.split())
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("firstry: ")


@pytest.mark.parametrize("line", ["", "tenants", "reports", "db", "keys", "evidence", "config"])
def test_no_words_show_help_and_with_json_one_object(tmp_path: Path, line: str) -> None:
    ran = command(tmp_path, {}, *line.split())
    assert "Usage: firstry" in ran.out + ran.err
    ran = command(tmp_path, {}, *line.split(), "--json")
    assert ran.code == 2
    assert ran.error["message"].strip()


def test_json_may_stand_anywhere(tmp_path: Path) -> None:
    lines = [["--json", "tenants", "list"], ["tenants", "--json", "list"]]
    lines.append(["tenants", "list", "--json"])
    outputs = {shell(tmp_path, {}, *words).out for words in lines}
    assert outputs == {'{"tenants": [], "next": null}\n'}


TENANT = "--installed-at 2026-01-01T00:00:00Z"
BAD_IDS = ["", " ", "a b", "a/b", "x" * 129, "null", "undefined", "none", "Unknown", "ü", "../x"]


@pytest.mark.parametrize("cloud_id", BAD_IDS)
@pytest.mark.parametrize("words", [["show"], ["add", *TENANT.split(), "--reason", "x"]])
def test_what_is_no_cloud_id_exits_2(tmp_path: Path, words: list[str], cloud_id: str) -> None:
    ran = command(tmp_path, {}, "tenants", *words, "--json", "--", cloud_id)
    assert (ran.code, ran.error["code"]) == (2, "INPUT_INVALID"), ran


@pytest.mark.parametrize("reason", ["", "   ", "two\nlines", "x" * 501, "\x1b[31mred"])
def test_a_reason_must_say_something_on_one_line(tmp_path: Path, reason: str) -> None:
    words = ("tenants", "add", "site-1", *TENANT.split(), "--reason", reason, "--json")
    ran = command(tmp_path, {}, *words)
    assert (ran.code, ran.error["code"]) == (2, "INPUT_INVALID")
    assert command(tmp_path, {}, "tenants", "list", "--json").json()["tenants"] == []


@pytest.mark.parametrize(
    "line",
    [
        "tenants show site-1",
        "tenants retry site-1 --trigger AUTO_12H --reason x",
        "tenants pause site-1 --reason x",
        "tenants resume site-1 --reason x",
        "tenants reset site-1 --trigger AUTO_12H --reason x",
        "tick site-1",
        "evidence list site-1",
        "evidence verify site-1",
        "reports show r-1",
        "reports export r-1 --format json --output out.json",
    ],
)
def test_what_is_not_there_exits_3(tmp_path: Path, line: str, keys_only: dict[str, str]) -> None:
    ran = command(tmp_path, keys_only, *line.split(), "--json")
    code = "NO_REPORT_AVAILABLE" if line.startswith("reports") else "NOT_FOUND"
    assert (ran.code, ran.error["code"]) == (3, code), ran
    assert ran.error["remedy"]


@pytest.fixture
def keys_only() -> dict[str, str]:
    """The keys that an attempt needs, and nothing else."""
    return dict(SECRETS)


def test_an_unknown_trigger_exits_2(tmp_path: Path) -> None:
    words = ("tenants", "add", "site-1", *TENANT.split(), "--reason", "x")
    assert command(tmp_path, {}, *words).code == 0
    for verb in ("retry", "reset"):
        line = ("tenants", verb, "site-1", "--trigger", "AUTO_13H", "--reason", "x", "--json")
        ran = command(tmp_path, {}, *line)
        assert (ran.code, ran.error["code"]) == (2, "INPUT_INVALID")
        assert "AUTO_12H" in ran.error["remedy"]


def test_a_tenant_that_is_known_exits_5_and_keeps_its_evidence(tmp_path: Path) -> None:
    words = ("tenants", "add", "site-1", "--reason", "x", "--json", "--installed-at")
    first = command(tmp_path, {}, *words, "2026-01-01T00:00:00Z")
    assert first.code == 0, first
    again = command(tmp_path, {}, *words, "2026-01-02T00:00:00Z")
    assert (again.code, again.error["code"]) == (5, "CONFLICT")
    shown = command(tmp_path, {}, "tenants", "show", "site-1", "--json").json()["tenant"]
    assert shown["installed_at"] == "2026-01-01T00:00:00.000Z"


def test_nothing_to_retry_exits_5(tmp_path: Path) -> None:
    now = datetime.now(UTC) - timedelta(hours=1)
    words = ("tenants", "add", "site-1", "--reason", "x", "--installed-at", now.isoformat())
    assert command(tmp_path, {}, *words).code == 0
    line = ("tenants", "retry", "site-1", "--trigger", "AUTO_12H", "--reason", "x", "--json")
    ran = command(tmp_path, {}, *line)
    assert (ran.code, ran.error["code"]) == (5, "CONFLICT")


EVERY = ["tenants list", "tenants show site-1", "reports list", "db check", "db upgrade"]


@pytest.mark.parametrize("line", [*EVERY, "worker --once", "serve --dev"])
def test_a_schema_newer_than_the_code_exits_2(
    tmp_path: Path, line: str, keys_only: dict[str, str]
) -> None:
    assert command(tmp_path, {}, "db", "upgrade").code == 0
    connection = apsw.Connection(str(tmp_path / "firstry.db"))
    connection.execute("INSERT INTO schema_migration VALUES (9999, 'later', 'sha256:0')")
    connection.close()
    ran = command(tmp_path, keys_only | {"FIRSTRY_PORT": "0"}, *line.split(), "--json")
    assert (ran.code, ran.error["code"]) == (2, "STORE_UNFIT"), ran
    assert "newer" in ran.error["message"]
    assert ran.error["remedy"]


@pytest.mark.parametrize("line", EVERY)
def test_a_file_that_is_no_database_exits_6_and_stays_as_it_is(tmp_path: Path, line: str) -> None:
    file = tmp_path / "firstry.db"
    file.write_bytes(b"garbage" * 1000)
    ran = command(tmp_path, {}, *line.split(), "--json")
    assert (ran.code, ran.error["code"]) == (6, "STORE_UNAVAILABLE"), ran
    assert file.read_bytes() == b"garbage" * 1000


def test_another_program_s_database_exits_2_and_stays_as_it_is(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "firstry.db"))
    connection.execute("CREATE TABLE schema_migration (other TEXT)")
    connection.close()
    ran = command(tmp_path, {}, "db", "check", "--json")
    assert (ran.code, ran.error["code"]) == (2, "STORE_UNFIT"), ran
