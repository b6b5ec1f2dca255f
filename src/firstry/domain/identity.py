"""What can go wrong where another service vouches for a person."""

from firstry.domain.access import AccessDenied
from firstry.domain.errors import FirstryError


class SignInRefused(AccessDenied):
    """What came back from the identity provider is not an answer to a sign-in of this browser."""

    code = "SIGN_IN_REFUSED"


class RoleMissing(AccessDenied):
    """The person is known to the provider and has no role here."""

    code = "ROLE_MISSING"


class ProviderUnavailable(FirstryError):
    """The identity provider did not answer, or not as its standard says."""

    code = "PROVIDER_UNAVAILABLE"
