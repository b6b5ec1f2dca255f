"""Messages to one webhook: signed, with a key that tells repeats, bounded in time.

The signature is Ed25519 with the key that signs reports, over the same framing as
theirs (DSSE's) but another type, so that neither can be passed off as the other. A
redirect is not followed: the address of a webhook is a secret of its own.
"""

import asyncio
import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TYPE = "application/vnd.firstry.alert+json"
TOTAL_SECONDS = 10.0


class HttpWebhook:
    """A `Webhook` by HTTP POST. Any status from 200 to 299 means that it was taken."""

    def __init__(self, url: str, key_id: str, seed: bytes) -> None:
        self._url, self._key_id = url, key_id
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    def deliver(self, key: str, body: bytes) -> str | None:
        """See `ports.alert.Webhook`."""
        return asyncio.run(self._post(key, body))

    async def _post(self, key: str, body: bytes) -> str | None:
        import aiohttp

        try:
            async with (
                asyncio.timeout(TOTAL_SECONDS),
                aiohttp.ClientSession(trust_env=False) as session,
                session.post(
                    self._url, data=body, headers=self._headers(key, body), allow_redirects=False
                ) as answer,
            ):
                return None if 200 <= answer.status < 300 else f"status {answer.status}"
        except TimeoutError:
            return "no answer in time"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return f"not reached ({type(error).__name__})"

    def _headers(self, key: str, body: bytes) -> dict[str, str]:
        signature = base64.b64encode(self._key.sign(signed_bytes(body))).decode()
        return {
            "content-type": "application/json",
            "idempotency-key": key,
            "x-firstry-signature": f"keyid={self._key_id},sig={signature}",
        }


def signed_bytes(body: bytes) -> bytes:
    """Return the bytes that are signed: type and body, each with its length."""
    kind = TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)
