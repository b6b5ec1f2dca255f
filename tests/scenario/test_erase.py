"""A tenant is erased: by whom, what is left to be seen, and that nothing is made twice after it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firstry.domain.access import Role
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from support.call import UNINSTALL
from support.console import signed_in
from support.operator_call import operator, refused
from support.service import StillClock, World

WHY = ("--reason", "the customer asked for it in case 4711")
SAID = "paused by order of Mrs Example"


@pytest.fixture
def past(tmp_path: Path, keys: KeyRing) -> Iterator[World]:
    """A world that began a day ago, so that commands come after what happens in it."""
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=25)
    with World(tmp_path, keys, clock=StillClock(begin)) as world:
        yield world
        assert world.breaches() == []


def reported(world: World, name: str = "acme", **counts: int) -> JiraSite:
    """Return a site with a failed attempt, a report of 12 hours and a token."""
    site = world.installed(name, **counts)
    began = world.now()
    site.faults.append(Fault(FaultKind.UNAVAILABLE, times=1))
    world.clock.advance(hours=12)
    world.told(site, "GENERATION_FAILED", 202)
    world.clock.advance(minutes=31)
    world.told(site, "GENERATED")
    assert world.now() - began < timedelta(hours=13)
    return site


def uninstalled(world: World, site: JiraSite) -> JiraSite:
    """Let the site tell that it uninstalls the app."""
    answer = world.door.invoke(site, UNINSTALL, at=world.now())
    assert answer.json()["reason"] == "UNINSTALL_RECORDED"
    return site


def report_id(world: World, site: JiraSite) -> str:
    found = world.database.rows("SELECT report_id FROM report WHERE cloud_id = ?", site.cloud_id)
    return str(found[0]["report_id"])


class TestCommand:
    """`firstry tenants erase`, and what other commands say afterwards."""

    def test_it_asks_first_and_then_erases(self, past: World) -> None:
        site = uninstalled(past, reported(past))
        words = ("tenants", "erase", site.cloud_id, *WHY)
        before = past.database.everything()
        shown = past.command(*words, "--dry-run", "--json").json()
        assert (shown["reports"], shown["errors"], shown["has_token"]) == (1, 1, False)
        unsure = past.command(*words, "--json")
        assert (unsure.code, unsure.error["code"]) == (2, "INPUT_INVALID")
        assert "1 reports" in unsure.error["message"]
        assert "--yes" in unsure.error["remedy"]
        assert past.database.everything() == before
        done = past.command(*words, "--yes", "--json")
        assert (done.code, done.json()["erased_now"]) == (0, True)
        again = past.command(*words, "--yes", "--json")
        assert (again.code, again.json()["erased_now"]) == (0, False)

    def test_what_was_erased_is_shown_as_erased(self, past: World, tmp_path: Path) -> None:
        site = uninstalled(past, reported(past))
        wanted = report_id(past, site)
        kept = tmp_path / "kept.json"
        exported = past.command("reports", "export", wanted, "--output", str(kept))
        assert exported.code == 0, exported
        digest = past.command("reports", "show", wanted, "--json").json()["digest"]
        assert past.command("tenants", "erase", site.cloud_id, *WHY, "--yes").code == 0

        told = past.command("reports", "show", wanted)
        assert told.code == 0
        assert told.out.startswith("ERASED at 20")
        assert digest in told.out
        shown = past.command("reports", "show", wanted, "--json").json()
        assert (shown["report"], shown["digest"]) == (None, digest)
        refusal = past.command("reports", "export", wanted, "--output", str(kept), "--json")
        assert (refusal.code, refusal.error["code"]) == (3, "REPORT_ERASED")
        assert past.command("verify", str(kept)).code == 0
        (listed,) = past.command("reports", "list", "--json").json()["reports"]
        assert listed["erased_at"] == shown["erased_at"]
        tenant = past.command("tenants", "show", site.cloud_id, "--json").json()["tenant"]
        assert tenant["erased_at"] == shown["erased_at"]
        assert "erase_at" not in tenant
        assert [m["last_error"] for m in tenant["milestones"]] == [None, None]

    def test_the_chain_still_verifies_and_says_what_is_gone(self, past: World) -> None:
        site = uninstalled(past, reported(past))
        before = past.command("evidence", "verify", site.cloud_id, "--json").json()
        assert before["is_intact"] is True
        assert "erased" not in before
        past.command("tenants", "erase", site.cloud_id, *WHY, "--yes")
        ran = past.command("evidence", "verify", site.cloud_id)
        assert ran.code == 0
        assert f"{before['entries']} of them erased at" in ran.out
        after = past.command("evidence", "verify", site.cloud_id, "--json").json()
        assert (after["is_intact"], after["erased"]) == (True, before["entries"])
        listed = past.command("evidence", "list", site.cloud_id, "--json").json()["entries"]
        assert all(entry["detail"]["erased"] for entry in listed[:-1])
        assert listed[-1]["kind"] == "ERASED"
        (erasure,) = past.command("tenants", "erasures", "--json").json()["erasures"]
        assert erasure == {
            "cloud_id": site.cloud_id,
            "erased_at": listed[-1]["at"],
            "actor": "operator",
            "reason": WHY[1],
        }

    def test_a_tenant_that_is_served_is_refused(self, past: World) -> None:
        site = reported(past)
        before = past.database.everything()
        ran = past.command("tenants", "erase", site.cloud_id, *WHY, "--yes", "--json")
        assert (ran.code, ran.error["code"]) == (5, "CONFLICT")
        assert "tenants pause" in ran.error["remedy"]
        unknown = past.command("tenants", "erase", "nobody", *WHY, "--yes", "--json")
        assert (unknown.code, unknown.error["code"]) == (3, "NOT_FOUND")
        assert past.database.everything() == before

    def test_nothing_that_it_told_is_left_in_the_file(self, past: World) -> None:
        """Neither in its rows, nor in free pages, nor in the log beside the file."""
        site = reported(past, projects=31)
        others = [past.installed(f"other{n}", projects=77 + n) for n in range(12)]
        past.clock.advance(hours=11, minutes=29)
        for other in others:
            past.told(other, "NOT_DUE")
        past.clock.advance(minutes=31)
        for other in others:
            past.told(other, "GENERATED")
        past.command("tenants", "pause", site.cloud_id, "--reason", SAID)
        words = ("--tenant", site.cloud_id, "--reason", SAID)
        assert past.command("flags", "set", "dataset.filters", "off", *words).code == 0
        planted = only_told_by(past, site)
        assert len(planted) > 100
        assert SAID.encode() in planted
        assert past.command("tenants", "erase", site.cloud_id, *WHY, "--yes").code == 0
        hashes = past.database.rows("SELECT hash, erased_hash FROM ledger")
        hashes += past.database.rows("SELECT digest FROM report")
        kept = b"\n".join([*contents(past, site, "="), repr(hashes).encode()])
        assert [piece for piece in found_in_files(past, planted) if piece not in kept] == []
        assert SAID.encode() not in kept
        assert past.database.rows(OF_TENANT[1].format("="), site.cloud_id) == [{"content": b""}]
        for other in others:
            assert past.command("evidence", "verify", other.cloud_id).code == 0


OF_TENANT = (
    "SELECT body AS content FROM ledger WHERE cloud_id {} ?",
    "SELECT body AS content FROM report WHERE cloud_id {} ?",
    "SELECT envelope AS content FROM report WHERE cloud_id {} ?",
    "SELECT ciphertext AS content FROM token WHERE cloud_id {} ?",
    "SELECT CAST(error_message AS BLOB) AS content FROM milestone WHERE cloud_id {} ?",
    "SELECT CAST(reason AS BLOB) AS content FROM flag WHERE scope {} ?",
)


def only_told_by(world: World, site: JiraSite) -> list[bytes]:
    """Return pieces of all that a tenant told, which lie in the file and no other one told."""
    mine, theirs = contents(world, site, "="), b"\n".join(contents(world, site, "<>"))
    pieces = {piece for content in mine for piece in cut(content)} - {b""}
    return found_in_files(world, [piece for piece in sorted(pieces) if piece not in theirs])


def contents(world: World, site: JiraSite, whose: str) -> list[bytes]:
    found = [world.database.rows(text.format(whose), site.cloud_id) for text in OF_TENANT]
    return [row["content"] for rows in found for row in rows if row["content"] is not None]


def cut(content: bytes) -> list[bytes]:
    """Return pieces short enough for most to lie within one page of the file."""
    pieces = [content[at : at + 48] for at in range(0, len(content), 48)]
    return [piece for piece in pieces if len(piece) > 16]


def found_in_files(world: World, pieces: list[bytes]) -> list[bytes]:
    """Return which pieces stand in the file or in what SQLite keeps beside it."""
    content = b"".join(world.database.files().values())
    return [piece for piece in pieces if piece in content]


class TestApi:
    """`POST /tenants/{id}/erase`, for those who may."""

    def test_only_an_admin_may(self, world: World) -> None:
        site = uninstalled(world, reported(world))
        path = f"/tenants/{site.cloud_id}/erase"
        body = {"reason": WHY[1], "confirm": site.cloud_id}
        before = world.database.count("ledger")
        for role in (Role.VIEWER, Role.OPERATOR):
            answer = operator(world, role).post(path, **body)
            refused(answer, 403, "ROLE_INSUFFICIENT")
        assert world.database.count("ledger") == before
        admin = operator(world, Role.ADMIN)
        answer = admin.post(path, **body)
        assert answer.status == 200, answer.body
        assert answer.json()["tenant"]["erased_at"] is not None
        assert admin.post(path, **body).status == 200
        assert world.database.count("ledger") == before + 1

    def test_what_is_asked_wrongly_is_refused(self, world: World) -> None:
        admin = operator(world, Role.ADMIN)
        site, other = reported(world), world.installed("other")
        path = f"/tenants/{site.cloud_id}/erase"
        for confirm in (other.cloud_id, "yes", site.cloud_id[:-1]):
            answer = admin.post(path, reason=WHY[1], confirm=confirm)
            assert refused(answer, 400, "FIELD_INVALID")["field"] == "confirm"
        refused(admin.post(path, reason=WHY[1]), 400, "FIELD_INVALID")
        refused(admin.post(path, confirm=site.cloud_id), 400, "FIELD_INVALID")
        unknown = admin.post("/tenants/nobody/erase", reason=WHY[1], confirm="nobody")
        refused(unknown, 404, "NOT_FOUND")
        served = admin.post(path, reason=WHY[1], confirm=site.cloud_id)
        assert refused(served, 409, "CONFLICT")["tenant"]["paused"] is False
        assert admin.get(path).status == 405

    def test_an_erased_report_is_shown_as_such_and_exported_as_nothing(self, world: World) -> None:
        admin, site = operator(world, Role.ADMIN), uninstalled(world, reported(world))
        wanted = report_id(world, site)
        erased = admin.post(f"/tenants/{site.cloud_id}/erase", reason=WHY[1], confirm=site.cloud_id)
        shown = admin.got(f"/reports/{wanted}")
        assert shown["report"] is None
        assert shown["erased_at"] == erased.json()["tenant"]["erased_at"]
        for name in ("json", "html", "pdf", "envelope"):
            answer = admin.get(f"/reports/{wanted}/export?format={name}")
            assert shown["digest"] in refused(answer, 410, "REPORT_ERASED")["detail"]
        ada = signed_in(world, Role.VIEWER)
        page = ada.page(f"/console/tenants/{site.cloud_id}")
        assert "erased</span>" in page
        assert shown["digest"] in page
        assert f"/console/reports/{wanted}" not in page, "nothing leads to what is gone"
        for name in ("json", "html", "pdf", "envelope"):
            told = ada.page(f"/console/reports/{wanted}/{name}", 410)
            assert "REPORT_ERASED" in told
            assert shown["digest"] in told
        timeline = admin.got(f"/tenants/{site.cloud_id}")["timeline"]
        assert timeline[0]["sentence"] == f"erased: everything before it: {WHY[1]}"
        assert {moment["sentence"] for moment in timeline if moment["kind"] == "FAILED"} == {
            "failed (the rest is erased)"
        }
        (entry,) = admin.got("/ledger?kind=ERASED")["entries"]
        assert (entry["actor"], entry["cloud_id"]) == (f"operator:{admin.name}", site.cloud_id)
        assert admin.got("/failures")["failures"] == []

    def test_a_reinstalled_site_gets_no_second_report_of_what_was_done(self, world: World) -> None:
        """Exactly once, over an erasure: what was cancelled is made, what was done is not."""
        admin, site = operator(world, Role.ADMIN), uninstalled(world, reported(world))
        admin.post(f"/tenants/{site.cloud_id}/erase", reason=WHY[1], confirm=site.cloud_id)
        world.clock.advance(hours=100)
        site.installation_id = "5c0a5c54-17b4-4f4c-8f6c-0d2f3a4b5c6d"
        assert world.install(site).json()["reason"] == "REINSTALL_RECORDED"
        world.clock.advance(hours=13)
        world.told(site, "CLOSED")
        world.clock.advance(hours=12)
        world.told(site, "GENERATED")
        world.clock.advance(hours=99)
        world.told(site, "DONE_KEY_EXISTS")
        rows = world.database.rows(
            "SELECT trigger_name, revision, erased_at IS NULL AS is_whole FROM report "
            "WHERE cloud_id = ? ORDER BY generated_at",
            site.cloud_id,
        )
        assert [tuple(row.values()) for row in rows] == [("AUTO_12H", 1, 0), ("AUTO_24H", 2, 1)]
        assert world.command("evidence", "verify", site.cloud_id).code == 0

    def test_a_paused_tenant_is_erased_under_a_running_attempt(
        self, tmp_path: Path, keys: KeyRing
    ) -> None:
        """I5: the report that is being made is dropped; ticks leave nothing behind either."""
        with World(tmp_path, keys, ANSWER_WITHIN="0.8s") as world:
            admin, site = operator(world, Role.ADMIN), world.installed()
            world.clock.advance(hours=12)
            slow = Fault(FaultKind.SLOW, times=1, delay=timedelta(seconds=2))
            site.faults.append(slow)
            world.told(site, "GENERATION_IN_PROGRESS", 202)
            where = f"/tenants/{site.cloud_id}"
            assert admin.post(f"{where}/pause", reason=WHY[1]).status == 200
            erased = admin.post(f"{where}/erase", reason=WHY[1], confirm=site.cloud_id)
            assert erased.status == 200, erased.body
            before = world.database.everything()
            world.restart()  # which lets the attempt end
            assert slow.hits == 1
            for table in ("report", "marker", "ledger", "milestone", "token"):
                assert world.database.everything()[table] == before[table]
            world.clock.advance(hours=14)
            assert world.tick(site).status == 200
            assert world.database.everything()["token"] == []
            assert world.breaches() == []
