"""Forms of the console over real HTTP: for one session, one path, once, not for long."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from firstry.domain.console_session import FORM_LIFE
from support.console import MEDIA_TYPE, Browser, form_in, signed_in
from support.service import World
from support.wire import Answer

WHY = {"reason": "support case 17"}


@pytest.fixture
def browser(world: World) -> Browser:
    return signed_in(world)


@pytest.fixture
def page(world: World) -> str:
    """The page of a tenant."""
    return f"/console/tenants/{world.installed().cloud_id}"


def _refused(answer: Answer, code: str) -> str:
    text = answer.body.decode()
    assert (answer.status, code in text) == (403, True), text
    assert "What to do" in text
    return text


def _acts(world: World) -> int:
    return len(world.database.rows("SELECT sequence FROM ledger WHERE entry_kind = 'PAUSED'"))


def test_a_form_is_good_once(world: World, browser: Browser, page: str) -> None:
    act = f"{page}/pause"
    form = browser.form(page, act, **WHY)
    assert browser.post(act, form).status == 303
    browser.submit(page, f"{page}/resume", **WHY)
    text = _refused(browser.post(act, form), "FORM_REFUSED")
    assert "was sent before" in text
    assert _acts(world) == 1


def test_of_two_at_one_moment_one_acts(world: World, browser: Browser, page: str) -> None:
    act = f"{page}/pause"
    form = browser.form(page, act, **WHY)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: browser.post(act, form).status, range(4)))
    assert sorted(answers) == [303, 403, 403, 403]
    assert _acts(world) == 1


def test_an_old_form_is_refused(world: World, browser: Browser, page: str) -> None:
    act = f"{page}/pause"
    form = browser.form(page, act, **WHY)
    world.clock.advance(seconds=FORM_LIFE.total_seconds() / 2)
    browser.get("/console")
    world.clock.advance(seconds=FORM_LIFE.total_seconds() / 2)
    text = _refused(browser.post(act, form), "FORM_REFUSED")
    assert "too old" in text
    assert _acts(world) == 0


def test_a_form_is_for_its_session_and_its_act(world: World, browser: Browser, page: str) -> None:
    act = f"{page}/pause"
    form = browser.form(page, act, **WHY)
    other = signed_in(world, name="somebody else")
    _refused(other.post(act, form), "FORM_REFUSED")
    _refused(browser.post(f"{page}/generate", form), "FORM_REFUSED")
    another = f"/console/tenants/{world.installed('two').cloud_id}/pause"
    _refused(browser.post(another, form), "FORM_REFUSED")
    assert _acts(world) == 0


@pytest.mark.parametrize("word", ["", "x", "1.2.3", "..", "é", "0" * 5000])
def test_a_word_that_is_none_of_ours(world: World, browser: Browser, page: str, word: str) -> None:
    _refused(browser.post(f"{page}/pause", {**WHY, "form": word}), "FORM_REFUSED")
    assert _acts(world) == 0


def test_no_byte_of_the_word_can_be_changed(world: World, browser: Browser, page: str) -> None:
    act = f"{page}/pause"
    form = browser.form(page, act, **WHY)
    word = form["form"]
    for place in range(0, len(word), 7):
        changed = word[:place] + ("A" if word[place] != "A" else "B") + word[place + 1 :]
        _refused(browser.post(act, form | {"form": changed}), "FORM_REFUSED")
    assert _acts(world) == 0
    assert browser.post(act, form).status == 303


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "https://elsewhere.example",
        "http://127.0.0.1",
        "http://127.0.0.1.elsewhere.example:{port}",
        "http://elsewhere.example@127.0.0.1:{port}",
        "file://127.0.0.1:{port}",
        "http://[",
    ],
)
def test_another_origin_acts_for_nobody(
    world: World, browser: Browser, page: str, origin: str
) -> None:
    """With the cookie and a form that is good: the origin alone is enough to refuse."""
    act = f"{page}/pause"
    form = browser.form(page, act, **WHY)
    foreign = {"origin": origin.format(port=browser.port)}
    _refused(browser.post(act, form, foreign), "ORIGIN_FOREIGN")
    assert _acts(world) == 0
    assert browser.post(act, form).status == 303, "and the form is not used up by it"


def test_behind_a_proxy_the_public_address_counts(world: World) -> None:
    world.environ["FIRSTRY_PUBLIC_URL"] = "https://firstry.example.com"
    world.restart()
    browser = signed_in(world)
    page = f"/console/tenants/{world.installed().cloud_id}"
    form = browser.form(page, f"{page}/pause", **WHY)
    answer = browser.post(f"{page}/pause", form, {"origin": "https://firstry.example.com"})
    assert answer.status == 303


def test_what_is_not_a_form_is_refused(world: World, browser: Browser, page: str) -> None:
    act = f"{page}/pause"
    sent = {"origin": browser.origin, "content-type": "application/json"}
    assert browser.send("POST", act, b"{}", sent).status == 400
    sent["content-type"] = MEDIA_TYPE
    assert browser.send("POST", act, b"\xff\xfe=1", sent).status in (400, 403)
    assert browser.send("POST", act, b"reason=a&reason=b", sent).status == 400
    assert browser.send("POST", act, b"&".join([b"a=1"] * 60), sent).status == 400
    assert browser.send("POST", act, b"a" * (1 << 20) + b"a", sent).status == 413
    assert _acts(world) == 0


def test_without_a_cookie_a_good_form_is_nothing(world: World, browser: Browser, page: str) -> None:
    act = f"{page}/pause"
    form = form_in(browser.page(page), act) | WHY
    answer = Browser(browser.port).post(act, form)
    assert (answer.status, b"NOT_SIGNED_IN" in answer.body) == (401, True)
    assert _acts(world) == 0
