"""A wrong setting: exit 2, naming the setting, the value (never a secret) and an example."""

import socket
from pathlib import Path

import pytest

from firstry.config import SETTINGS, Setting
from firstry.sim.platform import APP_ID
from support.command import Ran, command, shell
from support.service import SECRETS

KEY = "A" * 43
BAD: dict[str, list[str]] = {
    "DATABASE_URL": ["", "firstry.db", "sqlite:///", "mysql://x/y", "sqlite:///no/such/folder/f"],
    "MIGRATE_DATABASE_URL": ["", "firstry.db", "sqlite:///", "mysql://x/y"],
    "ERASE_DATABASE_URL": ["", "firstry.db", "sqlite:///", "mysql://x/y"],
    "FORGE_APP_ID": ["", "my-app", "1111", "ari:cloud:ecosystem::app/x"],
    "FORGE_JWKS_URL": [
        "",
        "keys.json",
        "http://example.com/k",
        "ftp://127.0.0.1/k",
        "http://[",
        "http://[::1]:70000/k",
    ],
    "FORGE_ENVIRONMENTS": ["", "production", "PRODUCTION,,STAGING", "PRODUCTION,PRODUCTION"],
    "FORGE_API_HOSTS": [
        "",
        "https://api.atlassian.com",
        "api.atlassian.com/ex",
        "a b",
        "a,,b",
        "a:70000",
    ],
    "SECRET_KEYS": ["", KEY, f"k1:{KEY}AA", "k1:!!!", f"k1:{KEY},k1:{KEY}", "@no-such-file"],
    "SIGNING_KEY": ["", KEY, "s1:AAAA", "s 1:" + KEY, "s1:" + "é" * 43, "@no-such-file"],
    "TRIGGERS": [
        "",
        "AUTO_12H",
        "AUTO=0h",
        "A=2h,B=1h",
        "A=1h,A=2h",
        "a=1h",
        "MANUAL=1h",
        "A=1h,LATE=4000000d",
        "A=0.0001s",
    ],
    "BACKOFF": ["", "0s", "25h", "30m,,2h", "30", "-30m", "30m;2h", "0.0001s", "1.0005s"],
    "MAX_ATTEMPTS": ["", "0", "51", "-1", "ten", "1.5"],
    "MANUAL_RATE": ["", "0/h", "6", "6/d", "-1/h", "six/h"],
    "CATCH_UP": ["", "none", "LATEST", "every"],
    "DATASETS": ["", "Project", "Projects,,Issues", "Automation Rules", "Projects,Projects"],
    "ANSWER_WITHIN": ["", "5s", "0.05s", "4", "1m", "-1s"],
    "GENERATION_TIMEOUT": ["", "0.5s", "120", "300s", "1w", "9" * 400 + "d", "9999998d"],
    "LEASE": ["", "0.9s", "300", "120s", "soon", "9999999d", "36501d"],
    "RETENTION": ["", "90", "-1d", "forever", "36501d", "0.0001s"],
    "ALERT_BACKOFF": ["", "59s", "2", "soon", "36501d"],
    "ALERT_FAILURE_RATE": ["", "0", "1.1", "50%", "-0.5"],
    "ALERT_WEBHOOK_URL": ["", "no-address", "http://example.com/hook", "ftp://127.0.0.1/hook"],
    "PUBLIC_URL": ["", "firstry", "http://example.com", "https://a.example/?x=1"],
    "METRICS_TOKEN": ["", "short", "with blanks in between", "é" * 20],
    "TRACES_URL": ["", "collector:4318", "http://collector.example/v1/traces", "grpc://127.0.0.1"],
    "OIDC_ISSUER": ["", "login", "http://login.example.com", "https://a.example/?t=1"],
    "OIDC_CLIENT_ID": ["", "x" * 501],
    "OIDC_CLIENT_SECRET": ["", "x" * 501, "@no-such-file"],
    "OIDC_SCOPES": ["", "profile email", "x" * 501],
    "OIDC_NAME_CLAIM": ["", "x" * 501],
    "OIDC_ROLE_CLAIM": ["", "x" * 501],
    "OIDC_ROLES": ["", "sre", "sre=root", "=admin", "sre=admin,sre=viewer", "a=viewer,,b=viewer"],
    "HOST": ["", "no host at all", "256.256.256.256"],
    "PORT": ["", "65536", "-1", "http", "80.5"],
    "LOG_FORMAT": ["", "xml", "JSON", "text json"],
}
NEEDS_SERVE = {"HOST"}
"""What only a server can find out."""
BESIDE = {"GENERATION_TIMEOUT": "LEASE", "LEASE": "GENERATION_TIMEOUT"}
"""Each is right by itself; together they may not be."""

BY_NAME = {setting.name: setting for setting in SETTINGS}


def test_every_setting_has_bad_values() -> None:
    assert set(BAD) == set(BY_NAME)


def _run(folder: Path, name: str, value: str) -> Ran:
    environ = {f"FIRSTRY_{name}": value}
    if name in NEEDS_SERVE:
        environ |= SECRETS | {"FIRSTRY_FORGE_APP_ID": APP_ID, "FIRSTRY_PORT": "0"}
        return shell(folder, environ, "serve", "--json", seconds=8)
    return command(folder, environ, "tenants", "list", "--json")


def _is_told(ran: Ran, setting: Setting, value: str) -> None:
    assert ran.code == 2, ran
    error = ran.error
    assert error["code"] == "SETTING_INVALID"
    told = error["message"] + error["remedy"]
    assert f"FIRSTRY_{setting.name}" in error["message"]
    if setting.is_secret:
        assert "(hidden)" in error["message"]
        assert not value.strip("@") or value not in told
    else:
        assert value[:20] in told
    is_about_two = any(f"FIRSTRY_{other}" in told for other in (BESIDE.get(setting.name),) if other)
    assert f"FIRSTRY_{setting.name}=" in told or is_about_two or "sqlite:///" in told, told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(name, value, id=f"{name} {number} {value[:20]!a}")
        for name, values in BAD.items()
        for number, value in enumerate(values)
    ],
)
def test_a_wrong_value(tmp_path: Path, name: str, value: str) -> None:
    _is_told(_run(tmp_path, name, value), BY_NAME[name], value)
    assert list(tmp_path.glob("*.db*")) == [], "nothing is made under wrong settings"


@pytest.mark.parametrize("name", sorted(set(BAD) - NEEDS_SERVE))
def test_a_wrong_value_in_the_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "firstry.toml").write_text(f'{name.lower()} = "{BAD[name][1]}"\n')
    ran = command(tmp_path, {}, "tenants", "list", "--json")
    _is_told(ran, BY_NAME[name], BAD[name][1])


@pytest.mark.parametrize("name", ["SECRET_KEYS", "SIGNING_KEY"])
def test_a_secret_is_not_told_by_any_command(tmp_path: Path, name: str) -> None:
    secret = "s3cr3t" * 8
    for words in (["tenants", "list"], ["config", "show"], ["doctor"], ["serve"]):
        for flag in ([], ["--json"]):
            ran = command(tmp_path, {f"FIRSTRY_{name}": f"k1:{secret}"}, *words, *flag)
            assert ran.code == 2, ran
            assert secret not in ran.out + ran.err
            assert f"FIRSTRY_{name}" in ran.out + ran.err


URLS = {
    "TRACES_URL": "https://user:{secret}@collector.example/v1/traces?key={secret}",
    "FORGE_JWKS_URL": "https://user:{secret}@keys.example/jwks.json",
    "PUBLIC_URL": "https://user:{secret}@firstry.example",
    "OIDC_ISSUER": "https://user:{secret}@login.example",
}


@pytest.mark.parametrize("name", URLS)
@pytest.mark.parametrize("scheme", ["https://", "ftp://", ""])
def test_a_password_in_a_url_is_never_shown(tmp_path: Path, name: str, scheme: str) -> None:
    """Where it has a use it is hidden; elsewhere it is refused, and not repeated."""
    url = URLS[name].format(secret="s3cr3t").removeprefix("https://")
    for flag in ([], ["--json"]):
        ran = command(tmp_path, {f"FIRSTRY_{name}": scheme + url}, "config", "show", *flag)
        assert ran.code == (0 if (name, scheme) == ("TRACES_URL", "https://") else 2), ran
        assert "s3cr3t" not in ran.out + ran.err
        assert "(hidden)@" in ran.out + ran.err


@pytest.mark.parametrize("longest", ["36500d"])
def test_the_longest_durations_work(tmp_path: Path, longest: str) -> None:
    environ = SECRETS | {
        "FIRSTRY_TRIGGERS": f"A=0.001s,LATE={longest}",
        "FIRSTRY_LEASE": longest,
        "FIRSTRY_GENERATION_TIMEOUT": "36499d",
        "FIRSTRY_ALERT_BACKOFF": longest,
        "FIRSTRY_RETENTION": longest,
    }
    added = ("tenants", "add", "t1", "--installed-at", "2026-01-01T00:00:00Z", "--reason", "x")
    for words in (added, ("tenants", "show", "t1"), ("config", "plan"), ("worker", "--once")):
        ran = command(tmp_path, environ, *words, "--json")
        assert ran.code == 0, ran


def test_a_database_whose_name_is_no_text(tmp_path: Path) -> None:
    for words in (["tenants", "list"], ["doctor"], ["config", "plan"]):
        ran = command(tmp_path, {"FIRSTRY_DATABASE_URL": "sqlite:///\udcff.db"}, *words, "--json")
        assert (ran.code, ran.error["code"]) == (2, "SETTING_INVALID")
        assert list(tmp_path.iterdir()) == []


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"k1:{KEY}\n")
    environ = {"FIRSTRY_SECRET_KEYS": "@key"}
    assert command(tmp_path, environ, "tenants", "list").code == 0
    shown = command(tmp_path, environ, "config", "show", "--json")
    assert shown.code == 0
    assert KEY not in shown.out


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "firstry.toml").write_text('max_attempts = 0\ndatabase_url = "sqlite:///a.db"\n')
    assert command(tmp_path, {"FIRSTRY_MAX_ATTEMPTS": "3"}, "tenants", "list").code == 0
    assert (tmp_path / "a.db").exists()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("max_atempts = 3", "max_atempts"),
        ("[triggers]\nx = 1", "triggers"),
        ("= 3", "firstry.toml"),
        ("\x00", "firstry.toml"),
    ],
)
def test_a_file_that_cannot_be_understood(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "firstry.toml").write_text(text)
    ran = command(tmp_path, {}, "tenants", "list", "--json")
    assert (ran.code, ran.error["code"]) == (2, "SETTING_INVALID")
    assert named in ran.error["message"]


def test_a_misspelt_setting_is_told_with_the_right_one(tmp_path: Path) -> None:
    ran = command(tmp_path, {"FIRSTRY_MAX_ATTEMPT": "3"}, "tenants", "list", "--json")
    assert ran.code == 2
    assert "FIRSTRY_MAX_ATTEMPTS" in ran.error["remedy"]


def test_serve_names_everything_that_is_missing(tmp_path: Path) -> None:
    ran = shell(tmp_path, {}, "serve", "--json")
    assert (ran.code, ran.error["code"]) == (2, "SETTING_INVALID")
    needed = [setting.name for setting in SETTINGS if setting.serve_needs_it]
    assert needed
    for name in needed:
        assert f"FIRSTRY_{name}" in ran.error["message"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])  # noqa: S104
def test_development_stays_on_loopback(tmp_path: Path, host: str) -> None:
    ran = command(tmp_path, {"FIRSTRY_HOST": host}, "serve", "--dev", "--json")
    assert (ran.code, ran.error["code"]) == (2, "SETTING_INVALID")
    assert "loopback" in ran.error["message"]
    assert host in ran.error["message"]


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = command(tmp_path, {"FIRSTRY_PORT": port}, "serve", "--dev", "--json")
    assert (ran.code, ran.error["code"]) == (2, "SETTING_INVALID")
    assert port in ran.error["message"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"FIRSTRY_SIGNING_KEY": 1}'])
def test_a_broken_file_of_development_keys_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / ".firstry" / "keys.json"
    path.parent.mkdir()
    path.write_text(content)
    ran = command(tmp_path, {}, "serve", "--dev", "--json")
    assert (ran.code, ran.error["code"]) == (2, "SETTING_INVALID")
    assert ".firstry/keys.json" in ran.error["message"]
    assert "remove it" in ran.error["remedy"]
    assert path.read_text() == content
