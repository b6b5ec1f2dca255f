"""Every command, on a database with a day behind it: its JSON, its text, its exit code."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from firstry import __version__
from firstry.domain.canonical import digest_of
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.command import Ran, command
from support.service import StillClock, World

HEAD = {"report_id", "cloud_id", "trigger", "revision", "generated_at", "digest"}
TENANT = {"cloud_id", "installed_at", "source", "paused", "last_tick_at", "milestones"}
MILESTONE = {
    "trigger",
    "revision",
    "state",
    "due_at",
    "attempts",
    "backoff_expires_at",
    "last_error",
    "report_id",
}


@dataclass(frozen=True, slots=True)
class Lived:
    """A world that began a day ago: one site has both reports, one waits, one has no token."""

    world: World
    done: JiraSite
    waiting: JiraSite
    bare: JiraSite

    def run(self, *words: str) -> Ran:
        """Run a command on it."""
        return self.world.command(*words)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, keys: KeyRing) -> Iterator[Lived]:
    """Commands live by the host's clock, so the day ends a quarter of an hour ago."""
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=24, minutes=15)
    with World(tmp_path_factory.mktemp("lived"), keys, clock=StillClock(begin)) as world:
        done, waiting = world.installed("done"), world.installed("waiting")
        bare = world.site("bare")
        assert world.install(bare, with_system_token=False).status == 200
        world.clock.advance(hours=12)
        world.told(done, "GENERATED")
        world.clock.advance(hours=12)
        world.told(done, "GENERATED")
        waiting.faults.append(Fault(FaultKind.UNAVAILABLE))
        world.told(waiting, "GENERATION_FAILED", 202)
        yield Lived(world, done, waiting, bare)


def _object(ran: Ran, code: int = 0) -> dict[str, object]:
    assert ran.code == code, ran
    assert ran.out.count("\n") == 1
    return ran.json()


def test_version(tmp_path: Path) -> None:
    assert _object(command(tmp_path, {}, "version", "--json")) == {"version": __version__}
    assert command(tmp_path, {}, "version").out == f"firstry {__version__}\n"


def test_keys_new_are_new_and_fit_to_use(tmp_path: Path) -> None:
    names = {"FIRSTRY_SECRET_KEYS", "FIRSTRY_SIGNING_KEY"}
    made = [command(tmp_path, {}, "keys", "new", "--json").json() for _ in range(2)]
    assert all(keys.keys() == names for keys in made)
    assert all(made[0][name] != made[1][name] for name in names)
    assert command(tmp_path, made[0], "tenants", "list").code == 0
    text = command(tmp_path, {}, "keys", "new").out
    assert {line.partition("=")[0] for line in text.splitlines()} == names


def test_db(tmp_path: Path) -> None:
    refused = command(tmp_path, {}, "db", "check", "--json")
    assert (refused.code, refused.error["code"]) == (6, "STORE_UNAVAILABLE")
    assert list(tmp_path.iterdir()) == []
    applied = _object(command(tmp_path, {}, "db", "upgrade", "--json"))
    assert applied.keys() == {"applied"}
    assert applied["applied"]
    assert _object(command(tmp_path, {}, "db", "upgrade", "--json")) == {"applied": []}
    assert command(tmp_path, {}, "db", "check", "--json").code == 0


def test_tenants_list(lived: Lived) -> None:
    listed = _object(lived.run("tenants", "list", "--json"))
    assert listed.keys() == {"tenants", "next"}
    tenants = listed["tenants"]
    assert isinstance(tenants, list)
    ids = [tenant["cloud_id"] for tenant in tenants]
    assert ids == sorted(site.cloud_id for site in (lived.done, lived.waiting, lived.bare))
    assert all(tenant.keys() == TENANT for tenant in tenants)
    text = lived.run("tenants", "list")
    assert text.code == 0
    assert all(cloud_id in text.out for cloud_id in ids)


def test_tenants_list_page_by_page(lived: Lived) -> None:
    found, after = [], ""
    while True:
        page = lived.run("tenants", "list", "--limit", "1", "--after", after, "--json").json()
        found += [tenant["cloud_id"] for tenant in page["tenants"]]
        if page["next"] is None:
            break
        after = page["next"]
    whole = lived.run("tenants", "list", "--json").json()["tenants"]
    assert found == [tenant["cloud_id"] for tenant in whole]


def test_tenants_show(lived: Lived) -> None:
    shown = lived.run("tenants", "show", lived.waiting.cloud_id, "--json").json()
    assert shown.keys() == {"tenant"}
    tenant = shown["tenant"]
    assert tenant.keys() == TENANT
    assert (tenant["source"], tenant["paused"]) == ("FORGE_LIFECYCLE", False)
    assert all(milestone.keys() == MILESTONE for milestone in tenant["milestones"])
    by_name = {milestone["trigger"]: milestone for milestone in tenant["milestones"]}
    assert by_name["AUTO_12H"]["state"] == "missed"
    failed = by_name["AUTO_24H"]
    assert (failed["state"], failed["attempts"], failed["revision"]) == ("scheduled", 1, 1)
    assert failed["last_error"].keys() == {"code", "message", "at", "attempt"}
    assert failed["backoff_expires_at"] > failed["due_at"]
    text = lived.run("tenants", "show", lived.waiting.cloud_id).out
    assert lived.waiting.cloud_id in text
    assert "JIRA_UNAVAILABLE" in text


def test_reports_list_and_show(lived: Lived) -> None:
    listed = lived.run("reports", "list", "--json").json()
    assert listed.keys() == {"reports", "next"}
    assert all(report.keys() == HEAD for report in listed["reports"])
    triggers = sorted(report["trigger"] for report in listed["reports"])
    assert triggers == ["AUTO_12H", "AUTO_24H"]
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", r["digest"]) for r in listed["reports"])
    mine = lived.run("reports", "list", "--tenant", lived.waiting.cloud_id, "--json").json()
    assert mine["reports"] == []
    head = listed["reports"][0]
    shown = lived.run("reports", "show", head["report_id"], "--json").json()
    assert shown.keys() == HEAD | {"report"}
    assert {name: shown[name] for name in HEAD} == head
    assert json.loads(lived.run("reports", "show", head["report_id"]).out) == shown["report"]


def test_reports_export_writes_the_canonical_bytes(lived: Lived, tmp_path: Path) -> None:
    for head in lived.run("reports", "list", "--json").json()["reports"]:
        words = ("reports", "export", head["report_id"], "--format", "json", "--output")
        exported = lived.run(*words, str(tmp_path), "--json")
        assert exported.code == 0, exported
        name = f"firstry-trust-report-{head['trigger']}-{head['generated_at'][:10]}.json"
        assert digest_of((tmp_path / name).read_bytes()) == head["digest"]
        file = tmp_path / f"{head['trigger']}.json"
        assert lived.run(*words, str(file)).code == 0
        assert file.read_bytes() == (tmp_path / name).read_bytes()
    left = [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert left == [], "a part of a file was left"


def test_reports_export_to_nowhere_exits_2(lived: Lived, tmp_path: Path) -> None:
    head = lived.run("reports", "list", "--json").json()["reports"][0]
    target = tmp_path / "no" / "such" / "folder.json"
    words = ("reports", "export", head["report_id"], "--format", "json", "--output", str(target))
    ran = lived.run(*words, "--json")
    assert (ran.code, ran.error["code"]) == (2, "INPUT_INVALID")
    assert list(tmp_path.iterdir()) == []


def test_a_report_whose_bytes_were_changed_is_not_shown(lived: Lived, tmp_path: Path) -> None:
    report_id = lived.run("reports", "list", "--json").json()["reports"][0]["report_id"]
    environ = _copied(
        lived,
        tmp_path,
        "DROP TRIGGER report_is_written_once",
        "UPDATE report SET body = CAST(replace(CAST(body AS TEXT), '40', '41') AS BLOB) "
        f"WHERE report_id = '{report_id}'",
    )
    for words in (["show", report_id], ["export", report_id, "--format", "json", "--output", "x"]):
        ran = command(tmp_path, environ, "reports", *words, "--json")
        assert (ran.code, ran.error["code"]) == (1, "REPORT_VALIDATION_FAILED")
    assert not (tmp_path / "x").exists()


def _copied(lived: Lived, folder: Path, *statements: str) -> dict[str, str]:
    """Return the environment of a copy of the database that was tampered with."""
    for file in lived.world.folder.glob("firstry.db*"):
        shutil.copy(file, folder / file.name)
    connection = apsw.Connection(str(folder / "firstry.db"))
    for statement in statements:
        connection.execute(statement)
    connection.close()
    return lived.world.environ | {"FIRSTRY_DATABASE_URL": f"sqlite:///{folder}/firstry.db"}


def test_evidence_list_and_verify(lived: Lived) -> None:
    listed = lived.run("evidence", "list", lived.done.cloud_id, "--json").json()
    assert listed.keys() == {"entries", "next"}
    assert [e["sequence"] for e in listed["entries"]] == list(range(1, len(listed["entries"]) + 1))
    assert listed["entries"][0]["kind"] == "INSTALLED"
    verified = _object(lived.run("evidence", "verify", lived.done.cloud_id, "--json"))
    assert (verified["is_intact"], verified["entries"]) == (True, len(listed["entries"]))
    assert lived.run("evidence", "verify", lived.done.cloud_id).code == 0


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE ledger SET body = CAST(replace(CAST(body AS TEXT), '12H', '24H') AS BLOB)",
        "DELETE FROM ledger WHERE sequence = 3",
        "DELETE FROM ledger WHERE sequence = (SELECT max(sequence) FROM ledger)",
        "UPDATE ledger SET hash = 'sha256:0' WHERE sequence = 1",
    ],
)
def test_a_ledger_that_was_changed_exits_1(lived: Lived, tmp_path: Path, tampering: str) -> None:
    dropped = [f"DROP TRIGGER {name}" for name in ("ledger_is_written_once", "ledger_stays")]
    environ = _copied(lived, tmp_path, *dropped, tampering)
    ran = command(tmp_path, environ, "evidence", "verify", lived.done.cloud_id, "--json")
    assert ran.code == 1, ran
    assert ran.json()["is_intact"] is False
    assert ran.json()["broken_at"]


def test_config_show_hides_secrets_and_names_sources(lived: Lived) -> None:
    shown = lived.run("config", "show", "--json").json()["settings"]
    assert all(row.keys() == {"name", "value", "source"} for row in shown)
    by_name = {row["name"]: row for row in shown}
    assert by_name["FIRSTRY_SECRET_KEYS"]["value"] == "(hidden)"
    assert by_name["FIRSTRY_SECRET_KEYS"]["source"] == "environment"
    assert by_name["FIRSTRY_BACKOFF"] == {
        "name": "FIRSTRY_BACKOFF",
        "value": "30m,2h,24h",
        "source": "default",
    }
    assert "A" * 43 not in lived.run("config", "show").out


def test_doctor_names_what_ended_without_a_report(lived: Lived) -> None:
    ran = lived.run("doctor", "--json")
    assert ran.code == 1, ran
    assert ran.json().keys() == {"facts", "findings"}
    findings = ran.json()["findings"]
    assert all(finding.keys() == {"code", "message", "remedy"} for finding in findings)
    (missed,) = [f for f in findings if f["code"] == "MILESTONES_MISSED"]
    assert missed["remedy"].startswith('firstry tenants reset --filter "state=missed" ')
    assert lived.run("doctor").code == 1


def test_tick_says_what_the_door_says(lived: Lived) -> None:
    told = _object(lived.run("tick", lived.done.cloud_id, "--json"))
    door = lived.world.tick(lived.done).json()
    assert told.keys() == door.keys()
    assert told["reason"] == door["reason"] == "DONE_KEY_EXISTS"
    assert lived.run("tick", lived.bare.cloud_id, "--json").json()["reason"] == "WAITING_FOR_TOKEN"
    assert lived.run("tick", lived.done.cloud_id).out.startswith("DONE_KEY_EXISTS: ")


def test_an_attempt_needs_the_keys_of_the_service(lived: Lived) -> None:
    environ = {n: v for n, v in lived.world.environ.items() if "KEY" not in n}
    for words in (["tick", lived.done.cloud_id], ["worker", "--once"]):
        ran = command(lived.world.folder, environ, *words, "--json")
        assert (ran.code, ran.error["code"]) == (2, "SETTING_INVALID")


def test_generate_without_a_token_exits_6(lived: Lived) -> None:
    words = ("reports", "generate", lived.bare.cloud_id, "--reason", "a test", "--json")
    ran = lived.run(*words)
    assert ran.code == 6, ran
    assert ran.error["remedy"]
