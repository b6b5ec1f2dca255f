"""What is due where evidence is missing, a switch is off, or another plan took over."""

from dataclasses import replace

from firstry.domain.due import Due, Quiet, Reason, decide
from firstry.domain.flag import GENERATION, of_trigger
from firstry.domain.milestone import State
from firstry.domain.record import InstallationSource, TenantRecord
from firstry.stores.memory import MemoryStore
from support.domain import AUTO_12H, AUTO_24H, DEFAULT, at, install, known


def _record() -> TenantRecord:
    store = MemoryStore()
    install(store)
    return known(store)


def test_without_evidence_nothing_is_due_whatever_is_armed() -> None:
    record = _record()
    installation = replace(record.installation, source=InstallationSource.UNKNOWN)
    assert isinstance(decide(record, at(12), DEFAULT), Due)
    unknown = decide(replace(record, installation=installation), at(12), DEFAULT)
    assert unknown == Quiet(Reason.INSTALLATION_UNKNOWN)


def test_nothing_is_due_while_generation_is_off() -> None:
    off = replace(_record(), switched_off=frozenset({GENERATION}))
    assert decide(off, at(1), DEFAULT) == Quiet(Reason.PAUSED)
    assert decide(off, at(12), DEFAULT) == Quiet(Reason.PAUSED)


def test_a_trigger_that_is_off_is_not_due() -> None:
    off = replace(_record(), switched_off=frozenset({of_trigger(AUTO_12H)}))
    assert decide(off, at(12), DEFAULT) == Quiet(Reason.PAUSED)


def test_what_is_done_stays_done_while_its_trigger_is_off() -> None:
    record = replace(_record(), switched_off=frozenset({of_trigger(AUTO_12H)}))
    first = record.milestone(AUTO_12H, 1)
    assert first is not None
    record = record.with_milestone(replace(first, state=State.COMPLETED))
    answer = decide(record, at(12), DEFAULT)
    assert isinstance(answer, Quiet)
    assert answer.reason is Reason.DONE_KEY_EXISTS


def test_what_was_planned_anew_is_not_spoken_of() -> None:
    record = _record()
    first = record.milestone(AUTO_12H, 1)
    assert first is not None
    later = replace(first, revision=2, due_at=at(18), next_due=at(18))
    record = record.with_milestone(replace(first, state=State.CANCELLED)).with_milestone(later)
    assert record.latest(AUTO_24H) is not None
    assert decide(record, at(12), DEFAULT) == Quiet(Reason.NOT_DUE)


def test_the_youngest_that_has_passed_decides_whether_a_switch_is_the_reason() -> None:
    record = replace(_record(), switched_off=frozenset({of_trigger(AUTO_24H)}))
    first = record.milestone(AUTO_12H, 1)
    assert first is not None
    record = record.with_milestone(replace(first, state=State.COMPLETED))
    assert decide(record, at(24), DEFAULT) == Quiet(Reason.PAUSED)
