"""Sessions of the console over real HTTP: how they begin, what keeps them, how they end."""

import re
from datetime import timedelta

import pytest

from firstry.domain.access import Role
from firstry.domain.console_session import IDLE, LONGEST
from firstry.domain.instant import from_milliseconds, iso
from firstry.web.console.limit import MOST_OF_ADDRESS, SPAN
from support.console import SIGN_IN, Browser, form_in, signed_in, visitor
from support.operator_call import operator
from support.service import World
from support.wire import Answer

COOKIE = "__Host-firstry"


def _asked_to_sign_in(answer: Answer) -> bool:
    return answer.status == 303 and answer.headers["location"].startswith(SIGN_IN)


def test_nobody_is_sent_to_sign_in_and_comes_back(world: World) -> None:
    person = operator(world)
    browser = visitor(world)
    answer = browser.get("/console/tenants?filter=state%3Dbackoff%20backoff%3E2h")
    assert answer.status == 303
    page = browser.page(answer.headers["location"])
    form = form_in(page, SIGN_IN)
    assert form["to"] == "/console/tenants?filter=state%3Dbackoff%20backoff%3E2h"
    assert person.secret is not None
    back = browser.post(SIGN_IN, form | {"token": person.secret})
    assert (back.status, back.headers["location"]) == (303, form["to"])
    assert browser.get(form["to"]).status == 200


@pytest.mark.parametrize(
    "to",
    [
        "https://elsewhere.example/console",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "/console\\..\\elsewhere",
        "/consolation",
        "/forge/tick",
        "javascript:alert(1)",
        "/console\r\nset-cookie: a=b",
        "",
    ],
)
def test_one_comes_back_to_the_console_only(world: World, to: str) -> None:
    person = operator(world)
    assert person.secret is not None
    answer = visitor(world).sign_in(person.secret, to)
    assert (answer.status, answer.headers["location"]) == (303, "/console")


def test_the_cookie_is_as_strict_as_can_be(world: World) -> None:
    person = operator(world)
    assert person.secret is not None
    answer = visitor(world).sign_in(person.secret)
    name, _, rest = answer.headers["set-cookie"].partition("=")
    secret, *rules = rest.split("; ")
    assert name == COOKIE
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", secret)
    assert rules == ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"]
    held = world.database.files()
    assert not [name for name, content in held.items() if secret.encode() in content]
    assert person.secret.encode() not in b"".join(held.values())


def test_a_session_is_a_new_one_with_each_sign_in(world: World) -> None:
    """A planted cookie opens nothing, and the browser's former session ends."""
    person = operator(world)
    assert person.secret is not None
    browser = visitor(world)
    browser.cookies[COOKIE] = "A" * 43
    browser.sign_in(person.secret)
    first = browser.cookies[COOKIE]
    assert first != "A" * 43
    browser.cookies.pop(COOKIE)
    browser.page(SIGN_IN)
    browser.cookies[COOKIE] = "B" * 43
    page = browser.page(SIGN_IN)
    browser.cookies[COOKIE] = first
    browser.post(SIGN_IN, form_in(page, SIGN_IN) | {"token": person.secret})
    second = browser.cookies[COOKIE]
    assert second not in ("B" * 43, first)
    assert browser.get("/console").status == 200
    old = Browser(browser.port, {COOKIE: first})
    assert _asked_to_sign_in(old.get("/console"))
    assert world.database.count("console_session") == 1


def test_signing_out_ends_it_for_ever(world: World) -> None:
    browser = signed_in(world)
    secret = browser.cookies[COOKIE]
    answer = browser.submit("/console", "/console/sign-out")
    assert (answer.status, answer.headers["location"]) == (303, f"{SIGN_IN}?out=yes")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert world.database.count("console_session") == 0
    kept = Browser(browser.port, {COOKIE: secret})
    assert _asked_to_sign_in(kept.get("/console"))
    assert "You are signed out" in visitor(world).page(f"{SIGN_IN}?out=yes")
    entries = operator(world, Role.VIEWER).got("/ledger")["entries"]
    told = [(e["kind"], e["actor"]) for e in entries if e["kind"].startswith("CONSOLE")]
    assert told == [
        ("CONSOLE_SESSION_ENDED", "operator:operator-1"),
        ("CONSOLE_SESSION_BEGUN", "operator:operator-1"),
    ]


def test_a_revoked_token_ends_its_sessions_at_once(world: World) -> None:
    browser = signed_in(world)
    assert browser.get("/console").status == 200
    (token,) = world.command("tokens", "list", "--json").json()["tokens"]
    assert world.command("tokens", "revoke", token["token_id"]).code == 0
    assert _asked_to_sign_in(browser.get("/console"))


def test_so_does_the_tokens_end(world: World) -> None:
    made = world.command(
        "tokens", "create", "--name", "short", "--role", "viewer", "--expires", "300d", "--json"
    ).json()
    (row,) = world.database.rows("SELECT expires_at FROM api_token")
    end = from_milliseconds(row["expires_at"])
    world.clock.advance(seconds=(end - world.now()).total_seconds() - 60)
    browser = visitor(world)
    browser.sign_in(made["token"])
    assert browser.get("/console").status == 200
    world.clock.advance(seconds=60)
    assert _asked_to_sign_in(browser.get("/console"))


def test_an_idle_session_ends_and_a_used_one_goes_on(world: World) -> None:
    browser = signed_in(world)
    for _ in range(3):
        world.clock.advance(minutes=59)
        assert browser.get("/console").status == 200
    world.clock.advance(seconds=IDLE.total_seconds())
    assert _asked_to_sign_in(browser.get("/console"))


def test_no_session_is_longer_than_half_a_day(world: World) -> None:
    browser, began = signed_in(world), world.now()
    while world.now() + timedelta(minutes=50) < began + LONGEST:
        world.clock.advance(minutes=50)
        assert browser.get("/console").status == 200
    world.clock.advance(minutes=50)
    assert _asked_to_sign_in(browser.get("/console"))


def test_use_is_noted_once_a_minute(world: World) -> None:
    browser = signed_in(world)
    rows = world.database.rows("SELECT seen_at FROM console_session")
    world.clock.advance(seconds=59)
    browser.get("/console")
    assert world.database.rows("SELECT seen_at FROM console_session") == rows
    world.clock.advance(seconds=1)
    browser.get("/console")
    assert world.database.rows("SELECT seen_at FROM console_session") != rows


def test_what_is_over_is_swept_by_the_next_sign_in(world: World) -> None:
    for name in ("one", "two"):
        browser = signed_in(world, name=name)
        browser.submit("/console", "/console/sign-out")
        signed_in(world, name=f"{name} again")
    assert world.database.count("console_session") == 2
    assert world.database.count("console_form") == 2
    world.clock.advance(hours=2)
    signed_in(world, name="three")
    assert world.database.count("console_session") == 1
    assert world.database.count("console_form") == 0


def test_sign_ins_that_fail_are_limited(world: World) -> None:
    person = operator(world)
    assert person.secret is not None
    browser = visitor(world)
    for attempt in range(MOST_OF_ADDRESS):
        answer = browser.sign_in("firstry_" + "x" * 43 if attempt % 2 else "no token at all")
        assert (answer.status, b"API_TOKEN_INVALID" in answer.body) == (403, True)
    began = world.now()
    limited = browser.sign_in(person.secret)
    assert limited.status == 429
    assert b"SIGN_IN_LIMITED" in limited.body
    assert iso(began + SPAN).encode() in limited.body, "it says from when on it may be tried"
    assert COOKIE not in browser.cookies
    world.clock.advance(seconds=SPAN.total_seconds())
    assert browser.sign_in(person.secret).status == 303


def test_a_token_is_shown_to_nobody(world: World) -> None:
    """Neither in the page of a refusal nor in what is asked for again."""
    wrong = "firstry_" + "q" * 43
    answer = visitor(world).sign_in(wrong)
    assert wrong.encode() not in answer.body


def test_the_sign_in_form_is_ours_alone(world: World) -> None:
    """No other site signs anybody in: the form needs its cookie, its word and our origin."""
    person = operator(world)
    assert person.secret is not None
    browser = visitor(world)
    form = form_in(browser.page(SIGN_IN), SIGN_IN) | {"token": person.secret}
    foreign = browser.post(SIGN_IN, form, {"origin": "https://elsewhere.example"})
    assert (foreign.status, b"ORIGIN_FOREIGN" in foreign.body) == (403, True)
    bare = Browser(browser.port).post(SIGN_IN, form)
    assert (bare.status, b"FORM_REFUSED" in bare.body) == (403, True)
    other = visitor(world)
    other.page(SIGN_IN)
    mixed = other.post(SIGN_IN, form)
    assert (mixed.status, b"FORM_REFUSED" in mixed.body) == (403, True)
    assert browser.post(SIGN_IN, form).status == 303
