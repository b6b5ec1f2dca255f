"""A form of the console is good for one session, one path and an hour; a role is asked for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from firstry.domain.access import Role, RoleInsufficient
from firstry.domain.console_session import (
    FORM_LIFE,
    IDLE,
    LONGEST,
    SECRET_BYTES,
    SEEN_NOTE_INTERVAL,
    ConsoleSession,
    FormRefused,
    opened_form,
    sealed_form,
    session_digest,
    session_secret,
)
from support.domain import INSTALLED_AT, MOMENT, at

SECRET = session_secret(bytes(32))
OTHER = session_secret(bytes([1] * 32))
PATH = "/console/tenants/site/retry"
CHANCE = bytes(range(16))
FORM = sealed_form(SECRET, PATH, CHANCE, INSTALLED_AT)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("after", [timedelta(), MOMENT, HOUR - MOMENT])
def test_a_form_opens_for_an_hour(after: timedelta) -> None:
    assert opened_form(SECRET, PATH, FORM, INSTALLED_AT + after) == session_digest(FORM)


@pytest.mark.parametrize("after", [HOUR, 2 * HOUR, -MOMENT])
def test_a_form_is_refused_from_its_hour_on_and_before_it_was_shown(after: timedelta) -> None:
    assert FORM_LIFE == HOUR
    with pytest.raises(FormRefused, match="too old"):
        opened_form(SECRET, PATH, FORM, INSTALLED_AT + after)


@pytest.mark.parametrize(
    ("secret", "path", "word"),
    [
        (OTHER, PATH, FORM),
        (SECRET, PATH + "/", FORM),
        (SECRET, PATH, FORM[:-1]),
        (SECRET, PATH, "9" + FORM[1:]),
        (SECRET, PATH, ""),
        (SECRET, PATH, "\u00e4.b.c"),
    ],
    ids=["another session", "another path", "a cut seal", "another time", "nothing", "no ASCII"],
)
def test_a_form_of_something_else_is_refused(secret: str, path: str, word: str) -> None:
    with pytest.raises(FormRefused, match="does not belong to this session"):
        opened_form(secret, path, word, INSTALLED_AT)


def test_two_forms_are_spent_under_two_digests() -> None:
    """Each form has a random word, so one that was sent twice is known by it."""
    twin = sealed_form(SECRET, PATH, CHANCE[::-1], INSTALLED_AT)
    digests = {opened_form(SECRET, PATH, each, INSTALLED_AT) for each in (FORM, twin)}
    assert len(digests) == 2
    assert session_digest(SECRET) not in digests


def test_a_session_is_refused_what_its_role_may_not() -> None:
    session = ConsoleSession(
        session_digest(SECRET), "ann", Role.OPERATOR, None, INSTALLED_AT, INSTALLED_AT, at(12)
    )
    session.refuse_unless_may(Role.OPERATOR)
    replace(session, role=Role.ADMIN).refuse_unless_may(Role.OPERATOR)
    with pytest.raises(RoleInsufficient, match="you are signed in as operator"):
        session.refuse_unless_may(Role.ADMIN)


def test_how_long_a_session_lasts() -> None:
    """docs/console.md; that it was used is written more often than it could end by."""
    assert (LONGEST, IDLE) == (12 * HOUR, HOUR)
    assert timedelta(minutes=1) == SEEN_NOTE_INTERVAL < IDLE


def test_a_session_is_256_bits_of_chance() -> None:
    assert SECRET_BYTES * 8 == 256
    assert len(session_secret(bytes(SECRET_BYTES))) == 43
