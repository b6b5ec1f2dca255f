"""A stored report that no longer verifies: shown and exported nowhere, and somebody is told."""

import json
from pathlib import Path

import pytest

from firstry.sim.platform_key import KeyRing
from support.jira_page import (
    DOWNLOAD,
    FORMATS,
    GADGET,
    GENERATE,
    REPORT,
    STATUS,
    reported,
    touch,
    visit,
)
from support.operator_call import operator, refused
from support.service import World


def alerts(capsys: pytest.CaptureFixture[str], site_id: str) -> int:
    """Return how often the log has told of this site's report since the last look."""
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    told = [each for each in logged if each["event"] == "report_invalid"]
    assert {each["cloud_id"] for each in told} <= {site_id}
    return len(told)


def test_the_page_shows_and_hands_out_nothing_of_it(
    tmp_path: Path, keys: KeyRing, capsys: pytest.CaptureFixture[str]
) -> None:
    """400 and an alert; in no format, and not a part of it (P37)."""
    calls: list[tuple[str, dict[str, str]]] = [
        (REPORT, {}),
        *((DOWNLOAD, {"format": name}) for name in FORMATS),
    ]
    with World(tmp_path, keys) as world:
        site = reported(world)
        touch(world)
        for path, query in calls:
            answer = visit(world, site).call(path, query=query)
            assert (answer.status, answer.json()["reason"]) == (400, "REPORT_VALIDATION_FAILED")
            assert answer.json().keys() == {
                *("success", "reason", "error_code", "message", "timestamp")
            }
            assert alerts(capsys, site.cloud_id) == 1


def test_the_operators_get_nothing_of_it_either(
    tmp_path: Path, keys: KeyRing, capsys: pytest.CaptureFixture[str]
) -> None:
    with World(tmp_path, keys) as world:
        site = reported(world)
        report_id = visit(world, site).told(STATUS)["reports"][0]["report_id"]
        touch(world)
        ops = operator(world)
        alerts(capsys, site.cloud_id)
        for path in ("", *(f"/export?format={name}" for name in FORMATS)):
            refused(ops.get(f"/reports/{report_id}{path}"), 400, "REPORT_VALIDATION_FAILED")
            assert alerts(capsys, site.cloud_id) == 1


def test_the_rest_goes_on(tmp_path: Path, keys: KeyRing) -> None:
    """States are no part of the report, and a new report is as good as any."""
    with World(tmp_path, keys) as world:
        site = reported(world)
        touch(world)
        for path in (STATUS, GADGET):
            assert visit(world, site).told(path)["state"] == "REPORT"
        world.clock.advance(hours=12)
        world.told(site, "GENERATED")
        assert visit(world, site).call(REPORT).status == 200
        assert visit(world, site).call(GENERATE).json()["reason"] == "GENERATED"
