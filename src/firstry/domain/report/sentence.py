"""Every sentence and heading of a report, in one place.

They state what was done and seen. They hold no advice, no judgement, no change
over time, no comparison: the language guard of the report contract applies to
all of them. Numbers are never part of a sentence's fixed text (P28).
"""

from collections.abc import Iterator, Mapping
from itertools import product

from firstry.domain.evidence import CountMethod, Dataset, NotCollectedCause

HEADINGS = {
    "A": "A) WHAT WE COLLECTED",
    "B": "B) COVERAGE DISCLOSURE",
    "C": "C) PRELIMINARY OBSERVATIONS",
    "D": "D) FORECAST",
}

_COUNTED = {
    CountMethod.COUNTED_BY_PLATFORM: (
        "Counted by Jira, not read: the number that Jira gave for the {items} "
        "that the app's user can see."
    ),
    CountMethod.APPROXIMATED_BY_PLATFORM: (
        "Approximate, counted by Jira, not read: the number that Jira gave for the {items} "
        "that the app's user can see."
    ),
    CountMethod.READ: (
        "Read from Jira: the {items} that Jira listed for the app's user were counted one by one."
    ),
}
_PARTIAL = " The answer covers a part of what the app's user can see."
_ZERO = " Jira was asked and answered zero."
NOT_PERMITTED = (
    "Not measured: Jira answered that the app has no permission to see the {items} of this site."
)
_NOT_COLLECTED = {
    NotCollectedCause.NOT_ENABLED: (
        "Not measured: collecting {items} is not enabled in this version or configuration."
    ),
    NotCollectedCause.NO_SUPPORTED_SOURCE: (
        "Not measured: Jira offers no supported way for an app to read {items}. "
        "Their execution is NOT_YET_MEASURABLE."
    ),
}
ZERO_COVERAGE = (
    "Zero percent speaks of the data that was available to the app, not of the quality of the site."
)
FORECAST_UNAVAILABLE = (
    "No forecast: a forecast needs two readings of the same dataset at least 7 days apart, "
    "and the observation window of this report does not hold them."
)

FORECAST_QUANTITY = "Issues visible to the app's user 7 days after the later of two readings"
FORECAST_DISCLAIMER = (
    "This number is an estimate, not a reading. It assumes that in the 7 days after the later of "
    "two readings the count changes as it did between them. Both readings are cited."
)

_ITEMS = {dataset: dataset.value.lower() for dataset in Dataset}

LABELS: Mapping[Dataset, str] = {
    dataset: f"{dataset.value} visible to the app's user"
    for dataset in Dataset
    if dataset is not Dataset.AUTOMATION_RULES
}


def counted(dataset: Dataset, method: CountMethod, *, is_partial: bool, is_zero: bool) -> str:
    """Return the sentence beside a number that was obtained."""
    text = _COUNTED[method].format(items=_ITEMS[dataset])
    return text + (_PARTIAL if is_partial else "") + (_ZERO if is_zero else "")


def not_permitted(dataset: Dataset) -> str:
    """Return the sentence beside a number that the app may not see."""
    return NOT_PERMITTED.format(items=_ITEMS[dataset])


def not_collected(dataset: Dataset, cause: NotCollectedCause) -> str:
    """Return the sentence beside a number that nobody asked for."""
    return _NOT_COLLECTED[cause].format(items=_ITEMS[dataset])


def catalogue() -> Iterator[str]:
    """Yield every sentence, heading and label that a report can hold."""
    yield from HEADINGS.values()
    yield from LABELS.values()
    yield from (ZERO_COVERAGE, FORECAST_UNAVAILABLE, FORECAST_QUANTITY, FORECAST_DISCLAIMER)
    for dataset in Dataset:
        yield not_permitted(dataset)
        yield from (not_collected(dataset, cause) for cause in NotCollectedCause)
        for method in CountMethod:
            for is_partial, is_zero in product((False, True), repeat=2):
                yield counted(dataset, method, is_partial=is_partial, is_zero=is_zero)
