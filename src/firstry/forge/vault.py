"""The token vault: a system token is encrypted for one tenant and one purpose.

AES-256-GCM with the tenant's id as associated data, so a ciphertext that was
moved to another tenant's row does not open. The address that the token may be
sent to lies inside the ciphertext: who edits the database cannot redirect it.
"""

import json
import os
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from firstry.domain.policy import TOKEN_MARGIN
from firstry.domain.record import SealedToken
from firstry.domain.tenant import Tenant
from firstry.domain.wake import forget_token
from firstry.ports.store import Store
from firstry.ports.vault import SystemToken

_NONCE = 12
_PURPOSE = b"firstry system token v1\n"


class TokenVault:
    """A `Vault` in the store. `keys` are (id, 32 bytes); the first encrypts, all decrypt."""

    def __init__(self, store: Store, keys: tuple[tuple[str, bytes], ...]) -> None:
        self._store = store
        self._ciphers = {key_id: AESGCM(secret) for key_id, secret in keys}
        self._current = keys[0][0] if keys else None

    def seal(self, tenant: Tenant, token: SystemToken) -> SealedToken:
        """See `ports.vault.Vault`."""
        assert self._current is not None, "a process without keys keeps no tokens"
        nonce = os.urandom(_NONCE)
        content = json.dumps({"bearer": token.bearer, "api_base_url": token.api_base_url})
        cipher = self._ciphers[self._current]
        ciphertext = nonce + cipher.encrypt(nonce, content.encode(), _bound_to(tenant))
        return SealedToken(ciphertext, self._current, token.expires_at)

    def open(self, tenant: Tenant, now: datetime) -> SystemToken | None:
        """See `ports.vault.Vault`. A token under a key that is gone counts as none."""
        sealed = self._store.token(tenant)
        if sealed is None:
            return None
        token = self._opened(tenant, sealed, now)
        if token is None:
            self._drop(tenant, now, sealed.expires_at)
        return token

    def forget(self, tenant: Tenant, now: datetime, token: SystemToken) -> None:
        """See `ports.vault.Vault`."""
        self._drop(tenant, now, token.expires_at)

    def _opened(self, tenant: Tenant, sealed: SealedToken, now: datetime) -> SystemToken | None:
        if sealed.expires_at - TOKEN_MARGIN <= now:
            return None
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            return None
        nonce, ciphertext = sealed.ciphertext[:_NONCE], sealed.ciphertext[_NONCE:]
        try:
            content = json.loads(cipher.decrypt(nonce, ciphertext, _bound_to(tenant)))
        except (InvalidTag, ValueError):
            return None
        return SystemToken(content["bearer"], content["api_base_url"], sealed.expires_at)

    def _drop(self, tenant: Tenant, now: datetime, expires_at: datetime) -> None:
        """Delete the token with this end; a newer one stays."""
        self._store.transact(tenant, now, lambda record: forget_token(record, expires_at))


def _bound_to(tenant: Tenant) -> bytes:
    return _PURPOSE + tenant.cloud_id.encode()
