"""Reports for tests: made as the service makes them, signed with the tests' key."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from firstry.domain.claim import Claim
from firstry.domain.evidence import (
    Count,
    CountMethod,
    Dataset,
    Evidence,
    NotCollected,
    NotCollectedCause,
    NotPermitted,
    Reading,
)
from firstry.domain.ledger import Head, genesis
from firstry.domain.policy import Trigger
from firstry.domain.record import StoredReport
from firstry.domain.report.generate import generate
from firstry.domain.tenant import Tenant
from firstry.exports.key import TrustedKeys
from firstry.forge.jira import SOURCES
from support.domain import AUTO_12H, INSTALLED_AT, TENANT, at, reading, site_evidence
from support.signing import SIGNER

NOON = at(12)
HEAD = Head(3, genesis(TENANT).hash)
TRUSTED = TrustedKeys({SIGNER.key_id: SIGNER.point})


def claim_of(
    now: datetime = NOON,
    who: Tenant = TENANT,
    trigger: Trigger = AUTO_12H,
    revision: int = 1,
    installed_at: datetime = INSTALLED_AT,
    head: Head = HEAD,
) -> Claim:
    """Return a claim as it is handed to a generation."""
    return Claim(
        tenant=who,
        trigger=trigger,
        revision=revision,
        attempt=1,
        fence=1,
        decided_at=now,
        lease_until=now + timedelta(minutes=5),
        installed_at=installed_at,
        head=head,
    )


def signed(
    claim: Claim | None = None, evidence: Evidence | None = None, *earlier: Reading
) -> StoredReport:
    """Return a signed report, by default of a small site after 12 hours."""
    held = claim or claim_of()
    report = generate(held, evidence or site_evidence(), earlier)
    return replace(report, envelope=SIGNER.sign(report, held.head))


def document(report: StoredReport | None = None) -> Any:
    """Return the JSON document of a report, free to be changed."""
    return json.loads((report or signed()).body)


def smallest() -> StoredReport:
    """Return the smallest report there is: no dataset was asked for."""
    items = (NotCollected(each, NotCollectedCause.NOT_ENABLED) for each in Dataset)
    return signed(evidence=Evidence(tuple(items)))


def forecast_report() -> StoredReport:
    """Return a report after eight days, with a reading of the first day behind it."""
    method = CountMethod.APPROXIMATED_BY_PLATFORM
    first = reading(Dataset.ISSUES, 100, method=method, asked_at=at(12))
    now = at(24 * 8 + 12)
    evidence = site_evidence(reading(Dataset.ISSUES, 180, method=method, asked_at=now))
    return signed(claim_of(now, trigger=Trigger("MANUAL")), evidence, first)


def varied() -> dict[str, StoredReport]:
    """Return one report of each kind that there is, by a name."""
    all_but_rules = [each for each in Dataset if each is not Dataset.AUTOMATION_RULES]
    partial = reading(Dataset.ISSUES, 9, covered=1, visible=9)
    empty_part = reading(Dataset.ISSUES, 0, covered=0, visible=9)
    return {
        "as usual": signed(),
        "smallest": smallest(),
        "nothing may be seen": signed(
            evidence=site_evidence(*(reading(each, None) for each in all_but_rules))
        ),
        "all zero": signed(evidence=site_evidence(*(reading(each, 0) for each in all_but_rules))),
        "partial": signed(evidence=site_evidence(partial)),
        "an empty part": signed(evidence=site_evidence(empty_part)),
        "after 40 days": signed(claim_of(at(24 * 40, minutes=7))),
        "with a forecast": forecast_report(),
    }


def written(report: StoredReport, folder: Path, name: str = "report.json") -> Path:
    """Write a report and its envelope into `folder` as an export does; return its path."""
    path = folder / name
    path.write_bytes(report.body)
    path.with_name(f"{name}.dsse").write_bytes(report.envelope)
    return path


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of a document that holds no others, and where it stands."""

    place: str
    value: Any

    @property
    def key(self) -> str:
        """The last name of its place that is no number."""
        return next(part for part in reversed(self.place.split("/")) if not part.isdigit())


def leaves(value: Any, place: str = "") -> Iterator[Leaf]:
    """Yield every leaf of a document."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, f"{place}/{name}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from leaves(each, f"{place}/{number}")
    else:
        yield Leaf(place, value)


def real_site() -> Evidence:
    """Return evidence as a site of some size gives it, by the requests that are really asked."""
    counts: dict[Dataset, int | None] = {
        Dataset.PROJECTS: 37,
        Dataset.ISSUES: 48213,
        Dataset.CUSTOM_FIELDS: 164,
        Dataset.FIELDS: 211,
        Dataset.ISSUE_TYPES: 19,
        Dataset.STATUSES: 58,
        Dataset.PERMISSION_SCHEMES: None,
        Dataset.FILTERS: 902,
        Dataset.DASHBOARDS: 0,
    }
    asked = [source for source in SOURCES if source.dataset in counts]
    return site_evidence(
        *(
            Reading(
                source.dataset,
                source.request,
                source.scope,
                at(12, milliseconds=90 + 214 * number),
                403 if counts[source.dataset] is None else 200,
                _counted(source.dataset, counts[source.dataset]),
            )
            for number, source in enumerate(asked)
        )
    )


def _counted(dataset: Dataset, count: int | None) -> Count | NotPermitted:
    if count is None:
        return NotPermitted()
    method = CountMethod.COUNTED_BY_PLATFORM
    if dataset is Dataset.ISSUES:
        method = CountMethod.APPROXIMATED_BY_PLATFORM
    elif dataset in (Dataset.FIELDS, Dataset.ISSUE_TYPES, Dataset.STATUSES):
        method = CountMethod.READ
    return Count(count, count, count, method)
