"""Anything at all at the console's door: a page with a legal status, and nothing is changed."""

import string
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstry.domain.console_session import sealed_form
from firstry.web.console.render import FILE_POLICY, POLICY
from firstry.web.console.route import ROUTES
from firstry.web.console.visit import BASE, ConsoleRoute
from support.console import Browser, signed_in
from support.service import World
from support.wire import Answer

SETTINGS = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SCREENS = [route for route in ROUTES if route.method == "GET"]
ACTS = [route for route in ROUTES if route.method == "POST" and route.path != "/sign-out"]
FIELDS: tuple[str, ...] = (
    "filter",
    "cursor",
    "did",
    "tenant",
    "kind",
    "actor",
    "act",
    "to",
    "trigger",
    "reason",
)
FIELDS += ("count", "expected_count", "flag", "name", "state", "format")
anything = st.text(max_size=60)
queries = st.dictionaries(st.sampled_from(FIELDS), anything, max_size=5)
names = st.text(string.ascii_letters + string.digits + "._-~%", min_size=1, max_size=40)
LEGAL = {200, 303, 400, 403, 404, 409, 429}


@dataclass(frozen=True, slots=True)
class Yard:
    """A world, and somebody who may do everything in it."""

    world: World
    browser: Browser


@pytest.fixture(scope="module")
def yard(shared: World) -> Yard:
    shared.installed()
    return Yard(shared, signed_in(shared, name="fuzz"))


def _path(route: ConsoleRoute, name: str) -> str:
    parts = {part: quote(name, safe="") for part in ("tenant_id", "report_id", "job_id", "name")}
    return BASE + route.path.format(**parts, format="json", list="tenants")


def _require_legal(answer: Answer) -> None:
    assert answer.status in LEGAL, (answer.status, answer.body)
    assert answer.headers["content-security-policy"] in (POLICY, FILE_POLICY)
    if answer.status >= 400:
        assert b"What to do" in answer.body


@SETTINGS
@given(route=st.sampled_from(SCREENS), name=names, query=queries)
def test_any_query_of_any_screen(
    yard: Yard, route: ConsoleRoute, name: str, query: dict[str, str]
) -> None:
    """What is looked at changes nothing, whatever is asked for."""
    before = yard.world.database.everything()
    where = f"{_path(route, name)}?{urlencode(query, errors='replace')}"
    _require_legal(yard.browser.get(where))
    assert yard.world.database.everything() == before


@SETTINGS
@given(route=st.sampled_from(ACTS), name=names, body=st.binary(max_size=200))
def test_any_body_without_a_word_of_ours(
    yard: Yard, route: ConsoleRoute, name: str, body: bytes
) -> None:
    before = yard.world.database.everything()
    sent = {"origin": yard.browser.origin, "content-type": "application/x-www-form-urlencoded"}
    answer = yard.browser.send("POST", _path(route, name), body, sent)
    _require_legal(answer)
    assert answer.status in (400, 403, 404)
    assert yard.world.database.everything() == before


@SETTINGS
@given(route=st.sampled_from(ACTS), name=names, form=queries)
def test_any_form_with_a_good_word_on_what_is_not_there(
    yard: Yard, route: ConsoleRoute, name: str, form: dict[str, str]
) -> None:
    """Somebody who sends forms by hand: refused with a reason, and no ledger grows."""
    world, browser = yard.world, yard.browser
    before = world.database.count("ledger"), world.database.count("service_ledger")
    path = _path(route, name)
    cookie = browser.cookies["__Host-firstry"]
    word = sealed_form(cookie, path, urlencode(form, errors="replace").encode(), world.now())
    world.clock.advance(seconds=0.001)
    answer = browser.post(path, {k: v for k, v in form.items() if _sendable(v)} | {"form": word})
    _require_legal(answer)
    assert answer.status != 303
    after = world.database.count("ledger"), world.database.count("service_ledger")
    assert after == before


def _sendable(text: str) -> bool:
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in text)
