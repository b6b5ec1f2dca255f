"""What `firstry doctor` finds where tenants were kept long enough: may anybody erase them?"""

from collections.abc import Iterator
from datetime import datetime

from firstry.cli.finding import Finding
from firstry.config import Settings
from firstry.domain.errors import EraseNotAllowed
from firstry.ports.insight import Insight
from firstry.wiring.eraser import eraser_of


def erasure_findings(settings: Settings, insight: Insight, now: datetime) -> Iterator[Finding]:
    """Say so if somebody is to be erased by now and the database role may not."""
    if settings.retention is None or not insight.to_erase(now - settings.retention, 1):
        return
    try:
        with eraser_of(settings)():
            return
    except EraseNotAllowed as error:
        yield Finding(
            "ERASE_NOT_ALLOWED",
            f"tenants are kept longer than FIRSTRY_RETENTION says: {error.message}",
            error.remedy,
        )
