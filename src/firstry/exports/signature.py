"""Signatures: Ed25519 over a DSSE envelope, written and read by the same few lines.

An envelope is read strictly: it must be, byte for byte, the canonical JSON that
`Ed25519Signer` writes. So there is one envelope for one signature, and a byte
changed anywhere in it is noticed, also where DSSE itself would not look, as in
the key's id (decision 0010).
"""

import base64
import binascii
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from firstry.domain.canonical import Json, canonical_bytes
from firstry.domain.ledger import Head
from firstry.domain.record import StoredReport
from firstry.domain.report.shape import Breach, Fixed, Record, Rows, Text
from firstry.domain.report.signing import PAYLOAD_TYPE, statement_of
from firstry.exports.strict_json import Unreadable, form_of, read_json

LONGEST_ENVELOPE = 64 * 1024

_BASE64 = Text(r"[A-Za-z0-9+/]*={0,2}", "base64", longest=LONGEST_ENVELOPE)
_SIGNATURE = Record(
    "signature", {"keyid": Text(r"[A-Za-z0-9._-]{1,64}", "the id of a key"), "sig": _BASE64}
)
_ENVELOPE = Record(
    "envelope",
    {
        "payload": _BASE64,
        "payloadType": Fixed(PAYLOAD_TYPE),
        "signatures": Rows(_SIGNATURE, 1, 1),
    },
)


class EnvelopeInvalid(Exception):
    """The bytes are no envelope of ours. `breach` says where and why."""

    def __init__(self, breach: Breach) -> None:
        super().__init__(str(breach))
        self.breach = breach


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope as it was read. Nothing in it is trusted before `is_signed_by`."""

    key_id: str
    payload: bytes
    signature: bytes

    def is_signed_by(self, point: bytes) -> bool:
        """Whether the key with this public point has signed the payload."""
        try:
            Ed25519PublicKey.from_public_bytes(point).verify(
                self.signature, pre_authentication(self.payload)
            )
        except (InvalidSignature, ValueError):
            return False
        return True

    def statement(self) -> Json:
        """Return what was signed, or raise EnvelopeInvalid if it is no JSON."""
        try:
            return read_json(self.payload, LONGEST_ENVELOPE)
        except Unreadable:
            raise EnvelopeInvalid(Breach("/payload", "must hold JSON")) from None


class Ed25519Signer:
    """A `Signer` with one key. Ed25519 needs no randomness: same report, same envelope."""

    def __init__(self, key_id: str, seed: bytes) -> None:
        self.key_id = key_id
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def point(self) -> bytes:
        """The public half of the key."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, report: StoredReport, head: Head) -> bytes:
        """See `ports.signer.Signer`."""
        payload = canonical_bytes(statement_of(report, head, self.key_id))
        signature = self._key.sign(pre_authentication(payload))
        return canonical_bytes(
            {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"keyid": self.key_id, "sig": base64.b64encode(signature).decode()}],
            }
        )


def pre_authentication(payload: bytes) -> bytes:
    """Return the bytes that DSSE signs: type and payload, each with its length (PAE)."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def read_envelope(content: bytes) -> Envelope:
    """Return the envelope that `content` is, or raise EnvelopeInvalid."""
    try:
        parsed = read_json(content, LONGEST_ENVELOPE)
    except Unreadable as unreadable:
        raise EnvelopeInvalid(unreadable.breach) from None
    found: list[Breach] = []
    _ENVELOPE.check(parsed, "", found)
    if found:
        raise EnvelopeInvalid(found[0])
    if (breach := form_of(content, parsed)) is not None:
        raise EnvelopeInvalid(breach)
    assert isinstance(parsed, dict)
    [signature] = parsed["signatures"]
    return Envelope(
        signature["keyid"],
        _decoded(parsed["payload"], "/payload"),
        _decoded(signature["sig"], "/signatures/0/sig"),
    )


def _decoded(text: str, place: str) -> bytes:
    """Decode base64 that is written in the one right way."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except binascii.Error:
        decoded = b""
    if base64.b64encode(decoded).decode() != text:
        raise EnvelopeInvalid(Breach(place, "must be base64"))
    return decoded
