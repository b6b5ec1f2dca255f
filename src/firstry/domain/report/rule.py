"""Every rule of the report contract that a finished report must keep (CONTRACT 5).

The types hold the rules while a report is made; here they are judged again from
the document alone, as a stranger would. So a report that was stored by a faulty
or foreign hand is refused before it is shown, and `firstry verify` can say at
which place which rule is broken. Structure comes first, the language guard in it;
then the evidence; the rules may rely on both.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from firstry.domain.canonical import Json, canonical_bytes, digest_of
from firstry.domain.errors import ReportInvalid
from firstry.domain.evidence import CountMethod, Dataset
from firstry.domain.instant import parse_instant
from firstry.domain.report import sentence
from firstry.domain.report.disclosure import (
    Confidence,
    ZeroReason,
    confidence_of,
    days_begun,
    percent_of,
)
from firstry.domain.report.forecast import DATASET, Forecast, reading_from
from firstry.domain.report.guard import forbidden_keys
from firstry.domain.report.schema import REPORT
from firstry.domain.report.section import COLLECTED, Availability, MissingReason, duration_hours
from firstry.domain.report.shape import Breach

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Facts:
    """A document of the right structure, and what its numbers are judged by."""

    document: Object
    cited: Mapping[str, Object]
    days: int

    @property
    def sections(self) -> Object:
        sections: Object = self.document["sections"]
        return sections


@dataclass(frozen=True, slots=True)
class Judged:
    """What each kind of rule found; None where it was not judged because of the ones before."""

    schema: tuple[Breach, ...]
    evidence: tuple[Breach, ...] | None = None
    rules: tuple[Breach, ...] | None = None

    def breaches(self) -> tuple[Breach, ...]:
        """Return everything that was found."""
        return (*self.schema, *(self.evidence or ()), *(self.rules or ()))


def judge(document: Json) -> Judged:
    """Judge `document` by structure, then by its evidence, then by the rules that need both."""
    found: list[Breach] = []
    REPORT.check(document, "", found)
    if found or not isinstance(document, dict):
        keys = forbidden_keys(document)
        forbidden = (Breach(place, "is a key that no report may have") for place in keys)
        return Judged((*forbidden, *found))
    facts = _facts(document)
    evidence = tuple(_evidence(facts))
    if evidence:
        return Judged((), evidence)
    return Judged((), (), tuple(breach for rule in RULES for breach in rule(facts)))


def refuse_breaches(document: Json) -> None:
    """Return if `document` is a valid report, else raise ReportInvalid naming every place."""
    if found := judge(document).breaches():
        shown = "; ".join(map(str, found[:5]))
        more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
        raise ReportInvalid(f"the report breaks its contract: {shown}{more}")


def _facts(document: Object) -> _Facts:
    window = document["observation_window"]
    details = [each["entry"]["detail"] for each in document["evidence"]["entries"]]
    return _Facts(
        document,
        {detail["dataset"]: detail for detail in details},
        days_begun(parse_instant(window["to"]) - parse_instant(window["from"])),
    )


def _window(facts: _Facts) -> Iterator[Breach]:
    """One instant, everywhere the same, and a window that follows from it (P27)."""
    document, window = facts.document, facts.document["observation_window"]
    begin, end = parse_instant(window["from"]), parse_instant(window["to"])
    if window["from"] != document["installation_detected_at"]:
        yield Breach("/observation_window/from", "must be installation_detected_at")
    if window["to"] != document["generated_at"]:
        yield Breach("/observation_window/to", "must be generated_at")
    if end < begin:
        yield Breach("/observation_window", "must not end before it begins")
    elif window["duration_hours"] != duration_hours(begin, end):
        yield Breach("/observation_window/duration_hours", f"must be {duration_hours(begin, end)}")


def _evidence(facts: _Facts) -> Iterator[Breach]:
    """Each cited entry has its hash, and there is one for each dataset that was read."""
    cited = facts.document["evidence"]
    for number, each in enumerate(cited["entries"]):
        yield from _entry(each, f"/evidence/entries/{number}")
    if "earlier" in cited:
        yield from _entry(cited["earlier"], "/evidence/earlier")
    order = [dataset.value for dataset in Dataset if dataset in facts.cited]
    if order != [each["entry"]["detail"]["dataset"] for each in cited["entries"]]:
        yield Breach("/evidence/entries", "must name each dataset once, in the order of section B")


def _entry(cited: Object, place: str) -> Iterator[Breach]:
    if cited["entry_hash"] != digest_of(canonical_bytes(cited["entry"])):
        yield Breach(f"{place}/entry_hash", "must be the SHA-256 of the canonical entry")
    detail = cited["entry"]["detail"]
    keys = {"covered", "visible", "method"} & detail.keys()
    if len(keys) != (0 if detail["count"] is None else 3):
        yield Breach(f"{place}/entry/detail", "tells how a count came about, and only a count")
    elif keys and detail["covered"] > detail["visible"]:
        yield Breach(f"{place}/entry/detail/covered", "must not be more than visible")


def _section_a(facts: _Facts) -> Iterator[Breach]:
    for name, dataset in COLLECTED.items():
        each, place = facts.sections["A"][name], f"/sections/A/{name}"
        yield from _count(facts, dataset, each["count"], f"{place}/count")
        yield from _disclosure(facts, dataset, each["disclosure"], f"{place}/disclosure")


def _section_b(facts: _Facts) -> Iterator[Breach]:
    rows = zip(Dataset, facts.sections["B"]["datasets"], strict=True)
    for number, (dataset, row) in enumerate(rows):
        place = f"/sections/B/datasets/{number}"
        if row["dataset_name"] != dataset:
            yield Breach(f"{place}/dataset_name", f"must be {dataset.value}")
            continue
        yield from _disclosure(
            facts, dataset, row["coverage_disclosure"], f"{place}/coverage_disclosure"
        )
        yield from _availability(facts, dataset, row, place)
        yield from _zero_coverage(facts, row, place)


def _availability(facts: _Facts, dataset: Dataset, row: Object, place: str) -> Iterator[Breach]:
    """State and reason follow from the evidence; what is available has no reason (P31)."""
    state, reason = row["availability_state"], row["missing_reason"]
    if (state, reason) not in _allowed(facts.cited.get(dataset)):
        yield Breach(f"{place}/availability_state", "does not follow from the evidence")
    if (row["reason_detail_text"] is None) is not (reason is None):
        yield Breach(
            f"{place}/reason_detail_text", "stands beside a missing_reason, and only there"
        )
    if row["coverage_percent"] != row["coverage_disclosure"]["completeness_percent"]:
        yield Breach(f"{place}/coverage_percent", "must be the completeness of its disclosure")


def _allowed(detail: Object | None) -> tuple[tuple[str, str | None], ...]:
    """Return the pairs of state and reason that a reading (or none) can lead to."""
    if detail is None:
        return (
            (Availability.MISSING, MissingReason.OUT_OF_SCOPE),
            (Availability.NOT_PERMITTED_BY_SCOPE, MissingReason.OUT_OF_SCOPE),
        )
    if detail["count"] is None:
        return ((Availability.NOT_PERMITTED_BY_SCOPE, MissingReason.PERMISSION_NOT_GRANTED),)
    if detail["covered"] < detail["visible"]:
        return ((Availability.PARTIAL, MissingReason.OUT_OF_SCOPE),)
    return ((Availability.AVAILABLE, None),)


def _zero_coverage(facts: _Facts, row: Object, place: str) -> Iterator[Breach]:
    """At 0 % the zero disclosure is required, and nowhere else is it allowed (P32)."""
    zero = row.get("mandatory_zero_disclosure")
    if (zero is not None) is not (row["coverage_percent"] == 0):
        yield Breach(f"{place}/mandatory_zero_disclosure", "stands at 0 % coverage, and only there")
    elif zero is not None:
        place = f"{place}/mandatory_zero_disclosure"
        yield from _instant_and_days(facts, zero, place)
        if zero["completeness_percent"] != 0:
            yield Breach(f"{place}/completeness_percent", "must be 0")
        reason = row["coverage_disclosure"].get("zero_value_reason", ZeroReason.OUT_OF_SCOPE)
        if zero.get("zero_value_reason") != reason:
            yield Breach(f"{place}/zero_value_reason", f"must be {reason}")
        if zero["confidence_level"] != Confidence.INSUFFICIENT_DATA:
            yield Breach(f"{place}/confidence_level", "must be INSUFFICIENT_DATA")


def _section_c(facts: _Facts) -> Iterator[Breach]:
    observations = facts.sections["C"]["observations"]
    if len(observations) != len(facts.cited):
        yield Breach("/sections/C/observations", "must hold one for each entry of the evidence")
        return
    for number, (name, each) in enumerate(zip(facts.cited, observations, strict=True)):
        dataset, place = Dataset(name), f"/sections/C/observations/{number}"
        if each["label"] != sentence.LABELS.get(dataset):
            yield Breach(f"{place}/label", "must be the label of its dataset")
        yield from _count(facts, dataset, each["value"], f"{place}/value")
        yield from _disclosure(facts, dataset, each["disclosure"], f"{place}/disclosure")


def _section_d(facts: _Facts) -> Iterator[Breach]:
    """A forecast rests on two cited readings and can be worked out again from them (P34)."""
    section, cited = facts.sections["D"], facts.document["evidence"]
    if section["forecast_available"] is not ("earlier" in cited):
        yield Breach("/evidence/earlier", "is cited for a forecast, and only for one")
        return
    if not section["forecast_available"]:
        return
    shown = section["forecast"]
    if "estimate" not in shown["disclaimer"]:
        yield Breach("/sections/D/forecast/disclaimer", 'must say "estimate"')
    try:
        expected = _forecast(facts.document)
    except ReportInvalid as error:
        yield Breach("/sections/D/forecast", error.message)
        return
    for name in sorted(shown.keys() - {"quantity", "disclaimer"}):
        if shown[name] != expected[name]:
            yield Breach(f"/sections/D/forecast/{name}", f"must be {expected[name]}")


def _forecast(document: Object) -> Object:
    """Work out the forecast from the two readings that are cited, or raise ReportInvalid."""
    cited = document["evidence"]
    readings = [
        reading_from(each["entry"])
        for each in (cited["earlier"], *cited["entries"])
        if each["entry"]["detail"]["dataset"] == DATASET
        and each["entry"]["detail"].keys() >= {"covered", "visible", "method"}
        and each["entry"]["detail"]["count"] is not None
    ]
    if len(readings) != 2:
        raise ReportInvalid("a forecast needs two counts of issues")
    earlier, later = readings
    return Forecast(earlier, later, parse_instant(document["generated_at"])).as_json()


def _count(facts: _Facts, dataset: Dataset, value: int | None, place: str) -> Iterator[Breach]:
    """A number is the one that was read; null is "not measured", never zero (P47)."""
    detail = facts.cited.get(dataset)
    expected = detail["count"] if detail is not None else None
    if value != expected:
        yield Breach(place, f"must be {expected}, as in the evidence")


def _disclosure(facts: _Facts, dataset: Dataset, shown: Object, place: str) -> Iterator[Breach]:
    """Completeness, confidence and zero reason follow from the evidence (P29, P30, P32, P33)."""
    yield from _instant_and_days(facts, shown, place)
    detail = facts.cited.get(dataset)
    is_measured = detail is not None and detail["count"] is not None
    percent = percent_of(detail["covered"], detail["visible"]) if detail and is_measured else 0
    if shown["completeness_percent"] != percent:
        yield Breach(f"{place}/completeness_percent", f"must be {percent}")
    has_gap = is_measured and detail and detail["method"] == CountMethod.APPROXIMATED_BY_PLATFORM
    confidence = confidence_of(percent, facts.days, is_measured=is_measured, has_gap=bool(has_gap))
    if shown["confidence_level"] != confidence:
        yield Breach(f"{place}/confidence_level", f"must be {confidence.value}")
    if shown.get("zero_value_reason") not in _zeros(detail):
        yield Breach(f"{place}/zero_value_reason", "does not follow from the evidence")


def _zeros(detail: Object | None) -> tuple[str | None, ...]:
    """Return the zero reasons that can stand beside a count."""
    if detail is None:
        return (ZeroReason.MEASUREMENT_NOT_YET_ENABLED, ZeroReason.OUT_OF_SCOPE)
    if detail["count"] is None:
        return (ZeroReason.OUT_OF_SCOPE,)
    if detail["count"] > 0:
        return (None,)
    is_whole = detail["covered"] == detail["visible"]
    return (ZeroReason.TRUE_ZERO if is_whole else ZeroReason.OUT_OF_SCOPE,)


def _instant_and_days(facts: _Facts, shown: Object, place: str) -> Iterator[Breach]:
    if shown["computed_at"] != facts.document["generated_at"]:
        yield Breach(f"{place}/computed_at", "must be generated_at")
    if shown["observation_window_days"] != facts.days:
        yield Breach(f"{place}/observation_window_days", f"must be {facts.days}, the days begun")


RULES: tuple[Callable[[_Facts], Iterator[Breach]], ...] = (
    _window,
    _section_a,
    _section_b,
    _section_c,
    _section_d,
)
