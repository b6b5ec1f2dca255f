"""Who may use the operators' API: named tokens with a role and an end.

A token is 256 bits of chance, so one SHA-256 of it is enough to keep: there is
nothing to guess that a slower hash would protect. Only the digest is stored; the
token itself is shown once, when it is made (I16).
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from firstry.domain.errors import FirstryError, InputInvalid
from firstry.domain.ledger import Actor

PREFIX = "firstry_"
SECRET_BYTES = 32
USE_NOTE_INTERVAL = timedelta(minutes=1)
"""The last use of a token is written at most this often."""
_SHAPE = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@ -]{0,59}")


class Role(StrEnum):
    """What a token may do; each role may do all that the one before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def may(self, needed: "Role") -> bool:
        """Whether this role is enough where `needed` is asked for."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


class AccessDenied(FirstryError):
    """No token, or one that opens nothing: unknown, revoked or past its end."""

    code = "API_TOKEN_INVALID"


class RoleInsufficient(FirstryError):
    """The token is good, but its role does not allow this."""

    code = "ROLE_INSUFFICIENT"


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as it is known; the secret is not. `expires_at` is an exclusive end."""

    token_id: str
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def refuse_unless_good(self, now: datetime) -> None:
        """Raise AccessDenied if the token is revoked or past its end."""
        if self.revoked_at is not None:
            raise AccessDenied(f"the token {self.token_id} was revoked", "ask for a new one")
        if self.expires_at is not None and self.expires_at <= now:
            raise AccessDenied(f"the token {self.token_id} has expired", "ask for a new one")

    def refuse_unless_may(self, needed: Role) -> None:
        """Raise RoleInsufficient unless the token's role is enough."""
        if not self.role.may(needed):
            raise RoleInsufficient(
                f"this needs the role {needed}, and the token has the role {self.role}",
                f"use a token with the role {needed}",
            )

    @property
    def actor(self) -> Actor:
        """Return how ledger entries name whoever acts with this token."""
        return actor_named(self.name)


def actor_named(name: str) -> Actor:
    """Return the actor of an operator who is known by `name`."""
    return Actor(f"operator:{name}")


def secret_text(chance: bytes) -> str:
    """Return the token that is shown once, made of 32 bytes of chance."""
    return PREFIX + base64.urlsafe_b64encode(chance).rstrip(b"=").decode()


def secret_digest(secret: str) -> str:
    """Return what is stored of a token, or raise AccessDenied if it is none by its shape."""
    if not _SHAPE.fullmatch(secret):
        raise AccessDenied("this is no token of this service", "`firstry tokens create` makes one")
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


def parse_name(text: str) -> str:
    """Return a name for a token, or raise InputInvalid."""
    if not _NAME.fullmatch(text):
        raise InputInvalid(
            f"{text[:80]!r} is no name for a token",
            "1 to 60 letters, digits, blanks and . _ @ -, for example --name ops-laptop",
        )
    return text


def parse_role(text: str) -> Role:
    """Return the role that `text` names, or raise InputInvalid."""
    try:
        return Role(text)
    except ValueError:
        raise InputInvalid(f"{text[:40]!r} is no role", f"one of {', '.join(Role)}") from None
