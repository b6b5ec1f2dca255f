"""Who is signed in to the console, and what makes a form good for one act.

A session is 256 bits of chance in a cookie; the store keeps its SHA-256. A form carries
the time it was shown and a random word, sealed with the session's secret for one
path: it cannot be made without the cookie, is good for one session, one path and
`FORM_LIFE`, and once only, because the random word is written down when it is used.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from firstry.domain.access import Role, RoleInsufficient, actor_named
from firstry.domain.errors import FirstryError
from firstry.domain.instant import from_milliseconds, to_milliseconds
from firstry.domain.ledger import Actor

SECRET_BYTES = 32
LONGEST = timedelta(hours=12)
"""A session ends this long after it began, whatever happens in it."""
IDLE = timedelta(hours=1)
"""It ends earlier if nothing was asked in it for so long."""
SEEN_NOTE_INTERVAL = timedelta(minutes=1)
"""That it was used is written at most this often."""
FORM_LIFE = timedelta(hours=1)
SESSION_BEGUN = "CONSOLE_SESSION_BEGUN"
SESSION_ENDED = "CONSOLE_SESSION_ENDED"


class FormRefused(FirstryError):
    """A form that is not ours, not for this act, too old, or was sent before."""

    code = "FORM_REFUSED"


class OriginForeign(FirstryError):
    """A form that another site sent, or that does not say which one did."""

    code = "ORIGIN_FOREIGN"


class SignInLimited(FirstryError):
    """Too many sign-ins failed within a few minutes."""

    code = "SIGN_IN_LIMITED"


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """Somebody who is signed in. `token_id` is the API token it was done with, if it was one."""

    digest: str
    name: str
    role: Role
    token_id: str | None
    created_at: datetime
    seen_at: datetime
    ends_at: datetime

    @property
    def actor(self) -> Actor:
        """Return how ledger entries name whoever acts in this session."""
        return actor_named(self.name)

    def refuse_unless_may(self, needed: Role) -> None:
        """Raise RoleInsufficient unless the role is enough."""
        if not self.role.may(needed):
            raise RoleInsufficient(
                f"this needs the role {needed}, and you are signed in as {self.role}",
                f"ask somebody with the role {needed}, or sign in as one",
            )


def session_secret(chance: bytes) -> str:
    """Return the word that stands in the cookie, made of 32 bytes of chance."""
    return base64.urlsafe_b64encode(chance).rstrip(b"=").decode()


def session_digest(secret: str) -> str:
    """Return what is stored of a session's secret."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


def sealed_form(secret: str, path: str, chance: bytes, now: datetime) -> str:
    """Return the hidden word of a form that is shown now and is to be sent to `path`."""
    said = f"{to_milliseconds(now)}.{base64.urlsafe_b64encode(chance).rstrip(b'=').decode()}"
    return f"{said}.{_seal(secret, path, said)}"


def opened_form(secret: str, path: str, word: str, now: datetime) -> str:
    """Return the digest under which the form is to be spent, or raise FormRefused."""
    said, _, seal = word.rpartition(".")
    if not hmac.compare_digest(seal.encode(), _seal(secret, path, said).encode()):
        raise FormRefused(
            "the form does not belong to this session and this act",
            "nothing was changed; open the page again and send the form that is shown there",
        )
    shown_at = from_milliseconds(int(said.partition(".")[0]))
    if not timedelta() <= now - shown_at < FORM_LIFE:
        raise FormRefused(
            "the form is too old: it was shown over an hour ago",
            "nothing was changed; open the page again, look whether it is still wanted, and send",
        )
    return session_digest(word)


def form_spent() -> FormRefused:
    """Return the refusal of a form that was sent before."""
    return FormRefused(
        "this form was sent before",
        "what it asked for was tried then; open the page again to see what came of it",
    )


def _seal(secret: str, path: str, said: str) -> str:
    sealed = hmac.new(secret.encode(), f"{path}\n{said}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
