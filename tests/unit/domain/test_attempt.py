"""One attempt, whole: what is begun is performed once, and only what is stored is told."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from firstry.domain.claim import Claim
from firstry.domain.due import Quiet, Reason
from firstry.domain.errors import CommitUnknown, ReportInvalid, StoreUnavailable
from firstry.domain.evidence import Dataset
from firstry.domain.milestone import Act, State
from firstry.domain.settle import Fenced, Settled
from firstry.ports.evidence import Collected, Throttled, TokenRefused, Unreadable
from firstry.ports.telemetry import Event
from firstry.scheduler.attempt import SETTLE_TRIES, begin, perform
from firstry.scheduler.runner import Runner
from firstry.stores.memory import MemoryStore
from support.attempt import Answer, Bench, FalteringStore, lost
from support.domain import (
    AUTO_12H,
    DEFAULT,
    TENANT,
    all_entries,
    all_reports,
    at,
    install,
    known,
    milestone_of,
    reading,
    site_evidence,
    won,
)
from support.signing import SIGNER


@pytest.fixture
def store() -> FalteringStore:
    store = FalteringStore()
    install(store)
    store.transactions = 0
    return store


@pytest.fixture
def bench(store: FalteringStore) -> Bench:
    return Bench(store)


def begun(bench: Bench) -> Claim:
    answer = begin(bench.parts, TENANT, bench.clock.now())
    assert isinstance(answer, Claim)
    return answer


def performed(bench: Bench) -> Settled:
    answer = perform(bench.parts, begun(bench))
    assert isinstance(answer, Settled)
    return answer


def raising(error: Exception) -> Answer:
    def collect(tenant: object, deadline: float) -> Collected:
        raise error

    return collect


def test_an_attempt_ends_with_a_report_in_the_store(bench: Bench) -> None:
    """P3, P4: from what was read of that site, kept where it can be read."""
    bench.shelf.usual = lambda tenant, deadline: site_evidence(reading(Dataset.PROJECTS, 77))
    settled = performed(bench)
    assert settled.act is Act.COMPLETE
    (report,) = all_reports(bench.store)
    assert settled.milestone.report_id == report.report_id
    assert json.loads(report.body)["sections"]["A"]["projects_scanned"]["count"] == 77


def test_the_one_path_collects_once(bench: Bench, store: FalteringStore) -> None:
    """Contract F: one claim, one collection, one settle."""
    performed(bench)
    assert [cloud_id for cloud_id, _ in bench.shelf.asked] == [TENANT.cloud_id]
    assert store.transactions == 2


def test_nothing_is_collected_without_a_claim(bench: Bench) -> None:
    performed(bench)
    answer = begin(bench.parts, TENANT, bench.clock.now())
    assert isinstance(answer, Quiet)
    assert answer.reason is Reason.DONE_KEY_EXISTS
    assert len(bench.shelf.asked) == 1
    assert bench.notebook.events() == [Event.ATTEMPT_CLAIMED, Event.ATTEMPT_SETTLED]


def test_the_attempt_is_counted_before_its_work_begins(bench: Bench) -> None:
    """P7, I6: while it works, a committed row shows the start and the crash backoff."""
    seen = []

    def collect(tenant: object, deadline: float) -> Collected:
        seen.append(milestone_of(bench.store, AUTO_12H))
        return site_evidence()

    bench.shelf.usual = collect
    performed(bench)
    assert [(each.starts, each.attempts, each.next_due) for each in seen] == [(1, 1, at(12, 35))]


@pytest.mark.parametrize(
    ("collected", "act", "code", "until"),
    [
        (Unreadable("JIRA_5XX", "Jira answered 503"), Act.FAIL, "JIRA_5XX", at(12, 30)),
        (TokenRefused(), Act.DEFER, None, at(12, 15)),
        (Throttled(None), Act.DEFER, None, at(12, 1)),
        (Throttled(at(15)), Act.DEFER, None, at(15)),
    ],
)
def test_each_end_of_a_collection_has_its_outcome(
    bench: Bench, collected: Collected, act: Act, code: str | None, until: object
) -> None:
    bench.shelf.usual = lambda tenant, deadline: collected
    settled = performed(bench)
    assert (settled.act, settled.milestone.next_due) == (act, until)
    error = settled.milestone.last_error
    assert (error.code if error else None) == code
    assert all_reports(bench.store) == ()
    event, fields = bench.notebook.told[-1]
    assert (event, fields["outcome"], fields["error_code"]) == (Event.ATTEMPT_SETTLED, act, code)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("token=s3cret"), KeyError("s3cret"), OSError("s3cret"), MemoryError()],
)
def test_an_unexpected_error_is_a_failed_attempt_and_keeps_its_text(
    bench: Bench, error: Exception
) -> None:
    """P6, contract E: a value, 30 minutes, and no secret in what may be shown."""
    bench.shelf.usual = raising(error)
    settled = performed(bench)
    assert (settled.act, settled.milestone.next_due) == (Act.FAIL, at(12, 30))
    assert settled.milestone.last_error is not None
    assert settled.milestone.last_error.code == "GENERATION_ERROR"
    stored = repr(known(bench.store)) + repr(all_entries(bench.store))
    assert "s3cret" not in stored + repr(bench.notebook.told)
    assert Event.ATTEMPT_UNEXPECTED in bench.notebook.events()


def test_an_error_of_ours_is_a_failed_attempt_with_its_own_code(bench: Bench) -> None:
    """Contract E: our own messages are written for people, so they are kept."""
    bench.shelf.usual = raising(ReportInvalid("completeness must be 0 to 100"))
    error = performed(bench).milestone.last_error
    assert error is not None
    assert (error.code, error.message) == (
        "REPORT_VALIDATION_FAILED",
        "completeness must be 0 to 100",
    )


def test_a_report_is_signed_over_the_claim_that_it_was_made_for(bench: Bench) -> None:
    held = begun(bench)
    perform(bench.parts, held)
    (report,) = all_reports(bench.store)
    assert report.envelope == SIGNER.sign(report, held.head)
    other = replace(held.head, sequence=held.head.sequence + 1)
    assert report.envelope != SIGNER.sign(report, other)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_an_interrupt_is_not_swallowed_and_counts_as_a_crash(
    bench: Bench, error: BaseException
) -> None:
    def collect(tenant: object, deadline: float) -> Collected:
        raise error

    bench.shelf.usual = collect
    with pytest.raises(type(error)):
        perform(bench.parts, begun(bench))
    assert milestone_of(bench.store, AUTO_12H).state is State.CLAIMED
    assert milestone_of(bench.store, AUTO_12H).next_due == at(12, 35)


@pytest.mark.parametrize(("late_seconds", "left"), [(0, 120), (45, 75), (200, -80)])
def test_the_deadline_counts_from_the_claim(bench: Bench, late_seconds: int, left: int) -> None:
    held = begun(bench)
    bench.clock.pass_by(late_seconds)
    perform(bench.parts, held)
    ((_, deadline),) = bench.shelf.asked
    assert deadline - bench.clock.monotonic() == left


def test_a_clock_that_stepped_back_gives_no_longer_deadline(bench: Bench) -> None:
    held = begun(bench)
    bench.clock.pass_by(-3600)
    perform(bench.parts, held)
    ((_, deadline),) = bench.shelf.asked
    assert deadline - bench.clock.monotonic() == 120


def test_an_attempt_that_was_overtaken_is_told_and_dropped(bench: Bench) -> None:
    """I5: paused beyond its lease, it finds a newer claim and leaves nothing."""

    def collect(tenant: object, deadline: float) -> Collected:
        bench.clock.pass_by(35 * 60)
        won(bench.store, bench.clock.now())
        return site_evidence()

    bench.shelf.usual = collect
    assert isinstance(perform(bench.parts, begun(bench)), Fenced)
    assert all_reports(bench.store) == ()
    assert bench.notebook.events()[-1] is Event.ATTEMPT_FENCED


@pytest.mark.parametrize("times", [1, SETTLE_TRIES - 1, 2 * SETTLE_TRIES])
def test_a_settle_is_tried_again_while_the_store_is_lost(
    bench: Bench, store: FalteringStore, times: int
) -> None:
    """P11: success is told only when it is stored."""
    held = begun(bench)
    store.before += lost(times)
    settled = perform(bench.parts, held)
    assert isinstance(settled, Settled)
    assert not settled.is_repeat
    assert len(all_reports(store)) == 1
    assert len(bench.shelf.asked) == 1
    assert bench.notebook.events().count(Event.SETTLE_RETRIED) == len(bench.pauses) == times
    assert bench.pauses == [0.4, 0.8, 1.6, 3.2, *[5.0] * 6][:times]
    assert 0 < sum(bench.pauses) < DEFAULT.lease.total_seconds()


@pytest.mark.parametrize("answer", [Unreadable("X", "x"), TokenRefused(), None])
def test_a_settle_whose_answer_was_lost_counts_once(
    bench: Bench, store: FalteringStore, answer: Collected | None
) -> None:
    """P12, I1: the work is done, and the lost answer does not make it twice."""
    held = begun(bench)
    if answer is not None:
        bench.shelf.usual = lambda tenant, deadline: answer
    store.after += lost(1, CommitUnknown("lost while committing"))
    settled = perform(bench.parts, held)
    assert isinstance(settled, Settled)
    assert settled.is_repeat
    assert len(all_reports(store)) == (1 if answer is None else 0)
    assert milestone_of(store, AUTO_12H).starts == 1


def test_a_settle_that_cannot_be_stored_is_a_crash(bench: Bench, store: FalteringStore) -> None:
    """P11: no success without the marker; the wait after a crash is already set."""
    held = begun(bench)
    store.before += lost(1000)
    with pytest.raises(StoreUnavailable):
        perform(bench.parts, held)
    store.before.clear()
    lease = DEFAULT.lease.total_seconds()
    assert lease - 10 < sum(bench.pauses) <= lease - 5  # one more would not have fitted in
    assert Event.ATTEMPT_SETTLED not in bench.notebook.events()
    assert milestone_of(store, AUTO_12H).state is State.CLAIMED
    bench.clock.pass_by(35 * 60)
    assert begun(bench).attempt == 2


def test_no_try_begins_once_the_lease_is_over(bench: Bench, store: FalteringStore) -> None:
    """A try that itself takes long counts too; what is told stays bounded."""
    held = begun(bench)
    store.before += lost(1000)
    parts = replace(bench.parts, sleep=lambda seconds: bench.clock.pass_by(seconds + 20))
    with pytest.raises(StoreUnavailable):
        perform(parts, held)
    assert bench.clock.now() < held.lease_until + timedelta(seconds=25)
    assert SETTLE_TRIES <= bench.notebook.events().count(Event.SETTLE_RETRIED) < 15


def test_a_process_that_stops_waits_no_lease_for_its_store(
    bench: Bench, store: FalteringStore
) -> None:
    held = begun(bench)
    store.before += lost(1000)
    parts = bench.parts
    Runner(parts, 1).close()
    with pytest.raises(StoreUnavailable):
        perform(parts, held)
    assert len(bench.pauses) == SETTLE_TRIES - 1


def test_a_store_that_cannot_be_read_is_no_answer(bench: Bench, store: FalteringStore) -> None:
    """P2, P25: neither "nothing due" nor "not done yet"; nothing is generated."""
    store.before += lost(1)
    with pytest.raises(StoreUnavailable):
        begin(bench.parts, TENANT, bench.clock.now())
    assert bench.shelf.asked == []
    assert store.transactions == 1


def test_a_claim_whose_commit_is_unknown_is_never_tried_again(
    bench: Bench, store: FalteringStore
) -> None:
    """SURFACE: an unknown claim commit counts as a crash."""
    store.after += lost(1, CommitUnknown("lost while committing"))
    with pytest.raises(CommitUnknown):
        begin(bench.parts, TENANT, bench.clock.now())
    assert store.transactions == 1
    spent = milestone_of(store, AUTO_12H)
    assert (spent.attempts, spent.next_due) == (1, at(12, 35))


def test_telemetry_names_the_attempt_and_no_more(bench: Bench) -> None:
    performed(bench)
    for event, fields in bench.notebook.told:
        named = {key: fields[key] for key in ("trigger", "revision", "attempt", "fence")}
        assert named == {"trigger": "AUTO_12H", "revision": 1, "attempt": 1, "fence": 1}, event
        assert fields["cloud_id"] == TENANT.cloud_id


def test_an_unknown_tenant_has_no_attempt() -> None:
    """P15: nothing is written where nothing is known."""
    bench = Bench(MemoryStore())
    answer = begin(bench.parts, TENANT, bench.clock.now())
    assert isinstance(answer, Quiet)
    assert answer.reason is Reason.INSTALLATION_UNKNOWN
    assert bench.store.read(TENANT) is None
    assert bench.notebook.told == []
