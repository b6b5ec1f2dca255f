"""Keys of the simulated platform, and compact tokens signed rightly or wrongly.

Tokens are put together byte by byte instead of through a JOSE library: a library refuses
to make most of the hostile tokens that a verifier has to refuse. Every key has its RFC 7638
thumbprint for a `kid`, so that two platforms never publish different keys under one name.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc.jwk import RSAKey

from firstry.sim.first_file import first_content

KEY_BITS = 2048
JSONObject: TypeAlias = dict[str, object]
Signer: TypeAlias = Callable[[bytes], bytes]


def base64url(data: bytes) -> str:
    """Encode without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def compact(header: Mapping[str, object], claims: Mapping[str, object], sign: Signer) -> str:
    """Return `header.claims.signature`. Nothing is checked: `sign` may ignore the header's alg."""
    parts = [json.dumps(part, separators=(",", ":")).encode() for part in (header, claims)]
    signed = ".".join(base64url(part) for part in parts)
    return f"{signed}.{base64url(sign(signed.encode('ascii')))}"


def rsa_signer(
    key: rsa.RSAPrivateKey, digest: type[hashes.HashAlgorithm] = hashes.SHA256
) -> Signer:
    """Sign as RS256, or as RS384 and RS512 with another digest."""
    return lambda data: key.sign(data, padding.PKCS1v15(), digest())


def hmac_signer(secret: bytes) -> Signer:
    """Sign as HS256; with a public key for `secret` this is the key confusion attack."""
    return lambda data: hmac.new(secret, data, hashlib.sha256).digest()


def unsigned(_data: bytes) -> bytes:
    """Return the empty signature of the algorithm `none`."""
    return b""


def new_private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One RSA key of the platform under the name that its tokens carry."""

    kid: str
    private: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def of(cls, private: rsa.RSAPrivateKey) -> "SigningKey":
        return cls(RSAKey.import_key(_pem(private)).thumbprint(), private)

    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def public_jwk(self) -> JSONObject:
        """Return the key as one entry of a key set (RFC 7517)."""
        public = RSAKey.import_key(self.public_pem()).as_dict(private=False)
        return {**public, "kid": self.kid, "use": "sig", "alg": "RS256"}


class KeyRing:
    """The platform's keys, oldest first; the last one signs, all of them are published.

    With a folder the keys are kept there as unencrypted `key-<n>.pem` files of mode 0600:
    fit for a simulator, for nothing else. Processes that start at once on one folder end up
    with the same first key.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._keys: list[SigningKey] = []
        self._number = 0
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(folder.glob("key-*.pem")):
                self._keys.append(SigningKey.of(_load(path)))
                self._number = int(path.stem.removeprefix("key-"))
        if not self._keys:
            self._add()

    @property
    def current(self) -> SigningKey:
        return self._keys[-1]

    def jwks(self) -> JSONObject:
        """Return the key set document, the newest key first."""
        return {"keys": [key.public_jwk() for key in reversed(self._keys)]}

    def rotate(self, *, retire: bool = False) -> SigningKey:
        """Sign with a new key from now on; `retire` withdraws all older ones at once."""
        self._add()
        if retire:
            self._drop_old()
        return self.current

    def _add(self) -> None:
        private = new_private_key()
        self._number += 1
        if self._folder is not None:
            private = _keep(self._folder / f"key-{self._number:04}.pem", private)
        self._keys.append(SigningKey.of(private))

    def _drop_old(self) -> None:
        self._keys = self._keys[-1:]
        if self._folder is not None:
            for path in sorted(self._folder.glob("key-*.pem"))[:-1]:
                path.unlink(missing_ok=True)


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _keep(target: Path, key: rsa.RSAPrivateKey) -> rsa.RSAPrivateKey:
    """Store the key in a new file; if another process was faster there, return its key."""
    return _parsed(target, first_content(target, _pem(key)))


def _load(path: Path) -> rsa.RSAPrivateKey:
    return _parsed(path, path.read_bytes())


def _parsed(path: Path, content: bytes) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(content, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{path} holds no RSA key")
    return key
