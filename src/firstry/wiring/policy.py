"""The rules of the protocol as the settings ask for them."""

from firstry.config import Settings
from firstry.domain.policy import Policy


def policy_of(settings: Settings) -> Policy:
    """Return the rules that the settings ask for."""
    return Policy(
        triggers=settings.triggers,
        waits=settings.backoff,
        max_attempts=settings.max_attempts,
        manual_rate=settings.manual_rate,
        catch_up=settings.catch_up,
        generation_timeout=settings.generation_timeout,
        lease=settings.lease,
        retention=settings.retention,
    )
