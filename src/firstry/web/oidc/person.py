"""Who somebody is here: a name for the ledger and a role, both from claims that were verified."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from firstry.domain.access import Role, parse_name
from firstry.domain.identity import RoleMissing, SignInRefused

PREFIX = "oidc "
"""Begins each name, so that nobody gets the name of a token by calling themselves so."""
LONGEST_NAME = 60
LONGEST_CLAIM = 255
MOST_GROUPS = 1000
_UNFIT = re.compile(r"[^A-Za-z0-9._@ -]+")
_MARK_LENGTH = 8
_MARKED = re.compile(rf"\.[0-9a-f]{{{_MARK_LENGTH}}}")
_HALF = re.compile(r"[\ud800-\udfff]")
"""Half a surrogate pair: JSON can hold it, a ledger cannot."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody for whom the provider vouches."""

    name: str
    role: Role


def person_of(
    claims: Mapping[str, Any], name_claim: str, role_claim: str, roles: Mapping[str, Role]
) -> Person:
    """Return who the claims speak of, with the highest role of all that they name.

    Raises SignInRefused without a name, and RoleMissing if nothing is mapped.
    """
    name = _at(claims, name_claim)
    if not isinstance(name, str) or not 0 < len(name.strip()) <= LONGEST_CLAIM:
        raise SignInRefused(
            f"the identity provider does not say who you are: there is no claim {name_claim}",
            "have the provider send it, or name another claim in OIDC_NAME_CLAIM",
        )
    if _HALF.search(name):
        raise SignInRefused(
            f"the identity provider's claim {name_claim} is no text: it has half a character",
            "have it set right there, or name another claim in OIDC_NAME_CLAIM",
        )
    found = {roles[group] for group in _groups(_at(claims, role_claim)) if group in roles}
    if not found:
        raise RoleMissing(
            "the identity provider knows you, but none of your groups has a role here",
            "ask whoever runs this service to put you into a group that OIDC_ROLES names; "
            f"groups are read from the claim {role_claim}",
        )
    return Person(cleaned(name.strip()), max(found, key=list(Role).index))


def cleaned(name: str) -> str:
    """Return a name as the ledger takes it; where something is left out, a mark tells it apart.

    A name that ends as if it were marked is marked too, so nobody can call themselves so.

    >>> cleaned("ann@example.com")
    'oidc ann@example.com'
    >>> cleaned("auth0|5f7c") != cleaned("auth0-5f7c")
    True
    """
    kept = PREFIX + _UNFIT.sub("-", name)
    looks_marked = _MARKED.fullmatch(name[-_MARK_LENGTH - 1 :]) is not None
    if kept == PREFIX + name and len(kept) <= LONGEST_NAME and not looks_marked:
        return parse_name(kept)
    mark = hashlib.sha256(name.encode()).hexdigest()[:_MARK_LENGTH]
    return parse_name(f"{kept[: LONGEST_NAME - _MARK_LENGTH - 1]}.{mark}")


def _at(claims: Mapping[str, Any], name: str) -> object:
    """Return a claim by its name, or by a path with dots where no claim has that name."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _groups(value: object) -> list[str]:
    named = value if isinstance(value, list) else [value]
    return [each for each in named[:MOST_GROUPS] if isinstance(each, str)]
