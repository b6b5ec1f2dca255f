"""The words that a rendering adds to a report, in one place.

They explain and name; they hold no number of a site and nothing that the
language guard forbids, which reads all of them (CONTRACT 5). `exports.catalogue`
takes them from here for translation: each sentence is whole, none is put together.
"""

from collections.abc import Iterator, Mapping

TITLE = "Trust report"
LEAD = "What an app could count on one Jira site, how it was counted, and how much it covers."

WHAT_IT_IS = "What this is, and what it is not"
WHAT_IT_IS_TEXT = (
    (
        "This report states what the app asked Jira during one observation window and what "
        "Jira answered. It is made by one procedure, the same for every site, from the "
        "recorded answers; beside every number stands how much it covers, and it is signed "
        "when it is made."
    ),
    (
        "It is not an audit, a rating or a certificate. It discloses and does not judge: it "
        "gives no advice, draws no conclusion, and says nothing of people or of how they "
        "work."
    ),
)

COUNTS = "Counts"
COVERAGE = "Coverage"
COVERAGE_TEXT = "Each dataset by its state. Section B discloses each of them."

VERIFY = "How to verify"
VERIFY_TEXT = (
    (
        "This page is for reading. The signed report is the JSON file, and its signature the "
        "envelope beside it; a PDF carries both. With them and the public key anybody can check "
        "either, offline and without us:"
    ),
    (
        "Get firstry-keys.json from the publisher of the app, not from whoever handed you this "
        "page. docs/verify.md does the same with openssl alone."
    ),
)

METHOD = "Method"
METHOD_TEXT = (
    "Every request that this report rests on: what was asked (of a list in pages, the first), the "
    "scope that it needs, when, and how the count was read from the answer. None of them changes "
    "anything in Jira."
)
COUNTED = {
    "COUNTED_BY_PLATFORM": "Counted by Jira, not read",
    "APPROXIMATED_BY_PLATFORM": "Approximate, counted by Jira, not read",
    "READ": "Read, and counted one by one",
}
NO_COUNT = "No count: Jira answered that the app has no permission"

EVIDENCE = "Evidence"
EVIDENCE_TEXT = (
    "Each answer is kept as an entry of the site's ledger. An entry's hash is the SHA-256 of its "
    "canonical JSON, which the report holds in full. The ledger head anchors the chain of all "
    "entries up to the moment at which this report was begun."
)
EARLIER = "Earlier reading of issues, for the forecast"

LIMITS = "Limits"
LIMITS_POINTS = (
    (
        "A dataset that is not available was not observed in the data covered. Nothing follows "
        "from that about whether the site has it."
    ),
    "A count holds what Jira shows to the app's user. What that user may not see is not in it.",
    "Numbers that Jira counted were not counted again by the app.",
    (
        "The datasets were asked for one after the other, not at one instant. Method gives the "
        "instant of each request."
    ),
    (
        "A definition may be visible where its execution is not: the execution of automation "
        "rules is NOT_YET_MEASURABLE."
    ),
    (
        "A signature proves that the report was not changed since it was made, and by which "
        "key. It does not prove that Jira's answers were complete or right."
    ),
)

WHERE_DATA_GOES = "Where data goes"
WHERE_DATA_GOES_POINTS = (
    "The app's service sends its requests to Atlassian's API for this site.",
    (
        "It keeps the counts, what was asked and when, the status of each answer, and this "
        "report. It does not keep names, texts, users or issues."
    ),
    (
        "The report goes to those who export it. Opening this page loads nothing and tells "
        "nobody: it holds no script, no image and no address to call."
    ),
)

CARRIED_REPORT = "The signed report, exactly as it was stored"
CARRIED_ENVELOPE = "The envelope: the signature of the report"

FOOTER = "This report discloses. It does not judge."
WRITTEN_BY_NUMBER = (
    "A character that the fonts of this page do not hold is written by its number, as \\u and its "
    "code point."
)
NOT_MEASURED = "not measured"

SITE = "Site"
TRIGGER = "Trigger"
GENERATED_AT = "Generated at"
INSTALLATION = "Installation detected at"
WINDOW_FROM = "Observation window from"
WINDOW_TO = "Observation window to"
WINDOW_HOURS = "Observation window, hours"
REPORT_ID = "Report id"
SCHEMA = "Schema version"
DIGEST = "SHA-256 of the JSON"
KEY = "Signed with key"

COLLECTED = {
    "projects_scanned": "Projects scanned",
    "issues_scanned": "Issues scanned",
    "fields_detected": "Fields detected",
}
COMPLETENESS = "Completeness, %"
WINDOW_DAYS = "Days begun"
CONFIDENCE = "Confidence"
ZERO_REASON = "Zero reason"
COMPUTED_AT = "Computed at"
STATE = "State"
COVERAGE_PERCENT = "Coverage, %"
MISSING_REASON = "Missing reason"
REASON_DETAIL = "Reason"
ZERO_COVERAGE = "What zero percent says"
FORECAST_AVAILABLE = "Forecast available"
FORECAST_REASON = "Reason"
FORECAST_TYPE = "Forecast type"
FORECAST_DAYS = "Days between the readings"
IMMUTABLE = "Immutable"
RESTS_ON = "Rests on entry"
REQUEST = "Request"
SCOPE = "Scope"
ASKED_AT = "Asked at"
STATUS = "HTTP status"
HOW = "How the count came about"
METHOD_NAME = "Count method"
COVERED = "Covered"
VISIBLE = "Visible"
DATASET = "Dataset"
ENTRY_HASH = "Entry hash"
ENTRY_KIND = "Kind"
ENTRY_ACTOR = "Written by"
LEDGER_SEQUENCE = "Ledger head, sequence"
LEDGER_HASH = "Ledger head, hash"
YES, NO = "yes", "no"


def catalogue() -> Iterator[str]:
    """Yield every text of this module, as it stands."""
    for name, value in globals().items():
        if name.isupper():
            yield from _texts(value)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, tuple):
        yield from value
