"""What went wrong with reports in the prototype, and cannot here (CONTRACT 6)."""

import json
import re
from typing import Any

import pytest

from firstry.domain.errors import ReportInvalid
from firstry.domain.evidence import Count, CountMethod, Dataset
from firstry.domain.report.disclosure import Confidence, Disclosure
from firstry.sim.jira import JiraSite
from firstry.sim.jira_content import USER
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.stores.memory import MemoryStore
from support.domain import INSTALLED_AT, at, complete, install, reading, site_evidence
from support.service import World

DISCLOSURES = ("disclosure", "coverage_disclosure", "mandatory_zero_disclosure")


@pytest.fixture(name="world", scope="module")
def many_tenants(shared: World) -> World:
    """Every test here has tenants of its own, so one world serves them all."""
    return shared


def _report(world: World, site: JiraSite) -> dict[str, Any]:
    """Make the report that is due next and return it."""
    report_id = world.told(site, "GENERATED")["report_id"]
    found = world.database.reports(site.cloud_id)
    (report,) = [each for each in found if each["report_id"] == report_id]
    return report


def _first(world: World, site: JiraSite) -> dict[str, Any]:
    world.clock.advance(hours=12)
    return _report(world, site)


def _disclosures(content: object) -> list[dict[str, Any]]:
    """Return every disclosure object of a report."""
    if isinstance(content, list):
        return [found for item in content for found in _disclosures(item)]
    if not isinstance(content, dict):
        return []
    own = [content[name] for name in DISCLOSURES if isinstance(content.get(name), dict)]
    return own + [found for value in content.values() for found in _disclosures(value)]


def _texts(content: object, *names: str) -> list[str]:
    if isinstance(content, list):
        return [found for item in content for found in _texts(item, *names)]
    if not isinstance(content, dict):
        return []
    own = [content[name] for name in names if isinstance(content.get(name), str)]
    return own + [found for value in content.values() for found in _texts(value, *names)]


def _numbers(report: dict[str, Any]) -> dict[str, int]:
    counted = report["sections"]["C"]["observations"]
    return {each["label"].partition(" visible")[0]: each["value"] for each in counted}


def _held(site: JiraSite) -> dict[str, int]:
    content = site.content
    return {
        "Projects": content.projects,
        "Issues": sum(number for _, number in content.issues),
        "Custom Fields": content.custom_fields,
        "Fields": content.custom_fields + content.system_fields,
        "Issue Types": content.issue_types,
        "Statuses": content.statuses,
        "Permission Schemes": content.permission_schemes,
        "Filters": content.filters,
        "Dashboards": content.dashboards,
    }


def test_every_number_was_read_from_the_tenant_s_own_site(world: World) -> None:
    """P3: the report came from a fixture, the same for every tenant."""
    sites = [world.installed("small"), world.installed("large", projects=120, statuses=17)]
    sites[1].create_issues(1234, world.now())
    world.clock.advance(hours=12)
    for site in sites:
        assert _numbers(_report(world, site)) == _held(site)
    sites[0].grow(projects=5, dashboards=-2)
    world.clock.advance(hours=12)
    assert _numbers(_report(world, sites[0])) == _held(sites[0])


def test_every_cited_request_was_really_answered(world: World) -> None:
    """P3: what a report cites is what the site saw, and stands in the ledger."""
    site = world.installed()
    report = _first(world, site)
    requests = [each["entry"]["detail"]["request"] for each in report["evidence"]["entries"]]
    cited = [" ".join(request.split()[:2]) for request in requests]
    asked = [
        f"{request.method} {request.path}" + (f"?{request.query}" if request.query else "")
        for request in site.requests
    ]
    assert sorted(cited) == sorted(asked)
    rows = world.database.rows("SELECT body FROM ledger WHERE cloud_id = ?", site.cloud_id)
    ledger = [json.loads(row["body"]) for row in rows]
    assert [each for each in ledger if each["kind"] == "EVIDENCE_READ"] == [
        each["entry"] for each in report["evidence"]["entries"]
    ]


@pytest.mark.parametrize("path", ["/rest/api/3/field", "/rest/api/3/dashboard"])
def test_one_dataset_that_cannot_be_read_makes_no_report(world: World, path: str) -> None:
    """P3: nothing stands in for a number that was not read."""
    site = world.installed()
    site.faults.append(Fault(FaultKind.SERVER_ERROR, path=path))
    world.clock.advance(hours=12)
    world.told(site, "GENERATION_FAILED", 202)
    assert site.hits[FaultKind.SERVER_ERROR] == 1
    assert world.database.reports(site.cloud_id) == []


def test_report_ids_are_the_milestone_s_own(world: World) -> None:
    """P26: ids from the millisecond clock collide; here all are made in one millisecond."""
    sites = [world.installed(f"site{n}") for n in range(5)]
    world.clock.advance(hours=12)
    ids = [world.told(site, "GENERATED")["report_id"] for site in sites]
    world.clock.advance(hours=12)
    ids += [world.told(site, "GENERATED")["report_id"] for site in sites]
    assert len(set(ids)) == 10
    made = [report for site in sites for report in world.database.reports(site.cloud_id)]
    assert len({report["generated_at"] for report in made}) == 2
    assert all(re.fullmatch(r"r-[0-9a-f]{32}", report_id) for report_id in ids)


def test_no_label_and_no_sentence_holds_a_number_of_the_site(world: World) -> None:
    """P28: labels with hard-coded numbers. Two different sites get the same words."""
    sites = [world.installed("one", projects=3), world.installed("two", projects=977, filters=61)]
    world.clock.advance(hours=12)
    reports = [_report(world, site)["sections"] for site in sites]
    labels = [_texts(report, "label", "heading") for report in reports]
    assert labels[0] == labels[1]
    assert not any(re.search(r"\d", label) for label in labels[0])
    sentences = [_texts(report, "disclosure_text", "reason_detail_text") for report in reports]
    assert sentences[0] == sentences[1]
    values = {str(value) for site in sites for value in _held(site).values()} - {"7"}
    words = {word for text in sentences[0] for word in re.findall(r"\d+", text)}
    assert not words & values


def test_completeness_follows_from_what_was_covered(world: World) -> None:
    """P29: literal 100 % completeness."""
    site = world.installed()
    site.denied |= {"/rest/api/3/filter", "/rest/api/3/permissionscheme"}
    datasets = _first(world, site)["sections"]["B"]["datasets"]
    percent = {each["dataset_name"]: each["coverage_percent"] for each in datasets}
    assert percent["Projects"] == percent["Dashboards"] == 100
    for name in ("Filters", "Permission Schemes", "Users", "Workflows", "Automation Rules"):
        assert percent[name] == 0, name


@pytest.mark.parametrize(
    ("covered", "visible", "percent"),
    [(0, 7, 0), (1, 3, 33.3), (2, 3, 66.6), (999_999, 1_000_000, 99.9), (5, 5, 100), (0, 0, 100)],
)
def test_completeness_is_the_share_that_the_answer_covers(
    covered: int, visible: int, percent: float
) -> None:
    """P29: rounded down, so that only a whole answer ever reads 100."""
    store = MemoryStore()
    install(store)
    part = reading(Dataset.PROJECTS, visible, covered=covered, visible=visible)
    sections = json.loads(complete(store, at(hours=12), evidence=site_evidence(part)).body)[
        "sections"
    ]
    (shown,) = [e for e in sections["B"]["datasets"] if e["dataset_name"] == "Projects"]
    assert shown["coverage_percent"] == percent
    beside = sections["A"]["projects_scanned"]["disclosure"]
    assert beside["completeness_percent"] == percent
    assert shown["availability_state"] == ("AVAILABLE" if percent == 100 else "PARTIAL")
    assert ("mandatory_zero_disclosure" in shown) is (percent == 0)


@pytest.mark.parametrize("hours", [12, 24])
def test_a_report_of_12_or_24_hours_is_never_more_than_low(world: World, hours: int) -> None:
    """P30: MEDIUM confidence at 24 h."""
    site = world.installed()
    world.clock.advance(hours=hours)
    levels = {each["confidence_level"] for each in _disclosures(_report(world, site)["sections"])}
    assert levels == {"LOW", "INSUFFICIENT_DATA"}


def test_confidence_rises_with_the_days_that_were_observed(world: World) -> None:
    """P30: MEDIUM from the seventh day on; the window counts days begun."""
    site = world.installed()
    world.clock.advance(days=6, minutes=1)
    report = _report(world, site)["sections"]["A"]
    assert report["projects_scanned"]["disclosure"]["observation_window_days"] == 7
    assert report["projects_scanned"]["disclosure"]["confidence_level"] == "MEDIUM"


def test_a_dataset_has_a_missing_reason_only_where_it_is_missing(world: World) -> None:
    """P31: a missing reason on available data."""
    site = world.installed("empty", projects=0, filters=0, custom_fields=0)
    site.denied.add("/rest/api/3/dashboard")
    datasets = _first(world, site)["sections"]["B"]["datasets"]
    assert [each["dataset_name"] for each in datasets] == [each.value for each in Dataset]
    for each in datasets:
        is_available = each["availability_state"] == "AVAILABLE"
        assert (each["missing_reason"] is None) is is_available, each
        assert (each["reason_detail_text"] is None) is is_available, each
        assert ("mandatory_zero_disclosure" in each) is (each["coverage_percent"] == 0), each
    states = {each["dataset_name"]: each["availability_state"] for each in datasets}
    assert states["Projects"] == states["Filters"] == "AVAILABLE"
    assert states["Dashboards"] == "NOT_PERMITTED_BY_SCOPE"


def test_a_zero_that_was_read_is_a_true_zero_and_a_missing_number_is_null(world: World) -> None:
    """P31, P47: a real zero could not be told from "not measured"."""
    site = world.installed("empty", projects=0)
    site.denied.add("/rest/api/3/field/search")
    section = _first(world, site)["sections"]["A"]
    zero, missing = section["projects_scanned"], section["fields_detected"]
    assert (zero["count"], zero["disclosure"]["zero_value_reason"]) == (0, "TRUE_ZERO")
    assert (missing["count"], missing["disclosure"]["zero_value_reason"]) == (None, "OUT_OF_SCOPE")
    assert missing["disclosure"]["confidence_level"] == "INSUFFICIENT_DATA"


def test_a_site_that_permits_nothing_gets_a_report_that_says_so(world: World) -> None:
    """SURFACE "Report": 403 for all datasets is an answer, not a failure."""
    site = world.installed()
    site.scopes = {USER}
    report = _first(world, site)
    assert set(_numbers(report).values()) == {None}
    states = {each["availability_state"] for each in report["sections"]["B"]["datasets"]}
    assert states == {"NOT_PERMITTED_BY_SCOPE", "MISSING"}


@pytest.mark.parametrize("value", [-900, -1, 2**53 + 1, 1e300, 0.5, "12", None, True, [], {}])
def test_a_count_that_is_none_makes_no_report(world: World, value: object) -> None:
    """P33: completeness -900 was accepted. What is no count fails the attempt."""
    site = world.installed()
    path = "/rest/api/3/project/search"
    site.faults.append(Fault(FaultKind.WRONG_TYPES, value=value, path=path))
    world.clock.advance(hours=12)
    world.told(site, "GENERATION_FAILED", 202)
    assert site.hits[FaultKind.WRONG_TYPES] == 1
    failed = world.database.milestone(site.cloud_id, "AUTO_12H")
    assert failed["error_code"] == "JIRA_MALFORMED"
    assert world.database.reports(site.cloud_id) == []


@pytest.mark.parametrize("percent", [-900, -0.1, 100.1, 1000, float("nan"), float("inf"), True])
def test_a_completeness_outside_0_to_100_cannot_be_written(percent: float) -> None:
    """P33, at the one place where a disclosure is made."""
    with pytest.raises(ReportInvalid):
        Disclosure(percent, 1, "A sentence.", INSTALLED_AT)


@pytest.mark.parametrize(("covered", "visible"), [(-1, 5), (6, 5), (1, 2**53 + 1), (-5, -1)])
def test_a_count_never_covers_more_than_there_is(covered: int, visible: int) -> None:
    """P33: from such a count the completeness would follow."""
    with pytest.raises(ReportInvalid):
        Count(1, covered, visible, CountMethod.READ)


def test_every_disclosure_of_a_report_is_whole(world: World) -> None:
    """CONTRACT 5: every number carries its disclosure, and all its rules are enforced."""
    site = world.installed("mixed", filters=0)
    site.denied.add("/rest/api/3/status")
    report = _first(world, site)
    found = _disclosures(report["sections"])
    assert len(found) >= 3 + len(Dataset) + 9
    for each in found:
        assert 0 <= each["completeness_percent"] <= 100
        assert each["observation_window_days"] == 1
        assert each["confidence_level"] in set(Confidence)
        assert each["disclosure_text"].strip()
        assert each["computed_at"] == report["generated_at"]
