"""A sign-in that has begun: kept in the browser that began it, sealed, for ten minutes.

AES-256-GCM under `SECRET_KEYS`, bound to this purpose. So the service keeps nothing for
people who never come back, and who reads the cookie learns neither nonce nor verifier.
"""

import base64
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from firstry.domain.identity import SignInRefused
from firstry.domain.instant import from_milliseconds, to_milliseconds

LIFE = timedelta(minutes=10)
_PURPOSE = b"firstry oidc sign-in v1\n"
_NONCE = 12
_SHAPE = re.compile(r"([A-Za-z0-9._-]{1,64})~([A-Za-z0-9_-]{40,3000})")


@dataclass(frozen=True, slots=True)
class Pending:
    """What the answer of the provider has to fit. `begun_at` is in milliseconds.

    `former` is the digest of the session that the browser had; it ends with the sign-in.
    """

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str
    to: str
    begun_at: int
    former: str | None = None


class PendingSeal:
    """Seals and opens them. `keys` are (id, 32 bytes); the first encrypts, all decrypt."""

    def __init__(self, keys: tuple[tuple[str, bytes], ...]) -> None:
        self._ciphers: Mapping[str, AESGCM] = {key_id: AESGCM(key) for key_id, key in keys}
        self._current = keys[0][0]

    def seal(self, pending: Pending) -> str:
        """Return the value of the cookie."""
        nonce = os.urandom(_NONCE)
        content = json.dumps(asdict(pending)).encode()
        sealed = nonce + self._ciphers[self._current].encrypt(nonce, content, _PURPOSE)
        return f"{self._current}~{base64.urlsafe_b64encode(sealed).rstrip(b'=').decode()}"

    def open(self, value: str, now: datetime) -> Pending:
        """Return what was sealed within the last ten minutes, or raise SignInRefused."""
        shape = _SHAPE.fullmatch(value)
        cipher = self._ciphers.get(shape[1]) if shape is not None else None
        if shape is None or cipher is None:
            raise _begin_again("this browser has not begun to sign in, or that is too long ago")
        try:
            sealed = base64.urlsafe_b64decode(shape[2] + "=" * (-len(shape[2]) % 4))
            content = cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _PURPOSE)
        except (InvalidTag, ValueError):
            raise _begin_again("the sign-in was not begun here") from None
        pending = Pending(**json.loads(content))
        if not timedelta() <= now - from_milliseconds(pending.begun_at) < LIFE:
            raise _begin_again("the sign-in was begun over ten minutes ago")
        return pending


def pending_at(now: datetime, redirect_uri: str, to: str, former: str | None) -> Pending:
    """Return a new one, with 256 bits of chance in each word."""
    begun_at = to_milliseconds(now)
    return Pending(_chance(), _chance(), _chance(), redirect_uri, to, begun_at, former)


def _chance() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()


def _begin_again(why: str) -> SignInRefused:
    return SignInRefused(why, "nothing was done; begin to sign in once more")
