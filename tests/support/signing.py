"""The signing key of the tests. Its secret is public, so its signatures prove nothing."""

from firstry.domain.public_key import PublicKey
from firstry.exports.signature import Ed25519Signer
from support.domain import INSTALLED_AT

SIGNER = Ed25519Signer("s-test", bytes(range(32)))
PUBLIC_KEY = PublicKey(SIGNER.key_id, SIGNER.point, INSTALLED_AT)
