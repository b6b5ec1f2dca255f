"""Sign-in by OpenID Connect, where the settings name a provider."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from firstry.config_value import is_loopback, parse_jwks_url
from firstry.forge.transport import HttpTransport, Request, TransportFailed
from firstry.ports.fetch import Fetched, FetchFailed
from firstry.web.console.visit import ConsoleParts
from firstry.wiring.service import Service

if TYPE_CHECKING:
    from firstry.web.oidc.endpoint import Oidc


def oidc_of(service: Service, parts: ConsoleParts) -> "Oidc | None":
    """Return the sign-in by the identity provider, if there is one. Loads its library only then."""
    settings = service.settings
    if settings.oidc_issuer is None:
        return None
    from firstry.web.oidc.endpoint import Oidc
    from firstry.web.oidc.pending import PendingSeal
    from firstry.web.oidc.provider import OidcSettings, Provider

    assert settings.oidc_client_id is not None, "the settings were checked together"
    assert settings.oidc_client_secret is not None
    assert settings.oidc_roles is not None
    own = OidcSettings(
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_client_secret,
        settings.oidc_scopes,
        settings.oidc_name_claim,
        settings.oidc_role_claim,
        settings.oidc_roles,
    )
    keys = tuple((key.key_id, key.secret) for key in settings.secret_keys)
    provider = Provider(own, _Fetch(service.transport), service.parts.clock.monotonic, _is_safe)
    return Oidc(parts, provider, PendingSeal(keys), is_loopback)


class _Fetch:
    """A `Fetch` over the service's own transport."""

    def __init__(self, transport: HttpTransport) -> None:
        self._transport = transport

    def __call__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_seconds: float,
        max_bytes: int,
    ) -> Fetched:
        request = Request(method, url, headers, body)
        try:
            answer = self._transport.send(request, timeout_seconds, max_bytes)
        except TransportFailed as failure:
            raise FetchFailed(failure.kind.value.lower()) from None
        return Fetched(answer.status, answer.body)


def _is_safe(url: str) -> bool:
    try:
        parse_jwks_url(url)
    except ValueError:
        return False
    return True
