"""The operators' commands: tokens, flags, and acts on everything that a filter means."""

from datetime import timedelta

import pytest

from firstry.domain.access import PREFIX
from firstry.sim.jira_fault import Fault, FaultKind
from support.operator_call import Operator
from support.service import World

MANY = ("--filter", "state=scheduled", "--reason", "support case 17", "--json")


def test_a_token_is_shown_once(present: World) -> None:
    made = present.command("tokens", "create", "--name", "ops", "--role", "viewer", "--json")
    assert made.code == 0, made
    assert made.json().keys() == {"token_id", "token"}
    secret = made.json()["token"]
    assert secret.startswith(PREFIX)
    assert Operator(present.door.port, secret).get("/health").status == 200
    listed = present.command("tokens", "list", "--json")
    assert secret not in listed.out
    (token,) = listed.json()["tokens"]
    assert (token["token_id"], token["role"]) == (made.json()["token_id"], "viewer")
    assert token["expires_at"] is None
    assert token["last_used_at"] is not None


def test_a_token_is_revoked_for_ever(present: World) -> None:
    made = present.command("tokens", "create", "--name", "ops", "--role", "admin", "--json").json()
    first, second = (
        present.command("tokens", "revoke", made["token_id"], "--json").json() for _ in range(2)
    )
    assert first["token"]["revoked_at"] is not None
    assert second == first | {"token": second["token"]}
    assert second["token"]["revoked_at"] == first["token"]["revoked_at"]
    assert Operator(present.door.port, made["token"]).get("/health").status == 401
    assert present.command("tokens", "revoke", "t-none", "--json").code == 3


def test_what_is_no_token_is_refused(present: World) -> None:
    for words, code in (
        (("--name", "ops", "--role", "king"), 2),
        (("--name", " ops", "--role", "viewer"), 2),
        (("--name", "ops", "--role", "viewer", "--expires", "soon"), 2),
        (("--name", "ops", "--role", "viewer", "--expires", "0d"), 2),
        (("--name", "ops", "--role", "viewer", "--expires", "90d"), 0),
        (("--name", "ops", "--role", "viewer"), 5),
    ):
        assert present.command("tokens", "create", *words, "--json").code == code, words


def test_flags_are_listed_and_turned(present: World) -> None:
    site = present.installed()
    turned = present.command(
        "flags", "set", "trigger.AUTO_12H", "off", "--tenant", site.cloud_id, "--reason", "x",
        "--json",
    )  # fmt: skip
    assert turned.code == 0, turned
    assert turned.json()["flag"]["state"] == "off"
    again = present.command("flags", "set", "manual", "on", "--reason", "x", "--json")
    assert (again.code, again.error["code"]) == (5, "CONFLICT")
    assert present.command("flags", "set", "none", "on", "--reason", "x", "--json").code == 2
    assert present.command("flags", "set", "manual", "maybe", "--reason", "x", "--json").code == 2
    flags = present.command("flags", "list", "--json").json()["flags"]
    off = [(each["name"], each["cloud_id"]) for each in flags if each["state"] == "off"]
    assert off == [("trigger.AUTO_12H", site.cloud_id)]
    assert "FLAG_SWITCHED" in present.database.kinds(site.cloud_id)


def test_tenants_are_listed_by_a_filter(present: World) -> None:
    sites = [present.installed(f"site{number}") for number in range(3)]
    ids = sorted(site.cloud_id for site in sites)
    words = ("tenants", "list", "--filter", "state=scheduled", "--limit", "2", "--json")
    page = present.command(*words).json()
    assert [tenant["cloud_id"] for tenant in page["tenants"]] == ids[:2]
    rest = present.command(*words, "--after", page["next"]).json()
    assert [tenant["cloud_id"] for tenant in rest["tenants"]] == ids[2:]
    wrong = present.command("tenants", "list", "--filter", "state=x", "--json")
    assert (wrong.code, wrong.error["code"]) == (2, "FILTER_INVALID")
    assert "character 7" in wrong.error["message"]


@pytest.mark.parametrize("act", ["pause", "reset"])
def test_many_are_shown_before_they_are_acted_on(present: World, act: str) -> None:
    sites = [present.installed(f"site{number}") for number in range(3)]
    before = present.database.everything()
    shown = present.command("tenants", act, *MANY, "--dry-run")
    per_site = 1 if act == "pause" else 2
    assert (shown.code, shown.json()["count"]) == (0, 3 * per_site)
    assert len(shown.json()["targets"]) == 3 * per_site
    for words, why in (((), "--all-matching"), (("--all-matching",), "--yes")):
        asked = present.command("tenants", act, *MANY, *words)
        assert asked.code == 2
        assert why in asked.error["remedy"]
    assert present.database.everything() == before
    done = present.command("tenants", act, *MANY, "--all-matching", "--yes")
    assert (done.code, done.json()["job"]["done"]) == (0, 3 * per_site)
    for site in sites:
        (*_, last) = present.database.kinds(site.cloud_id)
        assert last == {"pause": "PAUSED", "reset": "RESET"}[act]


def test_what_could_not_be_done_is_a_finding(present: World) -> None:
    """Of two milestones a tenant has, the one that is not due yet cannot be retried."""
    site = present.installed()
    present.clock.advance(hours=12)
    site.faults.append(Fault(FaultKind.UNAVAILABLE))
    present.told(site, "GENERATION_FAILED", 202)
    many = ("--filter", f"site={site.cloud_id}", "--reason", "x", "--all-matching", "--yes")
    ran = present.command("tenants", "retry", *many, "--json")
    assert ran.code == 1, ran
    job = ran.json()["job"]
    assert job["done"] + job["failed"] == job["total"] == 2
    assert {error["trigger"] for error in job["errors"]} <= {"AUTO_12H", "AUTO_24H"}
    narrowed = present.command(
        "tenants", "retry", "--trigger", "AUTO_24H", *many[:4], "--dry-run", "--json"
    )
    assert narrowed.json()["filter"] == f"site={site.cloud_id} trigger=AUTO_24H"
    assert narrowed.json()["count"] == 1


@pytest.mark.parametrize(
    "words",
    [
        ("retry",),
        ("retry", "a", "--filter", "site~a"),
        ("retry", "a", "--trigger", "AUTO_12H", "--yes"),
        ("retry", "a"),
        ("retry", "--filter", "trigger=MANUAL", "--trigger", "AUTO_12H", "--dry-run"),
        ("pause", "--filter", "nonsense", "--dry-run"),
    ],
    ids=" ".join,
)
def test_words_that_do_not_go_together(present: World, words: tuple[str, ...]) -> None:
    ran = present.command("tenants", *words, "--reason", "x", "--json")
    assert ran.code in (2, 3), ran
    assert ran.error["remedy"]


def test_a_token_of_a_day_ends_after_a_day(present: World) -> None:
    words = ("--name", "day", "--role", "viewer", "--expires", "1d", "--json")
    secret = present.command("tokens", "create", *words).json()["token"]
    caller = Operator(present.door.port, secret)
    assert caller.get("/flags").status == 200
    present.clock.advance(seconds=timedelta(days=1, minutes=2).total_seconds())
    assert caller.get("/flags").status == 401
