"""How the text of a setting becomes a value. Everything unusable raises ValueError.

The message of the error says what is expected; it never repeats the text, which
may be a secret.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from urllib.parse import urlsplit, urlunsplit

from firstry.domain.access import Role
from firstry.domain.evidence import Dataset
from firstry.domain.policy import MANUAL, Trigger

_DURATION = re.compile(r"(\d{1,20}(?:\.\d{1,20})?)(s|m|h|d)", re.ASCII)
_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONGEST = timedelta(days=36500)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
APP_ARI = "ari:cloud:ecosystem::app/"
_HOST = re.compile(r"[a-z0-9.-]+(:\d{1,5})?|\[[0-9a-f:]+\](:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Key:
    """A named 32-byte key. Its bytes never show in a representation."""

    key_id: str
    secret: bytes = field(repr=False)


def parse_duration(text: str) -> timedelta:
    """Read `90s`, `30m`, `2h` or `1d`; anything else raises ValueError.

    Stores keep whole milliseconds, so a duration is some, at least 1; and it is at
    most 36500d, so that the sum of an instant and a duration is an instant.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("a duration is a number and a unit: s, m, h or d")
    milliseconds = Fraction(match[1]) * _UNITS_MS[match[2]]
    if milliseconds < 1 or milliseconds.denominator != 1:
        raise ValueError("a duration is whole milliseconds, and above 0")
    if milliseconds > _LONGEST // timedelta(milliseconds=1):
        raise ValueError("a duration is at most 36500d")
    return timedelta(milliseconds=int(milliseconds))


def is_loopback(host: str) -> bool:
    """Whether `host` (without port) is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def duration_between(low: timedelta, high: timedelta | None) -> Callable[[str], timedelta]:
    """Return a reader of durations of at least `low` and below `high`."""

    def parse(text: str) -> timedelta:
        duration = parse_duration(text)
        if duration < low or (high is not None and duration >= high):
            raise ValueError(
                f"must be at least {low.total_seconds():g} s"
                + (f" and less than {high.total_seconds():g} s" if high else "")
            )
        return duration

    return parse


def one_of(*allowed: str) -> Callable[[str], str]:
    """Return a reader that takes one of these words."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return text

    return parse


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` to `high`."""

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


def parse_database_url(text: str) -> str:
    """Read the URL of a store."""
    if not text.isprintable():  # bytes that are no UTF-8 among them: no store can be named so
        raise ValueError("must be printable characters on one line")
    if text.startswith("sqlite:///") and text != "sqlite:///":
        return text
    url = urlsplit(text)
    if url.scheme not in ("postgresql", "postgres") or not url.path.strip("/"):
        raise ValueError(
            "must name a SQLite file as sqlite:///PATH, or a database as "
            "postgresql://USER:PASSWORD@HOST/NAME"
        )
    return text


def without_password(url: str) -> str:
    """Return the URL of a store with its password hidden, for people to read.

    Raises ValueError if it cannot be told where a password would be.
    """
    parts = urlsplit(url)
    if "@" in url and "@" not in parts.netloc:
        raise ValueError("no URL")
    hidden = re.sub(r"(?i)\b(password|sslpassword)=[^&]*", r"\1=(hidden)", parts.query)
    if parts.password is None:
        # Put together anew, `sqlite:////a` would lose two of its slashes.
        return url if hidden == parts.query else urlunsplit(parts._replace(query=hidden))
    user, _, host = parts.netloc.rpartition("@")
    named = user.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{named}:(hidden)@{host}", query=hidden))


def parse_app_id(text: str) -> str:
    """Return the app's bare UUID, lower-cased, from it or from its ARI."""
    uuid = text.removeprefix(APP_ARI).lower()
    if not _UUID.fullmatch(uuid):
        raise ValueError("must be the app's ARI or its bare UUID")
    return uuid


def parse_url(text: str) -> str:
    """Read a URL that is called: https, or http on loopback. It may hold user and password."""
    url = urlsplit(text)
    host = url.hostname or ""
    _ = url.port  # raises ValueError where it is none
    if not host or url.scheme not in ("https", "http"):
        raise ValueError("must be a URL")
    if url.scheme == "http" and not is_loopback(host):
        raise ValueError("must be https; plain http only on loopback")
    return text


def parse_jwks_url(text: str) -> str:
    """Read the URL of something public, as a key set is: it takes no user and no password."""
    if "@" in urlsplit(parse_url(text)).netloc:
        raise ValueError("must be a URL without user and password")
    return text


def parse_public_url(text: str) -> str:
    """Read the address at which people reach the service; without a slash at its end."""
    url = urlsplit(parse_jwks_url(text))
    if url.query or url.fragment:
        raise ValueError("must be a URL without user, query and fragment")
    return text.rstrip("/")


def parse_issuer(text: str) -> str:
    """Read the name of an OpenID provider, which is a URL and is compared as it stands."""
    parse_public_url(text)
    return text


URL_READERS = (parse_url, parse_jwks_url, parse_public_url, parse_issuer)
"""What reads a URL whose text, right or wrong, may hold a password."""


def without_userinfo(text: str) -> str:
    """Return what should be a URL with user, password and values of its query hidden."""
    address, mark, query = re.sub(r"^([A-Za-z0-9+.-]*://)?.*@", r"\1(hidden)@", text).partition("?")
    return address + mark + re.sub(r"=[^&#]+", "=(hidden)", query)


def parse_word(text: str) -> str:
    """Read one line of printable characters."""
    if not 0 < len(text) <= 500 or not text.isprintable():
        raise ValueError("must be 1 to 500 printable characters on one line")
    return text


def parse_scopes(text: str) -> str:
    """Read what a provider is asked for: words, `openid` among them."""
    if "openid" not in parse_word(text).split(" "):
        raise ValueError("must be words with blanks between them, openid among them")
    return text


def parse_roles(text: str) -> dict[str, Role]:
    """Read groups and the role of each, as GROUP=ROLE."""
    found: dict[str, Role] = {}
    for part in _list_of(text):
        group, equals, role = part.rpartition("=")
        if not equals or not group or group in found or role not in list(Role):
            raise ValueError(f"each is GROUP=ROLE, once, with a role of {', '.join(Role)}")
        found[group] = Role(role)
    return found


def parse_bearer(text: str) -> str:
    """Read a token that callers send as it is."""
    if not re.fullmatch(r"[A-Za-z0-9._~+/=-]{16,200}", text):
        raise ValueError("must be 16 to 200 letters, digits and . _ ~ + / = -")
    return text


def parse_share(text: str) -> float:
    """Read a share above 0 and at most 1."""
    if not re.fullmatch(r"[01](\.\d{1,4})?", text) or not 0 < float(text) <= 1:
        raise ValueError("must be a number above 0 and at most 1")
    return float(text)


def parse_environments(text: str) -> frozenset[str]:
    """Read names of Forge environments."""
    names = _list_of(text)
    if not all(re.fullmatch(r"[A-Z]{1,20}", name) for name in names):
        raise ValueError("must be names in capital letters")
    return frozenset(names)


def parse_api_hosts(text: str) -> tuple[str, ...]:
    """Read hosts that a token may be sent to, each `host` or `host:port`."""
    hosts = [host.lower() for host in _list_of(text)]
    if not all(_HOST.fullmatch(host) for host in hosts):
        raise ValueError("each must be host or host:port, without scheme or path")
    for host in hosts:
        _ = urlsplit(f"//{host}").port  # raises ValueError where it is none
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


def parse_keys(text: str) -> tuple[Key, ...]:
    """Read keys with different ids."""
    keys = tuple(parse_key(part) for part in text.split(","))
    if len({key.key_id for key in keys}) != len(keys):
        raise ValueError("two keys have the same id")
    return keys


def parse_triggers(text: str) -> tuple[tuple[Trigger, timedelta], ...]:
    """Read triggers as NAME=AGE, ages rising."""
    found: list[tuple[Trigger, timedelta]] = []
    for part in _list_of(text):
        name, _, age = part.partition("=")
        if not re.fullmatch(r"[A-Z0-9_]{1,40}", name) or name == MANUAL:
            raise ValueError("a trigger's name is 1-40 of A-Z, 0-9, _ and not MANUAL")
        found.append((Trigger(name), parse_duration(age)))
    ages = [age for _, age in found]
    if len({name for name, _ in found}) != len(found):
        raise ValueError("two triggers have the same name")
    if any(a >= b for a, b in pairwise(ages)):
        raise ValueError("ages must rise from one trigger to the next")
    return tuple(found)


def parse_backoff(text: str) -> tuple[timedelta, ...]:
    """Read waits, each above 0 and at most 24 h."""
    waits = tuple(parse_duration(part.strip()) for part in text.split(","))
    if any(wait > timedelta(hours=24) for wait in waits):
        raise ValueError("each wait must be above 0 and at most 24h")
    return waits


def parse_retention(text: str) -> timedelta | None:
    """Read how long to keep: a duration of at most 36500d, `0`, or `never`, which is None."""
    if text == "never":
        return None
    return timedelta() if re.fullmatch(r"0[smhd]?", text) else parse_duration(text)


def parse_rate(text: str) -> int:
    """Read a rate as N/h and return N."""
    match = re.fullmatch(r"(\d{1,4})/h", text)
    if match is None or int(match[1]) < 1:
        raise ValueError("must be a whole number of at least 1 an hour")
    return int(match[1])


def parse_datasets(text: str) -> frozenset[Dataset]:
    """Read names of datasets that can be collected."""
    try:
        chosen = frozenset(Dataset(name) for name in _list_of(text))
    except ValueError:
        raise ValueError("each must be the name of a dataset") from None
    if Dataset.AUTOMATION_RULES in chosen:
        raise ValueError("Jira offers no supported way to read Automation Rules")
    return chosen
