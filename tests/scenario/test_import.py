"""A dump of the predecessor's storage, imported by the real command into a real service (P8).

Sites that come from it are then called by the platform like any other. What was
done there is never made again, and a wait that is running goes on.
"""

import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from firstry.domain.instant import iso
from firstry.ports.failpoint import Failpoint
from firstry.sim.jira import JiraSite
from firstry.sim.platform_key import KeyRing
from support.command import Ran
from support.crash_yard import Yard
from support.service import World, sound

Dump = dict[str, Any]
FORMS = ("plain", "encoded", "encoded with its name", "encoded ARI", "upper case")


def named(site: JiraSite | str, form: str = "plain") -> str:
    """Return what stands for the tenant in a key."""
    cloud_id = site if isinstance(site, str) else site.cloud_id
    texts = {
        "encoded": cloud_id,
        "encoded with its name": f"cloudId:{cloud_id}",
        "encoded ARI": f"ari:cloud:jira::site/{cloud_id}",
    }
    if form in texts:
        return "tenant:" + urlsafe_b64encode(texts[form].encode()).decode().rstrip("=")
    return cloud_id.upper() if form == "upper case" else cloud_id


def evidence(world: World, hours: float) -> dict[str, str]:
    """Return the evidence of an installation so many hours ago."""
    return {"installed_at": iso(world.now() - timedelta(hours=hours)), "appVersion": "1.0.0"}


def imported(world: World, dump: Dump, *more: str) -> Ran:
    """Write a dump and import it."""
    path = world.folder / "dump.json"
    path.write_text(json.dumps(dump))
    ran = world.command("import", str(path), *more)
    assert ran.code == 0, ran
    return ran


def shown(world: World, site: JiraSite) -> dict[str, Any]:
    tenant: dict[str, Any] = world.command("tenants", "show", site.cloud_id, "--json").json()
    return {m["trigger"]: m for m in tenant["tenant"]["milestones"]}


@pytest.mark.parametrize("form", FORMS)
def test_a_marker_in_any_form_of_its_key_keeps_a_report_from_being_made_again(
    present: World, form: str
) -> None:
    """P8: the prototype changed the key of a tenant, did not find its markers, and repeated."""
    site = present.site()
    dump: Dump = {
        f"phase5:scheduler:{named(site, form)}:AUTO_12H:DONE": {"completed_at": "2025-01-01"},
        f"phase4:evidence:installation:{named(site)}": evidence(present, 13),
        f"phase5:report:latest:{named(site)}": {"report": "of a fixture"},
    }
    imported(present, dump)
    assert shown(present, site)["AUTO_12H"]["state"] == "completed"
    assert shown(present, site)["AUTO_12H"]["report_id"] == "imported"
    assert present.install(site).json()["reason"] == "ALREADY_RECORDED"
    assert present.told(site, "DONE_KEY_EXISTS")["due_trigger"] == "AUTO_12H"
    present.worker_once()
    assert not site.requests
    present.clock.advance(hours=11, minutes=1)
    assert present.told(site, "GENERATED")["due_trigger"] == "AUTO_24H"
    present.told(site, "DONE_KEY_EXISTS")
    (report,) = present.database.reports(site.cloud_id)
    assert report["trigger"] == "AUTO_24H"
    assert present.database.markers(site.cloud_id) == ["AUTO_24H"]


def test_a_state_that_notes_a_generation_does_the_same_without_a_marker(present: World) -> None:
    """SURFACE: a tenant that was done stays done."""
    site = present.site()
    state = {"auto_12h_generated_at": iso(present.now()), "auto_24h_generated_at": None}
    dump = {
        f"phase5:scheduler:state:{named(site)}": state,
        f"phase4:evidence:installation:{named(site)}": evidence(present, 13),
    }
    imported(present, dump)
    present.install(site)
    present.told(site, "DONE_KEY_EXISTS")
    assert not site.requests


def test_the_state_of_the_build_that_wrote_the_text_itself_is_read(present: World) -> None:
    """P8, P24: `/` of an ARI may not stand in a key, so that build put `_` there."""
    site = present.site()
    key = f"scheduler:state:ari:cloud:jira::site_{site.cloud_id}"
    dump: Dump = {key: {"auto_12h_generated_at": iso(present.now())}}
    dump[f"phase4:evidence:installation:{named(site, 'encoded')}"] = evidence(present, 13)
    imported(present, dump)
    present.install(site)
    present.told(site, "DONE_KEY_EXISTS")


def test_a_marker_without_evidence_counts_when_the_site_comes(present: World) -> None:
    """P8, contract B: nothing is armed from a marker, and nothing is made twice."""
    site = present.site()
    ran = imported(present, {f"phase5:scheduler:{named(site)}:AUTO_12H:DONE": {}}, "--json")
    assert ran.json()["tenants"]["recorded_without_evidence"] == 1
    tenant = present.command("tenants", "show", site.cloud_id, "--json").json()["tenant"]
    assert (tenant["installed_at"], tenant["source"]) == (None, "UNKNOWN")
    assert present.told(site, "INSTALLATION_UNKNOWN")["due_trigger"] is None
    assert present.install(site).json()["reason"] == "INSTALLATION_RECORDED"
    present.clock.advance(hours=12, minutes=1)
    present.told(site, "DONE_KEY_EXISTS")
    assert not site.requests
    present.clock.advance(hours=12)
    assert present.told(site, "GENERATED")["due_trigger"] == "AUTO_24H"


def test_a_running_wait_is_kept_with_its_attempts(present: World) -> None:
    """P5, P8: it belongs to the trigger that the last error names."""
    site = present.site()
    until = present.now() + timedelta(hours=1)
    error = {
        "timestamp": iso(present.now()),
        "message": "token=hunter2",
        "trigger": "AUTO_24H",
        "attempt_count": 2,
    }
    state = {
        "last_error": error,
        "last_backoff_until": iso(until),
        "auto_12h_attempt_count": 1,
        "auto_24h_attempt_count": 2,
    }
    dump = {
        f"phase5:scheduler:state:{named(site)}": state,
        f"phase4:evidence:installation:{named(site)}": evidence(present, 25),
    }
    imported(present, dump)
    present.install(site)
    body = present.told(site, "BACKOFF_ACTIVE")
    assert (body["due_trigger"], body["attempt_count"]) == ("AUTO_24H", 2)
    assert body["backoff_expires_at"] == iso(until)
    assert not site.requests
    assert shown(present, site)["AUTO_24H"]["last_error"]["code"] == "IMPORTED_FAILURE"
    assert "hunter2" not in str(present.database.everything())
    present.clock.advance(hours=1)
    body = present.told(site, "GENERATED")
    assert (body["due_trigger"], body["attempt_count"]) == ("AUTO_24H", 3)


def mixed(world: World) -> Dump:
    """Return a dump with something of everything, and keys that name no tenant."""
    dump: Dump = {}
    for number in range(6):
        dump[f"phase4:evidence:installation:site-{number}"] = evidence(world, 13)
    for number in range(3):
        dump[f"phase5:scheduler:{named(f'site-{number}', 'encoded')}:AUTO_12H:DONE"] = {}
    return dump | {
        "phase5:scheduler:state:null": {},
        "phase5:scheduler:null:AUTO_12H:DONE": {"completed_at": iso(world.now())},
        "phase5:scheduler:state:tenant:unknown": {},
        "phase4:evidence:installation:": evidence(world, 13),
        "phase4:evidence:installation:site-9": {"installed_at": "2025"},
        "scheduler:state:https:__acme.atlassian.net": {},
        "phase6:settings:site-1": {"theme": "dark"},
    }


def test_counts_and_refused_keys_are_told(present: World) -> None:
    """P13, P14, P23: keys that name no tenant, and evidence that is none, are listed."""
    told = imported(present, mixed(present), "--json").json()
    refused = [each["key"] for each in told.pop("refused")]
    assert refused == [
        "phase5:scheduler:state:null",
        "phase5:scheduler:null:AUTO_12H:DONE",
        "phase5:scheduler:state:tenant:unknown",
        "phase4:evidence:installation:",
        "phase4:evidence:installation:site-9",
        "scheduler:state:https:__acme.atlassian.net",
    ]
    assert told == {
        "is_dry_run": False,
        "keys": {"read": 16, "of_other_parts": 1, "refused": 6},
        "tenants": {
            "recorded": 6,
            "recorded_without_evidence": 0,
            "known_already": 0,
            "left_out": 1,
        },
        "milestones": {"armed": 9, "done": 3},
    }
    assert {row["cloud_id"] for row in present.database.rows("SELECT cloud_id FROM tenant")} == {
        f"site-{number}" for number in range(6)
    }


def test_a_second_import_changes_nothing(present: World) -> None:
    dump = mixed(present)
    imported(present, dump)
    before = present.database.everything()
    told = imported(present, dump, "--json").json()
    assert present.database.everything() == before
    assert told["tenants"]["known_already"] == 6
    assert told["milestones"] == {"armed": 0, "done": 0}


def test_a_dry_run_says_the_same_and_writes_nothing(present: World) -> None:
    dump = mixed(present)
    before = present.database.everything()
    tried = imported(present, dump, "--dry-run", "--json").json()
    assert present.database.everything() == before
    told = imported(present, dump, "--json").json()
    assert tried == told | {"is_dry_run": True}


def test_people_read_the_same_counts_and_no_key_acts_on_their_screen(present: World) -> None:
    ran = imported(present, {"phase5:scheduler:state:\x1b[2J\u202e": {}})
    assert "keys         1 read, 0 of other parts, 1 refused" in ran.out
    assert "\\u001b[2J\\u202e" in ran.out
    assert "\x1b" not in ran.out


def test_many_refused_keys_are_counted_and_the_first_are_listed(present: World) -> None:
    dump: Dump = {f"phase5:scheduler:state:no id {number}": {} for number in range(150)}
    told = imported(present, dump, "--json").json()
    assert (told["keys"]["refused"], len(told["refused"])) == (150, 100)
    assert "and 50 more" in imported(present, dump).out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "one JSON object"),
        (b"[]", "character 0"),
        (b'{"phase4:evidence:installation:a": {"installed_at": ', "character 1"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1e400}', "number"),
        (b'{"a": "\xff"}', "byte 7"),
        (b'{"phase5:scheduler:a:AUTO_12H:DONE": {}, "b": 1, "b": 2}', "one key twice"),
        (b'{"phase5:scheduler:a:AUTO_12H:DONE": {}} trailing', "character 41"),
        (None, "cannot be read"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_broken_dump_is_refused_whole(present: World, content: bytes | None, said: str) -> None:
    """SURFACE: exit 2 with the place, and nothing of it is written."""
    path = present.folder / "dump.json"
    if content is not None:
        path.write_bytes(content)
    before = present.database.everything()
    ran = present.command("import", str(path), "--json")
    assert (ran.code, ran.error["code"]) == (2, "INPUT_INVALID")
    assert said in ran.error["message"]
    assert present.database.everything() == before
    assert present.command("import", str(present.folder)).code == 2


def test_a_reset_makes_the_report_after_all(present: World) -> None:
    site = present.site()
    dump: Dump = {
        f"phase5:scheduler:{named(site)}:AUTO_12H:DONE": {},
        f"phase4:evidence:installation:{named(site)}": evidence(present, 13),
    }
    imported(present, dump)
    present.install(site)
    reset = ("tenants", "reset", site.cloud_id, "--trigger", "AUTO_12H", "--reason", "anew")
    assert present.command(*reset).code == 0
    assert present.told(site, "GENERATED")["due_trigger"] == "AUTO_12H"
    assert imported(present, dump, "--json").json()["milestones"] == {"armed": 0, "done": 0}
    states = [
        (row["revision"], row["state"])
        for row in present.database.rows("SELECT * FROM milestone WHERE trigger_name = 'AUTO_12H'")
    ]
    assert states == [(1, "completed"), (2, "completed")]


def ended(process: BaseProcess) -> int | None:
    """Return how a process ended."""
    process.join(60)
    return process.exitcode


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("place", "tenants_kept"),
    [
        (Failpoint.TRANSACTION_HALF_WRITTEN, 1000),
        (Failpoint.TRANSACTION_WRITTEN, 1000),
        (Failpoint.TRANSACTION_COMMITTED, 2000),
    ],
)
def test_an_import_that_was_killed_is_finished_by_another(
    tmp_path: Path, keys: KeyRing, place: Failpoint, tenants_kept: int
) -> None:
    """P8: kill -9 in the second batch; whole batches are there, and the rest comes."""
    with Yard(tmp_path, keys) as yard:
        at = iso(yard.clock.now() - timedelta(hours=13))
        dump: Dump = {
            f"phase4:evidence:installation:site-{n}": {"installed_at": at} for n in range(2500)
        }
        for n in range(0, 2500, 2):
            dump[f"phase5:scheduler:{named(f'site-{n}', 'encoded ARI')}:AUTO_12H:DONE"] = {}
        (tmp_path / "dump.json").write_text(json.dumps(dump))
        words = ("import", str(tmp_path / "dump.json"))
        assert yard.killed_at(yard.run(*words, failpoint=place, hit=2)) is place
        assert yard.database.count("tenant") == tenants_kept
        assert yard.database.count("milestone") == 2 * tenants_kept
        assert ended(yard.run(*words)) == 0
        assert yard.database.count("tenant") == 2500
        assert yard.database.count("milestone") == 5000
        assert yard.database.count("ledger") == 2500
        done = "SELECT count(*) AS n FROM milestone WHERE state = 'completed' AND imported_at > 0"
        assert yard.database.rows(done)[0]["n"] == 1250
        before = yard.database.everything()
        assert ended(yard.run(*words)) == 0
        assert yard.database.everything() == before
        assert sound(yard.environ, yard.database) == []
