"""Kill -9 at every failpoint: on every store, first and repeated, by a tick and by the worker (T5).

Each case kills the real program at one named place, looks at what the store holds,
starts the program again and lets time pass. Then I1 to I8 and I15 hold over all
rows, each report is there once, and an attempt was charged exactly where its
claim was committed. The set of names in `Failpoint`, the set of places in the
source and the set that is executed here are one set.
"""

import ast
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import pytest

from firstry.ports.failpoint import Failpoint
from firstry.sim.jira import JiraSite
from firstry.sim.platform_key import KeyRing
from support.backing import BACKINGS, SHARED, SOURCE
from support.command import command
from support.crash_yard import Yard, raw_breaches

TRIGGERS = ("AUTO_12H", "AUTO_24H")
ROUNDS_AT_MOST = 8


class Write(StrEnum):
    """Which write of the service a transaction's place is hit in."""

    INSTALL = "install"
    CLAIM = "claim"
    SETTLE = "settle"
    NONE = "no write"


@dataclass(frozen=True, slots=True)
class Case:
    """One kill. `hit` counts from the start of the process that is killed.

    `is_charged`: whether the claim was committed before the kill. `is_done`:
    whether its report was.
    """

    place: Failpoint
    write: Write = Write.NONE
    hit: int = 1
    is_charged: bool = False
    is_done: bool = False

    def __str__(self) -> str:
        where = "" if self.write is Write.NONE else f" of {self.write}"
        return f"{self.place}{where}"


TRANSACTION = (
    Failpoint.TRANSACTION_BEGUN,
    Failpoint.TRANSACTION_DECIDED,
    Failpoint.TRANSACTION_HALF_WRITTEN,
    Failpoint.TRANSACTION_WRITTEN,
    Failpoint.TRANSACTION_COMMITTED,
)
INSTALLS = tuple(
    Case(place, Write.INSTALL, is_done=place is Failpoint.TRANSACTION_COMMITTED)
    for place in TRANSACTION
)
ATTEMPTS = (
    *(
        Case(place, Write.CLAIM, is_charged=place is Failpoint.TRANSACTION_COMMITTED)
        for place in TRANSACTION
    ),
    Case(Failpoint.ATTEMPT_CLAIMED, is_charged=True),
    Case(Failpoint.EVIDENCE_TOKEN_OPENED, is_charged=True),
    Case(Failpoint.EVIDENCE_READ, is_charged=True),
    Case(Failpoint.ATTEMPT_GENERATED, is_charged=True),
    *(
        Case(place, Write.SETTLE, 2, True, place is Failpoint.TRANSACTION_COMMITTED)
        for place in TRANSACTION
    ),
    Case(Failpoint.ATTEMPT_SETTLED, is_charged=True, is_done=True),
)
TICKS = (
    Case(Failpoint.TICK_READ),
    Case(Failpoint.TOKEN_SEALED),
    *ATTEMPTS,
    Case(Failpoint.ANSWER_READY, is_charged=True, is_done=True),
)


@pytest.mark.parametrize("case", TICKS, ids=str)
@pytest.mark.parametrize("kind", SHARED)
def test_a_tick_that_is_killed_twice_costs_its_attempts_and_nothing_else(
    case: Case, kind: str, tmp_path: Path, keys: KeyRing
) -> None:
    with Yard(tmp_path, keys, kind) as yard:
        site = installed(yard)
        for time in range(2):
            yard.advance_to_due()
            before = rows(yard, site)
            serving = yard.serve(case.place, case.hit)
            assert yard.tick(serving, site) is None
            assert yard.killed_at(serving.process) is case.place
            assert_charged(case, before, rows(yard, site))
            assert yard.database.count("report") == (time + 1 if case.is_done else 0)
            assert_sound(yard)
        finish(yard, [site])


@pytest.mark.parametrize(("kind", "nth"), [("sqlite", 1), ("sqlite", 2), ("postgres", 2)])
@pytest.mark.parametrize("case", INSTALLS, ids=str)
def test_a_killed_installation_is_recorded_whole_or_not_at_all(
    case: Case, kind: str, nth: int, tmp_path: Path, keys: KeyRing
) -> None:
    with Yard(tmp_path, keys, kind) as yard:
        sites = [yard.new_site(f"site{number}") for number in range(nth)]
        serving = yard.serve(case.place, nth)
        answers = [yard.install(serving, site) for site in sites]
        assert [answer is None for answer in answers] == [site is sites[-1] for site in sites]
        assert yard.killed_at(serving.process) is case.place
        assert yard.database.count("tenant") == nth - (not case.is_done)
        assert yard.database.count("milestone") == 2 * yard.database.count("tenant")
        assert_sound(yard)
        serving = yard.serve()
        again = yard.install(serving, sites[-1])
        assert again is not None
        expected = "ALREADY_RECORDED" if case.is_done else "INSTALLATION_RECORDED"
        assert again.json()["reason"] == expected
        yard.kill(serving)
        finish(yard, sites)


@pytest.mark.parametrize("case", ATTEMPTS, ids=str)
@pytest.mark.parametrize("kind", SHARED)
def test_a_killed_worker_costs_its_attempt_and_nothing_else(
    case: Case, kind: str, tmp_path: Path, keys: KeyRing
) -> None:
    with waiting_for_the_worker(tmp_path, keys, kind) as yard:
        (site,) = due_now(yard, ["acme"])
        before = rows(yard, site)
        worker = yard.run("worker", "--once", failpoint=case.place, hit=case.hit)
        assert yard.killed_at(worker) is case.place
        assert_charged(case, before, rows(yard, site))
        assert_sound(yard)
        finish(yard, [site])


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        *(("sqlite", place) for place in sorted({case.place for case in ATTEMPTS})),
        *(("postgres", place) for place in TRANSACTION),  # only there the store is in between
    ],
    ids=str,
)
def test_a_worker_killed_amid_two_attempts_leaves_both_whole(
    kind: str, place: Failpoint, tmp_path: Path, keys: KeyRing
) -> None:
    with waiting_for_the_worker(tmp_path, keys, kind) as yard:
        sites = due_now(yard, ["acme", "bolt"])
        worker = yard.run("worker", "--once", failpoint=place, hit=2)
        assert yard.killed_at(worker) is place
        assert_sound(yard)
        finish(yard, sites)


def test_names_places_and_cases_are_one_set() -> None:
    places = Counter(reached_in_source())
    assert places == Counter(failpoint.name for failpoint in Failpoint)
    executed = {case.place for case in (*INSTALLS, *TICKS)}
    assert executed == set(Failpoint)
    assert set(SHARED) == BACKINGS.keys() - {"memory"}  # each case, on every store that lasts


def installed(yard: Yard, name: str = "acme") -> JiraSite:
    """Return a site whose installation is recorded, with no service running."""
    site, serving = yard.new_site(name), yard.serve()
    answer = yard.install(serving, site)
    assert answer is not None
    assert answer.status == 200
    yard.kill(serving)
    return site


def waiting_for_the_worker(folder: Path, keys: KeyRing, kind: str) -> Yard:
    """Return a yard whose clock stands so that what is installed now is due on the host's.

    The worker of the command line lives by the host's clock, or by that of the server there.
    """
    return Yard(folder, keys, kind, begin=-timedelta(hours=12, seconds=10))


def due_now(yard: Yard, names: Sequence[str]) -> list[JiraSite]:
    """Return sites with a trigger that became due a moment ago, and a token that lives."""
    serving = yard.serve()
    sites = [yard.new_site(name) for name in names]
    for site in sites:
        yard.install(serving, site)
    yard.clock.advance(timedelta(hours=11, minutes=59, seconds=50))
    for site in sites:
        answer = yard.tick(serving, site)
        assert answer is not None
        assert answer.json()["reason"] == "NOT_DUE"
    yard.kill(serving)
    yard.clock.advance(timedelta(seconds=20))
    return sites


Rows = dict[str, tuple[str, int, int]]


def rows(yard: Yard, site: JiraSite) -> Rows:
    """Return state, attempts and starts of each trigger, as they are stored."""
    found = yard.database.rows(
        "SELECT trigger_name, state, attempts, starts FROM milestone WHERE cloud_id = ?",
        site.cloud_id,
    )
    return {row["trigger_name"]: (row["state"], row["attempts"], row["starts"]) for row in found}


def assert_charged(case: Case, before: Rows, after: Rows) -> None:
    """Require that one attempt was charged if its claim was committed, else none."""
    changed = {trigger for trigger in TRIGGERS if before[trigger] != after[trigger]}
    assert len(changed) == case.is_charged
    for trigger in changed:
        state, attempts, starts = after[trigger]
        assert state == ("completed" if case.is_done else "claimed")
        assert (attempts, starts) == (before[trigger][1] + 1, before[trigger][2] + 1)


def assert_sound(yard: Yard) -> None:
    assert yard.breaches() == []
    assert raw_breaches(yard.database) == []


def finish(yard: Yard, sites: Sequence[JiraSite]) -> None:
    """Start the service anew, let time pass with its ticks, and require every report."""
    serving = yard.serve()
    for _ in range(ROUNDS_AT_MOST):
        if not yard.advance_to_due():
            break
        for site in sites:
            answer = yard.tick(serving, site)
            assert answer is not None
            assert answer.status == 200
    yard.kill(serving)
    assert_sound(yard)
    for site in sites:
        assert yard.database.markers(site.cloud_id) == list(TRIGGERS)
        assert [report["trigger"] for report in yard.database.reports(site.cloud_id)] == [*TRIGGERS]
        assert command(yard.folder, yard.environ, "evidence", "verify", site.cloud_id).code == 0
    for report in yard.database.rows("SELECT report_id, digest FROM report"):
        assert_exported(yard, report["report_id"], report["digest"])


def assert_exported(yard: Yard, report_id: str, digest: str) -> None:
    """Require that the exported file has the digest that the marker holds."""
    path = yard.folder / "exported.json"
    words = ("reports", "export", report_id, "--format", "json", "--output", str(path))
    ran = command(yard.folder, yard.environ, *words)
    assert ran.code == 0, ran
    assert digest == "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def reached_in_source() -> list[str]:
    """Return the name in every `reach(Failpoint.NAME)` of the source."""
    names = []
    for path in sorted((SOURCE / "firstry").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "reach":
                argument = ast.unparse(node.args[0])
                assert argument.startswith("Failpoint."), f"{path}:{node.lineno}"
                names.append(argument.removeprefix("Failpoint."))
    return names
