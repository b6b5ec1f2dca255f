"""The same evidence gives the same bytes, the same envelope and the same page, always."""

import json
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from firstry.domain.canonical import canonical_bytes
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
from firstry.domain.ledger import Head
from firstry.domain.policy import Trigger
from firstry.domain.report.generate import generate
from firstry.domain.report.rule import judge
from firstry.domain.tenant import Tenant
from firstry.exports.verify import verify
from support.domain import INSTALLED_AT
from support.report import TRUSTED, claim_of
from support.signing import SIGNER

COUNTS = st.integers(0, 2**53 - 1) | st.integers(0, 50)
MOMENTS = st.integers(0, 90 * 86_400_000).map(
    lambda milliseconds: INSTALLED_AT + timedelta(milliseconds=milliseconds)
)


@st.composite
def counts(draw: st.DrawFn) -> Count:
    visible = draw(COUNTS)
    covered = draw(st.just(visible) | st.integers(0, visible))
    return Count(draw(COUNTS), covered, visible, draw(st.sampled_from(CountMethod)))


@st.composite
def items(draw: st.DrawFn, dataset: Dataset) -> Reading | NotCollected:
    if dataset is Dataset.AUTOMATION_RULES or draw(st.booleans()):
        return NotCollected(dataset, draw(st.sampled_from(NotCollectedCause)))
    answer = draw(counts() | st.just(NotPermitted()))
    status = 200 if isinstance(answer, Count) else 403
    path = draw(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
    return Reading(dataset, f"GET /{path}", "read:jira-work", draw(MOMENTS), status, answer)


EVIDENCE = st.tuples(*map(items, Dataset)).map(Evidence)
CLAIMS = st.builds(
    claim_of,
    now=MOMENTS,
    who=st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True).map(Tenant.from_row),
    trigger=st.from_regex(r"[A-Z0-9_]{1,40}", fullmatch=True).map(Trigger),
    revision=st.integers(1, 10**6),
    head=st.builds(Head, st.integers(1, 10**9), st.just("sha256:" + "5" * 64)),
)


@settings(max_examples=1000, deadline=None)
@given(CLAIMS, EVIDENCE)
def test_the_same_evidence_gives_the_same_bytes(claim: Claim, evidence: Evidence) -> None:
    """CONTRACT 5, I3. Whatever was read, the report is also valid, canonical and verifiable."""
    once = generate(claim, evidence)
    again = generate(
        replace(claim, fence=claim.fence + 7, attempt=3),
        Evidence(tuple(replace(item) for item in evidence.items)),
    )
    assert (once.body, once.digest) == (again.body, again.digest)
    envelope = SIGNER.sign(once, claim.head)
    assert envelope == SIGNER.sign(again, claim.head)
    parsed = json.loads(once.body)
    assert judge(parsed).breaches() == ()
    assert canonical_bytes(parsed) == once.body
    assert verify(once.body, envelope, TRUSTED).holds
