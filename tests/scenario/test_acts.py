"""What people do: ask for a report, reset, pause, uninstall and come back (issue of certainty).

Every act is done through the door its user has, on a running service, and what
it left behind is read back from the store and the ledger.
"""

from pathlib import Path

import pytest

from firstry.domain.errors import Conflict
from firstry.domain.instant import iso
from firstry.domain.ledger import OPERATOR
from firstry.domain.policy import Trigger
from firstry.domain.tenant import Tenant
from firstry.lifecycle.manual import request_report
from firstry.lifecycle.reset import reset
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_event import installed_event, uninstall_event
from firstry.sim.platform_key import KeyRing
from support.call import INSTALL, Endpoint
from support.command import Ran
from support.service import World
from support.wire import Answer

UNINSTALL = Endpoint("before-uninstall", "/forge/uninstall")
WHY = ("--reason", "support case 17")


def uninstall(world: World, site: JiraSite) -> Answer:
    """Deliver the call that comes before the app is removed."""
    return world.door.invoke(site, UNINSTALL, uninstall_event(site), at=world.now())


def milestones(world: World, site: JiraSite) -> dict[tuple[str, int], dict[str, object]]:
    """Return what `tenants show` says of each (trigger, revision)."""
    shown = world.command("tenants", "show", site.cloud_id, "--json").json()["tenant"]
    return {(m["trigger"], m["revision"]): m for m in shown["milestones"]}


def kinds(world: World, site: JiraSite) -> list[str]:
    """Return the kinds of all ledger entries, oldest first."""
    listed = world.command("evidence", "list", site.cloud_id, "--limit", "1000", "--json").json()
    return [entry["kind"] for entry in listed["entries"]]


def generate(world: World, site: JiraSite) -> Ran:
    """Ask for a report on the command line and wait for it."""
    return world.command("reports", "generate", site.cloud_id, *WHY, "--json")


def ask(world: World, site: JiraSite) -> None:
    """Ask for a report at the world's time, without waiting for it."""
    tenant = Tenant.from_operator(site.cloud_id)
    store = world.parts.store
    request_report(store, tenant, "support case 17", OPERATOR, world.now(), world.policy)


def start_over(world: World, site: JiraSite) -> None:
    """Reset AUTO_12H at the world's time."""
    tenant = Tenant.from_operator(site.cloud_id)
    reset(world.parts.store, tenant, Trigger("AUTO_12H"), "support case 17", world.now())


class TestManual:
    """MANUAL is armed on request and made by the one attempt."""

    def test_a_report_that_was_asked_for_is_stored_and_signed_by_the_same_path(
        self, present: World
    ) -> None:
        """P41, F: success is said of a stored report only."""
        site = present.installed()
        ran = generate(present, site)
        assert (ran.code, ran.json()["trigger"]) == (0, "MANUAL"), ran.out
        stored = present.command("reports", "show", ran.json()["report_id"], "--json").json()
        assert stored["digest"] == ran.json()["digest"]
        assert stored["report"]["trigger"] == "MANUAL"
        assert kinds(present, site)[1:3] == ["MANUAL_REQUESTED", "CLAIMED"]

    def test_each_request_makes_a_report_of_its_own(self, present: World) -> None:
        site = present.installed()
        first, second = generate(present, site).json(), generate(present, site).json()
        assert (first["revision"], second["revision"]) == (1, 2)
        assert first["report_id"] != second["report_id"]

    def test_without_a_token_nothing_is_armed(self, present: World) -> None:
        site = present.site()
        present.install(site, with_system_token=False)
        ran = generate(present, site)
        assert (ran.code, ran.error["code"]) == (6, "TOKEN_UNAVAILABLE")
        assert ("MANUAL", 1) not in milestones(present, site)

    def test_an_unknown_tenant_is_not_found(self, present: World) -> None:
        ran = present.command("reports", "generate", "nobody", *WHY, "--json")
        assert (ran.code, ran.error["code"]) == (3, "NOT_FOUND")

    def test_the_rate_is_held(self, present: World) -> None:
        site = present.installed()
        assert [generate(present, site).code for _ in range(6)] == [0] * 6
        ran = generate(present, site)
        assert (ran.code, ran.error["code"]) == (5, "RATE_EXCEEDED")
        assert len(milestones(present, site)) == 2 + 6

    def test_a_request_while_one_waits_lets_that_one_go_on(self, present: World) -> None:
        """A press is retry-now of the open one; there is never a second."""
        site = present.installed()
        site.faults.append(Fault(FaultKind.UNAVAILABLE, times=1))
        failed = generate(present, site)
        assert (failed.code, failed.json()["error_code"]) == (1, "JIRA_UNAVAILABLE")
        again = generate(present, site)
        assert (again.code, again.json()["revision"]) == (0, 1)
        assert milestones(present, site)["MANUAL", 1]["attempts"] == 2

    def test_a_request_while_one_runs_is_a_conflict(self, tmp_path: Path, keys: KeyRing) -> None:
        """P41: the lock is the milestone's own claim."""
        with World(tmp_path, keys, ANSWER_WITHIN="1s") as world:
            site = world.installed()
            world.clock.advance(minutes=1)
            world.tick(site)
            ask(world, site)
            site.faults.append(Fault(FaultKind.HANG, times=1))
            answer = world.told(site, "GENERATION_IN_PROGRESS", 202)
            assert answer["due_trigger"] == "MANUAL"
            with pytest.raises(Conflict):
                ask(world, site)
            assert len(milestones(world, site)) == 2 + 1

    def test_it_is_charged_three_times_and_then_discarded(self, present: World) -> None:
        site = present.installed()
        site.faults.append(Fault(FaultKind.UNAVAILABLE))
        assert [generate(present, site).code for _ in range(3)] == [1, 1, 1]
        present.command("tenants", "retry", site.cloud_id, "--trigger", "MANUAL", *WHY)
        assert present.command("worker", "--once").code == 0
        assert milestones(present, site)["MANUAL", 1]["state"] == "discarded"


class TestReset:
    """A reset arms the next revision and leaves the finished one alone."""

    def test_the_finished_report_stays_and_the_next_revision_is_made(self, world: World) -> None:
        site = world.installed()
        world.clock.advance(hours=12)
        first = world.told(site, "GENERATED")
        start_over(world, site)
        world.clock.advance(minutes=1)
        second = world.told(site, "GENERATED")
        assert first["report_id"] != second["report_id"]
        states = milestones(world, site)
        assert {key: m["state"] for key, m in states.items() if key[0] == "AUTO_12H"} == {
            ("AUTO_12H", 1): "completed",
            ("AUTO_12H", 2): "completed",
        }
        assert states["AUTO_12H", 2]["due_at"] == states["AUTO_12H", 1]["due_at"]
        for answer in (first, second):
            shown = world.command("reports", "show", answer["report_id"], "--json")
            assert shown.code == 0

    def test_a_revision_has_no_window_end(self, world: World) -> None:
        site = world.installed()
        world.clock.advance(hours=25)
        world.told(site, "GENERATED")
        assert milestones(world, site)["AUTO_12H", 1]["state"] == "missed"
        start_over(world, site)
        world.clock.advance(hours=30)
        assert world.told(site, "GENERATED")["due_trigger"] == "AUTO_12H"

    def test_an_unfinished_one_starts_over_under_a_higher_fence(self, world: World) -> None:
        site = world.installed()
        site.faults.append(Fault(FaultKind.UNAVAILABLE, times=1))
        world.clock.advance(hours=12)
        world.told(site, "GENERATION_FAILED", 202)
        start_over(world, site)
        answer = world.told(site, "GENERATED")
        assert answer["attempt_count"] == 1
        assert kinds(world, site).count("RESET") == 1

    def test_manual_is_not_reset(self, present: World) -> None:
        site = present.installed()
        ran = present.command(
            "tenants", "reset", site.cloud_id, "--trigger", "MANUAL", *WHY, "--json"
        )
        assert (ran.code, ran.error["code"]) == (2, "INPUT_INVALID")


class TestPause:
    """Paused: nothing is claimed, nothing ends, and the answer says so."""

    def test_nothing_is_claimed_while_paused(self, present: World) -> None:
        site = present.installed()
        assert present.command("tenants", "pause", site.cloud_id, *WHY).code == 0
        present.clock.advance(hours=12)
        answer = present.told(site, "PAUSED")
        assert answer["due_trigger"] is None
        assert present.command("tenants", "resume", site.cloud_id, *WHY).code == 0
        present.told(site, "GENERATED")
        assert kinds(present, site)[1:3] == ["PAUSED", "RESUMED"]

    def test_a_window_that_ends_while_paused_is_missed_afterwards(self, present: World) -> None:
        """P10: it does not vanish."""
        site = present.installed()
        present.command("tenants", "pause", site.cloud_id, *WHY)
        present.clock.advance(hours=25)
        present.told(site, "PAUSED")
        assert milestones(present, site)["AUTO_12H", 1]["state"] == "scheduled"
        present.command("tenants", "resume", site.cloud_id, *WHY)
        assert present.told(site, "GENERATED")["due_trigger"] == "AUTO_24H"
        assert milestones(present, site)["AUTO_12H", 1]["state"] == "missed"

    @pytest.mark.parametrize("act", ["pause", "resume"])
    def test_twice_is_a_conflict(self, present: World, act: str) -> None:
        site = present.installed()
        if act == "pause":
            present.command("tenants", "pause", site.cloud_id, *WHY)
        ran = present.command("tenants", act, site.cloud_id, *WHY, "--json")
        assert (ran.code, ran.error["code"]) == (5, "CONFLICT")

    @pytest.mark.parametrize("reason", ["", "   ", "a\nb", "x" * 501])
    def test_an_act_needs_a_reason(self, present: World, reason: str) -> None:
        site = present.installed()
        ran = present.command("tenants", "pause", site.cloud_id, "--reason", reason, "--json")
        assert (ran.code, ran.error["code"]) == (2, "INPUT_INVALID")
        assert "PAUSED" not in kinds(present, site)


class TestUninstall:
    """An uninstallation cancels what is open; the site may come back."""

    def test_what_is_open_is_cancelled_and_the_token_is_gone(self, world: World) -> None:
        site = world.installed()
        answer = uninstall(world, site)
        assert (answer.status, answer.json()["reason"]) == (200, "UNINSTALL_RECORDED")
        assert {str(m["state"]) for m in milestones(world, site).values()} == {"cancelled"}
        assert world.database.rows("SELECT * FROM token") == []
        world.clock.advance(hours=12)
        world.told(site, "CLOSED")
        assert world.database.rows("SELECT * FROM token") == []

    def test_a_repeat_says_the_same_and_writes_nothing(self, world: World) -> None:
        """I13."""
        site = world.installed()
        uninstall(world, site)
        before = kinds(world, site)
        assert uninstall(world, site).json()["reason"] == "UNINSTALL_RECORDED"
        assert kinds(world, site) == before

    def test_an_unknown_site_is_answered_quietly(self, world: World) -> None:
        site = world.site()
        answer = uninstall(world, site)
        assert (answer.status, answer.json()["reason"]) == (200, "IGNORED")

    def test_coming_back_arms_the_cancelled_from_the_new_evidence(self, world: World) -> None:
        site = world.installed()
        world.clock.advance(hours=12)
        world.told(site, "GENERATED")
        uninstall(world, site)
        world.clock.advance(hours=100)
        site.installation_id = "00000000-0000-4000-8000-000000000002"
        back_at = world.now()
        answer = world.door.invoke(site, INSTALL, installed_event(site), at=back_at)
        assert answer.json()["reason"] == "REINSTALL_RECORDED"
        states = {key: m["state"] for key, m in milestones(world, site).items()}
        assert states == {
            ("AUTO_12H", 1): "completed",
            ("AUTO_24H", 1): "cancelled",
            ("AUTO_24H", 2): "scheduled",
        }
        world.clock.advance(hours=24)
        answer_body = world.told(site, "GENERATED")
        report = world.command("reports", "show", answer_body["report_id"], "--json").json()
        assert report["report"]["installation_detected_at"] == iso(back_at)

    def test_a_late_uninstallation_of_an_earlier_installation_does_nothing(
        self, world: World
    ) -> None:
        """I13: order does not matter."""
        site = world.installed()
        old = site.installation_id
        uninstall(world, site)
        site.installation_id = "00000000-0000-4000-8000-000000000002"
        world.clock.advance(minutes=1)
        world.install(site)
        site.installation_id = old
        assert uninstall(world, site).json()["reason"] == "IGNORED"
        assert milestones(world, site)["AUTO_12H", 2]["state"] == "scheduled"

    def test_a_report_is_not_made_for_a_site_that_has_gone(self, present: World) -> None:
        site = present.installed()
        uninstall(present, site)
        ran = generate(present, site)
        assert ran.code in (5, 6)
        reset = present.command(
            "tenants", "reset", site.cloud_id, "--trigger", "AUTO_12H", *WHY, "--json"
        )
        assert (reset.code, reset.error["code"]) == (5, "CONFLICT")
