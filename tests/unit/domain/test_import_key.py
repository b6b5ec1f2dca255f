"""Every form in which the predecessor wrote a key (contract 3, P8), and what is refused."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstry.domain.import_key import Key, KeyKind, Refused, parse_key
from firstry.domain.policy import MANUAL, Trigger
from firstry.domain.tenant import CloudId, parse_cloud_id

TRIGGERS = frozenset({Trigger("AUTO_12H"), Trigger("AUTO_24H")})
UUID = "11111111-2222-4333-8444-555555555555"
KINDS = {
    "phase5:scheduler:state:{}": (KeyKind.STATE, None),
    "phase5:scheduler:{}:AUTO_12H:DONE": (KeyKind.DONE, "AUTO_12H"),
    "phase5:scheduler:{}:AUTO_24H:DONE": (KeyKind.DONE, "AUTO_24H"),
    "phase5:scheduler:{}:AUTO_12H:ATTEMPT": (KeyKind.ATTEMPT, "AUTO_12H"),
    "phase5:scheduler:{}:MANUAL:ATTEMPT": (KeyKind.ATTEMPT, "MANUAL"),
    "phase4:evidence:installation:{}": (KeyKind.INSTALLATION, None),
    "phase5:report:latest:{}": (KeyKind.REPORT, None),
    "scheduler:state:{}": (KeyKind.STATE, None),
}


def encoded(text: str, *, is_padded: bool = False) -> str:
    whole = urlsafe_b64encode(text.encode()).decode()
    return "tenant:" + (whole if is_padded else whole.rstrip("="))


def forms(cloud_id: str) -> list[str]:
    """Return every text that names the tenant in a key."""
    ari = f"ari:cloud:jira::site/{cloud_id}"
    wrapped = (cloud_id, f"cloudId:{cloud_id}", ari)
    return [
        cloud_id,
        f"cloudId:{cloud_id}",
        ari.replace("/", "_"),
        ari.replace("/", "_").replace(":", "_"),
        *(encoded(text) for text in wrapped),
        *(encoded(text, is_padded=True) for text in wrapped),
    ]


ids = st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True).filter(
    lambda text: parse_cloud_id(text) is not None and not text.startswith("ari_cloud_jira__site_")
)


@given(cloud_id=ids, shape=st.sampled_from(sorted(KINDS)), number=st.integers(0, 9))
def test_every_form_of_a_key_names_its_tenant(cloud_id: str, shape: str, number: int) -> None:
    """P8, P20, P21: one tenant however it is written, and never another one."""
    kind, trigger = KINDS[shape]
    expected = parse_cloud_id(cloud_id)
    found = parse_key(shape.format(forms(cloud_id)[number]), TRIGGERS)
    assert found == Key(kind, CloudId(str(expected)), Trigger(trigger) if trigger else None)


@given(cloud_id=ids, other=ids)
def test_two_tenants_never_meet_in_one_key(cloud_id: str, other: str) -> None:
    """P20: whatever the form, a key leads to one tenant."""
    if parse_cloud_id(cloud_id) != parse_cloud_id(other):
        assert not set(forms(cloud_id)) & set(forms(other))


@pytest.mark.parametrize("shape", KINDS)
@pytest.mark.parametrize(
    "named",
    [
        "",
        " ",
        "null",
        "NULL",
        "undefined",
        "unknown",
        "tenant:",
        "tenant:unknown",
        "tenant:Unknown",
        "tenant:null",
        "tenant:====",
        "tenant:a",
        "tenant:a+b/",
        "tenant:c2l0!!!!ZQ",
        "tenant:/w",
        "cloudId:",
        "cloudId:null",
        "ari:cloud:jira::site_",
        "ari:cloud:jira::site_null",
        "ari_cloud_jira__site_",
        "https:__acme.atlassian.net",
        "a b",
        "x" * 129,
        encoded("null"),
        encoded("unknown"),
        encoded("cloudId:undefined"),
        encoded("a b"),
        encoded(" "),
        encoded("a:b"),
        "tenant:" + urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_key_that_names_no_tenant_is_refused(shape: str, named: str) -> None:
    """P13, P23: nothing falls to a tenant that all share."""
    assert isinstance(parse_key(shape.format(named), TRIGGERS), Refused)


@pytest.mark.parametrize(
    "key",
    [
        f"phase5:scheduler:{UUID}:AUTO_48H:DONE",
        f"phase5:scheduler:{UUID}:MANUAL:DONE",
        f"phase5:scheduler:{UUID}:DONE",
        f"phase5:scheduler:{UUID}",
        f"phase5:scheduler:{UUID}:AUTO_12H:done",
        "phase5:scheduler:",
    ],
)
def test_a_key_of_the_scheduler_in_no_known_form_is_refused(key: str) -> None:
    """P8: not passed over in silence."""
    assert isinstance(parse_key(key, TRIGGERS), Refused)


def test_a_manual_report_is_never_one_that_is_made_once() -> None:
    """Whatever the settings name: a marker of one would hold up what somebody asks for."""
    key = f"phase5:scheduler:{UUID}:MANUAL:DONE"
    assert isinstance(parse_key(key, TRIGGERS | {MANUAL}), Refused)


@pytest.mark.parametrize("key", ["", "phase6:x", "phase5:scheduled", "settings", f"x:{UUID}"])
def test_a_key_of_another_part_is_none_of_ours(key: str) -> None:
    assert parse_key(key, TRIGGERS) is None


@given(key=st.text())
def test_no_text_breaks_it(key: str) -> None:
    for begin in ("", "phase5:scheduler:", "scheduler:state:", "phase4:evidence:installation:"):
        found = parse_key(begin + key, TRIGGERS)
        assert found is None or isinstance(found, Key | Refused)


def test_a_uuid_is_lower_cased_and_every_other_id_is_kept_by_the_letter() -> None:
    upper = parse_key(f"phase5:scheduler:state:{UUID.upper()}", TRIGGERS)
    assert isinstance(upper, Key)
    assert upper.cloud_id == UUID
    kept = parse_key("phase5:scheduler:state:Acme", TRIGGERS)
    assert isinstance(kept, Key)
    assert kept.cloud_id == "Acme"
