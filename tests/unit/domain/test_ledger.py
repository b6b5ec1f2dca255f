"""The ledger: a chain that shows every change, and belongs to one tenant (I15)."""

import hashlib
from dataclasses import replace

import pytest
import rfc8785

from firstry.domain.canonical import canonical_bytes, digest_of
from firstry.domain.ledger import (
    ERASED,
    OPERATOR,
    SCHEDULER,
    Entry,
    Head,
    SealedEntry,
    erased_entry,
    first_break,
    genesis,
    seal,
)
from support.domain import TENANT, at, tenant

ENTRIES = [Entry("CLAIMED", at(12, number), SCHEDULER, {"attempt": number}) for number in range(5)]
CHAIN, HEAD = seal(genesis(TENANT), ENTRIES)


def test_an_entry_is_stored_as_its_canonical_bytes() -> None:
    entry = Entry("RETRY_REQUESTED", at(13), OPERATOR, {"reason": "ö", "a": 1})
    assert (
        entry.canonical()
        == (
            '{"actor":"operator","at":"2026-01-01T13:00:00.000Z",'
            '"detail":{"a":1,"reason":"ö"},"kind":"RETRY_REQUESTED"}'
        ).encode()
    )


def test_the_order_in_which_details_were_given_does_not_show() -> None:
    one = Entry("X", at(1), SCHEDULER, {"a": 1, "b": 2})
    other = Entry("X", at(1), SCHEDULER, {"b": 2, "a": 1})
    assert one.canonical() == other.canonical()


@pytest.mark.parametrize("value", [2**53 + 1, float("nan"), float("inf")])
def test_what_json_cannot_say_exactly_is_refused(value: float) -> None:
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical_bytes({"count": value})


def test_a_digest_names_its_algorithm() -> None:
    assert digest_of(b"abc") == "sha256:" + hashlib.sha256(b"abc").hexdigest()


def test_an_empty_chain_is_whole() -> None:
    assert first_break(TENANT, (), genesis(TENANT)) is None
    assert seal(genesis(TENANT), []) == ((), genesis(TENANT))


def test_a_sealed_chain_is_whole_and_counts_from_one() -> None:
    assert [entry.sequence for entry in CHAIN] == [1, 2, 3, 4, 5]
    assert (HEAD.sequence, HEAD.hash) == (5, CHAIN[-1].hash)
    assert first_break(TENANT, CHAIN, HEAD) is None


def sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_a_stranger_can_work_out_every_hash() -> None:
    """Hashes are over stored canonical entries, each bound to its place and to its past."""
    expected = sha256(f"firstry ledger v1\n{TENANT.cloud_id}")
    assert genesis(TENANT) == Head(0, expected)
    for number, entry in enumerate(CHAIN, start=1):
        expected = sha256(f"{expected}\n{number}\n{sha256(entry.body.decode())}\n")
        assert entry.hash == expected


def test_sealing_piece_by_piece_gives_the_same_chain() -> None:
    first, head = seal(genesis(TENANT), ENTRIES[:2])
    rest, end = seal(head, ENTRIES[2:])
    assert (first + rest, end) == (CHAIN, HEAD)


def test_an_entry_is_cited_by_its_own_bytes_wherever_it_stands() -> None:
    (alone,), _ = seal(genesis(tenant(1)), ENTRIES[3:4])
    assert alone.entry_hash == CHAIN[3].entry_hash == digest_of(ENTRIES[3].canonical())
    assert alone.hash != CHAIN[3].hash


def test_a_chain_belongs_to_one_tenant() -> None:
    assert first_break(tenant(1), CHAIN, HEAD) == 1
    assert genesis(tenant(1)) != genesis(TENANT)


def _without(position: int) -> list[SealedEntry]:
    return [*CHAIN[:position], *CHAIN[position + 1 :]]


def _with(position: int, **changed: object) -> list[SealedEntry]:
    chain = list(CHAIN)
    chain[position] = replace(chain[position], **changed)  # type: ignore[arg-type]
    return chain


@pytest.mark.parametrize(
    ("chain", "breaks_at"),
    [
        (_with(0, body=CHAIN[0].body + b" "), 1),
        (_with(2, body=CHAIN[3].body), 3),
        (_with(2, hash=CHAIN[3].hash), 3),
        (_with(2, sequence=4), 3),
        (_with(4, body=b"{}"), 5),
        (_without(0), 1),
        (_without(2), 3),
        (_without(4), 5),
        ([CHAIN[1], CHAIN[0], *CHAIN[2:]], 1),
        ([*CHAIN, CHAIN[4]], 6),
        ([], 1),
    ],
)
def test_a_chain_that_was_touched_breaks_where_it_was_touched(
    chain: list[SealedEntry], breaks_at: int
) -> None:
    assert first_break(TENANT, chain, HEAD) == breaks_at


@pytest.mark.parametrize("head", [Head(5, "sha256:0"), Head(4, HEAD.hash), Head(6, HEAD.hash)])
def test_a_head_that_is_not_the_end_of_the_chain_is_found(head: Head) -> None:
    assert first_break(TENANT, CHAIN, head) == 6


def test_entries_that_were_added_unseen_are_found() -> None:
    (more,), _ = seal(HEAD, ENTRIES[:1])
    assert first_break(TENANT, [*CHAIN, more], HEAD) == 7


TOLD, TOLD_HEAD = seal(HEAD, [Entry(ERASED, at(9), OPERATOR, {"reason": "why", "until": 5})])
GONE = [erased_entry(entry) for entry in CHAIN]


def test_a_chain_whose_beginning_was_erased_still_verifies() -> None:
    """I17: its hashes are kept, and the entry behind it tells of it."""
    assert [entry.entry_hash for entry in GONE] == [entry.entry_hash for entry in CHAIN]
    assert first_break(TENANT, [*GONE, *TOLD], TOLD_HEAD) is None
    assert [erased_entry(entry) for entry in GONE] == GONE


@pytest.mark.parametrize(
    ("chain", "breaks_at"),
    [
        ([*GONE[:4], CHAIN[4], *TOLD], 1),
        ([CHAIN[0], *GONE[1:], *TOLD], 2),
        ([*CHAIN[:4], GONE[4], *TOLD], 5),
        ([*GONE[:2], replace(GONE[2], erased_hash="sha256:0"), *GONE[3:], *TOLD], 3),
        ([*GONE, replace(TOLD[0], body=b"{}")], 1),
        ([*GONE, replace(TOLD[0], body=b"[]")], 1),
        ([*GONE, replace(TOLD[0], body=b"\xff")], 1),
        ([*GONE, erased_entry(TOLD[0])], 1),
        (GONE, 1),
    ],
)
def test_what_lost_its_content_without_an_erasure_is_a_break(
    chain: list[SealedEntry], breaks_at: int
) -> None:
    """I15, I17."""
    assert first_break(TENANT, chain, TOLD_HEAD) == breaks_at
