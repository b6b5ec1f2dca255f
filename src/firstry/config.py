"""All settings: read once, validated loudly, frozen.

A setting comes from the environment (`FIRSTRY_<NAME>`) or from `firstry.toml`
in the working folder; the environment wins. A wrong value names the setting,
the value (never a secret) and an example. `SETTINGS` is the one list; the docs
are compared with it.
"""

import base64
import binascii
import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from firstry.domain.errors import SettingInvalid
from firstry.domain.evidence import Dataset
from firstry.domain.policy import CatchUp, Trigger

PREFIX = "FIRSTRY_"
FILE_NAME = "firstry.toml"
ATLASSIAN_JWKS_URL = "https://forge.cdn.prod.atlassian-dev.net/.well-known/jwks.json"
READ_JIRA_WORK = tuple(
    d
    for d in Dataset
    if d not in (Dataset.USERS, Dataset.GROUPS, Dataset.WORKFLOWS, Dataset.AUTOMATION_RULES)
)
"""The datasets that the scope read:jira-work opens: the default of DATASETS."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_APP_ARI = "ari:cloud:ecosystem::app/"
_HOST = re.compile(r"[a-z0-9.-]+(:\d{1,5})?|\[[0-9a-f:]+\](:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Key:
    """A named 32-byte key. Its bytes never show in a representation."""

    key_id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, parsed. Field names are the settings' names in lower case."""

    database_url: str
    forge_app_id: str | None
    forge_jwks_url: str
    forge_environments: frozenset[str]
    forge_api_hosts: tuple[str, ...]
    secret_keys: tuple[Key, ...]
    signing_key: Key | None
    triggers: tuple[tuple[Trigger, timedelta], ...]
    backoff: tuple[timedelta, ...]
    max_attempts: int
    catch_up: CatchUp
    datasets: frozenset[Dataset]
    answer_within: timedelta
    generation_timeout: timedelta
    lease: timedelta
    host: str
    port: int
    log_format: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the list: how its text is read, and what a right one looks like."""

    name: str
    default: str | None
    parse: Callable[[str], Any]
    example: str
    is_secret: bool = False
    serve_needs_it: bool = False


def parse_duration(text: str) -> timedelta:
    """Read `90s`, `30m`, `2h` or `1d`; anything else raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("a duration is a number and a unit: s, m, h or d")
    try:
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    except OverflowError:
        raise ValueError("the duration is too long") from None


def is_loopback(host: str) -> bool:
    """Whether `host` (without port) is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _duration_between(low: timedelta, high: timedelta | None) -> Callable[[str], timedelta]:
    def parse(text: str) -> timedelta:
        duration = parse_duration(text)
        if duration < low or (high is not None and duration >= high):
            raise ValueError(
                f"must be at least {low.total_seconds():g} s"
                + (f" and less than {high.total_seconds():g} s" if high else "")
            )
        return duration

    return parse


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return text

    return parse


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def _list_of(text: str) -> list[str]:
    items = [item.strip() for item in text.split(",")]
    if not all(items) or len(set(items)) != len(items):
        raise ValueError("must be a comma-separated list without gaps or repeats")
    return items


def _database_url(text: str) -> str:
    if not text.startswith("sqlite:///") or text == "sqlite:///":
        raise ValueError("must name a SQLite file as sqlite:///PATH")
    return text


def _app_id(text: str) -> str:
    uuid = text.removeprefix(_APP_ARI).lower()
    if not _UUID.fullmatch(uuid):
        raise ValueError("must be the app's ARI or its bare UUID")
    return uuid


def _jwks_url(text: str) -> str:
    url = urlsplit(text)
    host = url.hostname or ""
    if not host or url.scheme not in ("https", "http"):
        raise ValueError("must be a URL")
    if url.scheme == "http" and not is_loopback(host):
        raise ValueError("must be https; plain http only on loopback")
    return text


def _environments(text: str) -> frozenset[str]:
    names = _list_of(text)
    if not all(re.fullmatch(r"[A-Z]{1,20}", name) for name in names):
        raise ValueError("must be names in capital letters")
    return frozenset(names)


def _api_hosts(text: str) -> tuple[str, ...]:
    hosts = [host.lower() for host in _list_of(text)]
    if not all(_HOST.fullmatch(host) for host in hosts):
        raise ValueError("each must be host or host:port, without scheme or path")
    return tuple(hosts)


def parse_key(text: str) -> Key:
    """Read `id:base64url(32 bytes)`, padded or not; else raise ValueError."""
    key_id, colon, encoded = text.strip().partition(":")
    if not colon or not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", key_id):
        raise ValueError("a key is written id:base64url")
    try:
        secret = base64.b64decode(
            encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4), b"-_", validate=True
        )
    except (ValueError, binascii.Error):
        raise ValueError("the key is not base64url") from None
    if len(secret) != 32:
        raise ValueError("the key is not 32 bytes long")
    return Key(key_id, secret)


def _keys(text: str) -> tuple[Key, ...]:
    keys = tuple(parse_key(part) for part in text.split(","))
    if len({key.key_id for key in keys}) != len(keys):
        raise ValueError("two keys have the same id")
    return keys


def _triggers(text: str) -> tuple[tuple[Trigger, timedelta], ...]:
    found: list[tuple[Trigger, timedelta]] = []
    for part in _list_of(text):
        name, _, age = part.partition("=")
        if not re.fullmatch(r"[A-Z0-9_]{1,40}", name) or name == "MANUAL":
            raise ValueError("a trigger's name is 1-40 of A-Z, 0-9, _ and not MANUAL")
        found.append((Trigger(name), parse_duration(age)))
    ages = [age for _, age in found]
    if len({name for name, _ in found}) != len(found):
        raise ValueError("two triggers have the same name")
    if ages[0] <= timedelta() or any(a >= b for a, b in pairwise(ages)):
        raise ValueError("ages must be above zero and rise from one trigger to the next")
    return tuple(found)


def _backoff(text: str) -> tuple[timedelta, ...]:
    waits = tuple(parse_duration(part.strip()) for part in text.split(","))
    if not all(timedelta() < wait <= timedelta(hours=24) for wait in waits):
        raise ValueError("each wait must be above 0 and at most 24h")
    return waits


def _datasets(text: str) -> frozenset[Dataset]:
    try:
        chosen = frozenset(Dataset(name) for name in _list_of(text))
    except ValueError:
        raise ValueError("each must be the name of a dataset") from None
    if Dataset.AUTOMATION_RULES in chosen:
        raise ValueError("Jira offers no supported way to read Automation Rules")
    return chosen


SECOND = timedelta(seconds=1)
SETTINGS = (
    Setting("DATABASE_URL", "sqlite:///firstry.db", _database_url, "sqlite:///firstry.db"),
    Setting(
        "FORGE_APP_ID",
        None,
        _app_id,
        f"{_APP_ARI}11111111-2222-4333-8444-555555555555",
        serve_needs_it=True,
    ),
    Setting("FORGE_JWKS_URL", ATLASSIAN_JWKS_URL, _jwks_url, ATLASSIAN_JWKS_URL),
    Setting("FORGE_ENVIRONMENTS", "PRODUCTION,STAGING,DEVELOPMENT", _environments, "PRODUCTION"),
    Setting("FORGE_API_HOSTS", "api.atlassian.com", _api_hosts, "api.atlassian.com"),
    Setting(
        "SECRET_KEYS",
        None,
        _keys,
        "k1:<43 characters, from `firstry keys new`>",
        is_secret=True,
        serve_needs_it=True,
    ),
    Setting(
        "SIGNING_KEY",
        None,
        parse_key,
        "s1:<43 characters, from `firstry keys new`>",
        is_secret=True,
        serve_needs_it=True,
    ),
    Setting("TRIGGERS", "AUTO_12H=12h,AUTO_24H=24h", _triggers, "AUTO_12H=12h,AUTO_24H=24h"),
    Setting("BACKOFF", "30m,2h,24h", _backoff, "30m,2h,24h"),
    Setting("MAX_ATTEMPTS", "10", _whole_number(1, 50), "10"),
    Setting("CATCH_UP", "latest", CatchUp, "latest"),
    Setting("DATASETS", ",".join(READ_JIRA_WORK), _datasets, "Projects,Issues,Custom Fields"),
    Setting("ANSWER_WITHIN", "4s", _duration_between(SECOND / 10, 5 * SECOND), "4s"),
    Setting("GENERATION_TIMEOUT", "120s", _duration_between(SECOND, None), "120s"),
    Setting("LEASE", "300s", _duration_between(SECOND, None), "300s"),
    Setting("HOST", "127.0.0.1", str, "127.0.0.1"),
    Setting("PORT", "8017", _whole_number(0, 65535), "8017"),
    Setting("LOG_FORMAT", "auto", _one_of("auto", "json", "text"), "json"),
)
"""Every setting, in the order of the documentation."""


def load(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """Return the settings of this process, or raise SettingInvalid.

    `environ` defaults to the process environment, `folder` to the working one.
    """
    texts = _texts(os.environ if environ is None else environ, folder or Path())
    settings = Settings(**{s.name.lower(): _value(s, texts.get(s.name)) for s in SETTINGS})
    if settings.generation_timeout >= settings.lease:
        raise SettingInvalid(
            f"{PREFIX}GENERATION_TIMEOUT ({texts.get('GENERATION_TIMEOUT', '120s')}) must be "
            f"shorter than {PREFIX}LEASE ({texts.get('LEASE', '300s')})",
            f"for example {PREFIX}GENERATION_TIMEOUT=120s {PREFIX}LEASE=300s",
        )
    return settings


def require_for_serve(settings: Settings) -> None:
    """Raise SettingInvalid, naming all that is missing, unless a server can start."""
    missing = [s for s in SETTINGS if s.serve_needs_it and not getattr(settings, s.name.lower())]
    if missing:
        raise SettingInvalid(
            "`firstry serve` needs " + ", ".join(PREFIX + s.name for s in missing),
            "for example "
            + ", ".join(f"{PREFIX}{s.name}={s.example}" for s in missing)
            + "; `firstry serve --dev` makes keys of its own",
        )


def _value(setting: Setting, text: str | None) -> Any:
    text = setting.default if text is None else text
    if text is None:
        return () if setting.parse is _keys else None
    try:
        if setting.is_secret and text.startswith("@"):
            text = Path(text[1:]).read_text("utf-8")
        return setting.parse(text.strip())
    except (ValueError, OSError) as error:
        shown = "(hidden)" if setting.is_secret else repr(text[:200])
        why = f"the file cannot be read ({error.strerror})" if isinstance(error, OSError) else error
        raise SettingInvalid(
            f"{PREFIX}{setting.name} is {shown}: {why}",
            f"for example {PREFIX}{setting.name}={setting.example}",
        ) from None


def _texts(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    known = [s.name for s in SETTINGS]
    texts = _file_texts(folder / FILE_NAME, known)
    for name, value in environ.items():
        if not name.startswith(PREFIX):
            continue
        bare = name.removeprefix(PREFIX)
        if bare in known:
            texts[bare] = value
        elif near := difflib.get_close_matches(bare, known, 1, 0.8):
            raise SettingInvalid(
                f"{name} is no setting of firstry", f"did you mean {PREFIX}{near[0]}?"
            )
    return texts


def _file_texts(path: Path, known: list[str]) -> dict[str, str]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingInvalid(f"{path.name} cannot be read: {error}", "see docs/cli.md") from None
    texts: dict[str, str] = {}
    for name, value in content.items():
        bare = name.upper().removeprefix(PREFIX)
        if bare not in known or isinstance(value, dict):
            near = difflib.get_close_matches(bare, known, 1)
            raise SettingInvalid(
                f"{path.name} sets {name}, which is no setting of firstry",
                f"did you mean {near[0]}?" if near else "see docs/cli.md",
            )
        texts[bare] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return texts
