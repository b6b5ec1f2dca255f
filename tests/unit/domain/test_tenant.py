"""A tenant exists only where its identity is certain (contract A, I9)."""

import pytest

from firstry.domain.errors import InputInvalid, TenantUnavailable
from firstry.domain.tenant import Tenant, parse_cloud_id

UUID = "11111111-2222-4333-8444-55555555abcd"


@pytest.mark.parametrize(
    "text", ["a", "A", "0", "_", "-", UUID, "site_1-B", "x" * 128, "nullable", "unknown-site"]
)
def test_a_well_formed_cloud_id_is_kept_letter_by_letter(text: str) -> None:
    assert parse_cloud_id(text) == text


def test_a_uuid_is_lower_cased() -> None:
    """P21: one site never gets two keys."""
    assert parse_cloud_id(UUID.upper()) == UUID


@pytest.mark.parametrize("text", [f"{UUID.upper()}0", UUID.upper()[1:], UUID.upper() + "-1"])
def test_only_a_whole_uuid_is_lower_cased(text: str) -> None:
    """P20: two sites never fall into one id."""
    assert parse_cloud_id(text) == text


@pytest.mark.parametrize("text", ["", " ", "   ", "\t", "\n"])
def test_nothing_is_no_cloud_id(text: str) -> None:
    """P23: a blank tenant is refused, not given a name."""
    assert parse_cloud_id(text) is None


@pytest.mark.parametrize("word", ["null", "undefined", "none", "unknown"])
@pytest.mark.parametrize("cased", [str.lower, str.upper, str.title])
def test_words_that_stand_for_nothing_are_no_cloud_ids(word: str, cased: type[str]) -> None:
    """P13: a missing cloudId never becomes the text "null"."""
    assert parse_cloud_id(cased(word)) is None


@pytest.mark.parametrize(
    "value",
    [
        "x" * 129,
        " a",
        "a ",
        "a\n",
        "a\x00",
        "a b",
        "a/b",
        "a:b",
        "a.b",
        "ä",
        "１２",
        "ari:cloud:jira::site/1",
        f"{{{UUID}}}",
        "a\u200b",
    ],
)
def test_a_malformed_cloud_id_is_refused(value: str) -> None:
    """P24: nothing longer than the limit, nothing a key may not hold."""
    assert parse_cloud_id(value) is None


@pytest.mark.parametrize("value", [None, 1, True, b"site", ["site"], {"cloudId": "site"}, 1.5])
def test_only_text_is_a_cloud_id(value: object) -> None:
    """P13: no other type is written out as text."""
    assert parse_cloud_id(value) is None


@pytest.mark.parametrize(
    ("claimed", "named"),
    [
        (["site"], []),
        (["site", "site"], []),
        (["site"], ["site"]),
        (["site", "site", "site"], ["site", "site"]),
    ],
)
def test_claims_that_agree_name_the_tenant(claimed: list[object], named: list[object]) -> None:
    assert Tenant.from_claims(claimed, named).cloud_id == "site"


def test_claims_agree_whatever_case_their_uuid_has() -> None:
    """P21: the place that carries the id does not matter."""
    assert Tenant.from_claims([UUID, UUID.upper()], [UUID.upper()]).cloud_id == UUID


@pytest.mark.parametrize(
    ("claimed", "named", "said"),
    [
        ([], [], "no cloudId"),
        ([], ["site"], "no cloudId"),
        ([""], [], "empty or malformed"),
        (["   "], [], "empty or malformed"),
        ([None], [], "empty or malformed"),
        (["null"], ["null"], "empty or malformed"),
        (["site", ""], [], "empty or malformed"),
        (["site", None], [], "empty or malformed"),
        (["site", "other"], [], "different cloudIds"),
        (["site", "Site"], [], "different cloudIds"),
        (["site"], ["other"], "another cloudId"),
        (["site"], ["site", "other"], "another cloudId"),
        (["site"], [""], "another cloudId"),
        (["site"], [None], "another cloudId"),
        (["site"], [1], "another cloudId"),
    ],
)
def test_claims_that_are_not_certain_are_refused(
    claimed: list[object], named: list[object], said: str
) -> None:
    """P13, P21, P23: the body may repeat the cloudId, never decide it."""
    with pytest.raises(TenantUnavailable, match=said) as refused:
        Tenant.from_claims(claimed, named)
    assert refused.value.code == "TENANT_CONTEXT_UNAVAILABLE"
    assert not refused.value.retryable


def test_a_refusal_names_no_tenant() -> None:
    with pytest.raises(TenantUnavailable) as refused:
        Tenant.from_claims(["site-of-a"], ["site-of-b"])
    assert "site-of" not in str(refused.value) + refused.value.remedy


def test_an_operator_names_a_tenant() -> None:
    assert Tenant.from_operator(UUID.upper()).cloud_id == UUID


@pytest.mark.parametrize("text", ["", " site", "unknown", "a/b"])
def test_an_operator_is_told_what_a_cloud_id_is(text: str) -> None:
    with pytest.raises(InputInvalid) as refused:
        Tenant.from_operator(text)
    assert repr(text) in refused.value.message
    assert "1-128" in refused.value.remedy


def test_a_stored_tenant_is_the_tenant_that_was_stored() -> None:
    assert Tenant.from_row("Site") == Tenant.from_operator("Site")
    assert Tenant.from_row("Site") != Tenant.from_row("site")
