"""Who may use the operators' API: what a role allows, and when a token is good."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from firstry.domain.access import (
    SECRET_BYTES,
    USE_NOTE_INTERVAL,
    AccessDenied,
    ApiToken,
    Role,
    RoleInsufficient,
    parse_name,
    parse_role,
    secret_digest,
    secret_text,
)
from firstry.domain.errors import InputInvalid
from support.domain import INSTALLED_AT, MOMENT, at

TOKEN = ApiToken("t-1", "ops-laptop", Role.OPERATOR, INSTALLED_AT)
SECRET = "firstry_" + "A" * 43


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("needed", Role)
def test_a_role_may_do_what_it_and_the_ones_before_it_may(role: Role, needed: Role) -> None:
    allowed = {
        Role.VIEWER: {Role.VIEWER},
        Role.OPERATOR: {Role.VIEWER, Role.OPERATOR},
        Role.ADMIN: set(Role),
    }
    is_allowed = needed in allowed[role]
    token = replace(TOKEN, role=role)
    assert role.may(needed) is is_allowed
    if is_allowed:
        token.refuse_unless_may(needed)
        return
    with pytest.raises(RoleInsufficient, match=f"needs the role {needed}"):
        token.refuse_unless_may(needed)


def test_a_token_without_an_end_is_good_for_ever() -> None:
    TOKEN.refuse_unless_good(INSTALLED_AT + timedelta(days=4000))


def test_the_end_of_a_token_is_exclusive() -> None:
    token = replace(TOKEN, expires_at=at(12))
    token.refuse_unless_good(at(12) - MOMENT)
    for now in (at(12), at(12) + MOMENT):
        with pytest.raises(AccessDenied, match="t-1 has expired"):
            token.refuse_unless_good(now)


def test_a_revoked_token_is_never_good_again() -> None:
    token = replace(TOKEN, revoked_at=at(1), expires_at=at(12))
    with pytest.raises(AccessDenied, match="t-1 was revoked"):
        token.refuse_unless_good(at(2))


def test_the_last_use_of_a_token_is_known_to_the_minute() -> None:
    assert timedelta(minutes=1) == USE_NOTE_INTERVAL


def test_a_secret_is_256_bits_of_chance_and_its_digest_says_nothing_of_it() -> None:
    """I16: the token has its own shape, so that a leaked one is found by a search."""
    assert SECRET_BYTES * 8 == 256
    secret = secret_text(bytes(range(255, 255 - SECRET_BYTES, -1)))
    assert re.fullmatch(r"firstry_[A-Za-z0-9_-]{43}", secret)
    digest = secret_digest(secret)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
    assert secret_digest(secret_text(bytes(SECRET_BYTES))) != digest


@pytest.mark.parametrize(
    "text", ["", SECRET[:-1], SECRET + "A", SECRET[1:], f" {SECRET}", "A" * 51]
)
def test_what_has_not_the_shape_of_a_token_opens_nothing(text: str) -> None:
    with pytest.raises(AccessDenied, match="no token of this service"):
        secret_digest(text)


@pytest.mark.parametrize("text", ["a", "7", "ops-laptop", "Ann B.", "a@b.example", "x" * 60])
def test_a_name_for_a_token_is_kept_as_it_is(text: str) -> None:
    assert parse_name(text) == text


@pytest.mark.parametrize("text", ["", " a", ".a", "x" * 61, "a\n", "a<b>", "\u00e4"])
def test_what_is_no_name_for_a_token(text: str) -> None:
    with pytest.raises(InputInvalid, match="is no name for a token"):
        parse_name(text)


def test_a_role_is_named_by_its_word() -> None:
    assert parse_role("operator") is Role.OPERATOR
    with pytest.raises(InputInvalid, match="'root' is no role") as refused:
        parse_role("root")
    assert "viewer, operator, admin" in refused.value.remedy
