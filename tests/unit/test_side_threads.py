"""Threads beside the work of the service: a fault of ours is told, and ends none of them unseen."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol

import pytest

from firstry.domain.policy import Policy
from firstry.insight.alert_runner import AlertParts, AlertRunner
from firstry.lifecycle.bulk import BulkParts
from firstry.lifecycle.bulk_runner import BulkRunner
from firstry.lifecycle.retention import Retention, RetentionParts
from firstry.ports.telemetry import Event, Telemetry
from support.attempt import Notebook
from support.wire import until


class Broken:
    """In the place of what a thread needs: whatever it is asked for is a fault."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


BROKEN: Any = Broken()


class Thread(Protocol):
    def start(self) -> None: ...

    def close(self) -> None: ...


def bulk(telemetry: Telemetry) -> BulkRunner:
    return BulkRunner(BulkParts(BROKEN, BROKEN, BROKEN, BROKEN, Policy()), telemetry, "bulk-1")


def retention(telemetry: Telemetry) -> Retention:
    return Retention(RetentionParts(BROKEN, BROKEN, BROKEN, telemetry, timedelta()))


def alerts(telemetry: Telemetry) -> AlertRunner:
    return AlertRunner(AlertParts(BROKEN, BROKEN, BROKEN, BROKEN, telemetry, None))


def wait_for(notebook: Notebook, told: int) -> None:
    wait = until()
    while len(notebook.told) < told:
        wait.more("the fault to be told")


@pytest.mark.parametrize(
    ("made", "event"),
    [
        (bulk, Event.BULK_INTERRUPTED),
        (retention, Event.ERASURE_FAILED),
        (alerts, Event.ALERT_PASS_FAILED),
    ],
)
def test_a_fault_in_a_thread_is_told(made: Callable[[Telemetry], Thread], event: Event) -> None:
    notebook = Notebook()
    thread = made(notebook)
    thread.start()
    wait_for(notebook, 1)
    thread.close()
    assert notebook.told[0] == (event, {"error_code": "RuntimeError", "cloud_id": None})


def test_a_thread_looks_again_after_a_fault() -> None:
    notebook = Notebook()
    runner = bulk(notebook)
    runner.start()
    for told in (1, 2, 3):
        wait_for(notebook, told)
        runner.wake()
    runner.close()
    assert set(notebook.events()) == {Event.BULK_INTERRUPTED}
